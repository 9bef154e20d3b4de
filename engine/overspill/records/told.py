"""What answers tell settlement: the fields of decisions, captures and the rest that a posting or an event needs.

Lean views of the same bytes that `records/answers.py` shows in full: what is not named here is passed over unread. A
field that an answer leaves out has its default.
"""

from __future__ import annotations

from msgspec import field

from overspill.words.codec import Light, json_decoder


class CounterTold(Light, frozen=True, kw_only=True):
    """A window, a cap or an overage in a draw."""

    generation: int
    before: str
    limit: str | None
    window: str | None = None
    cap: str | None = None
    ends_at: str | None = None


class LotTold(Light, frozen=True, kw_only=True):
    lot: str
    amount: str
    account: str = ""
    pool: str = ""
    unit: str = ""
    expires_at: str | None = None


class DrawTold(Light, frozen=True, kw_only=True):
    """Of a decision or of a capture; `source`, `returned` and lots that name their pool are the capture's. `lots` None: it
    is no pool's draw, or of a decision that found none."""

    layer: str
    base: str
    amount: str
    unit: str
    windows: tuple[CounterTold, ...] = ()
    lots: tuple[LotTold, ...] | None = None
    overage: CounterTold | str | None = None
    caps: tuple[CounterTold, ...] = ()
    source: str = field(name="from", default="")


class EntryTold(Light, frozen=True, kw_only=True):
    """What a decision does to one counter or lot."""

    account: str
    amount: str
    window: str | None = None
    pool: str = ""
    lot: str = ""


class StepTold(Light, frozen=True, kw_only=True):
    """A step of the trace: the first names the waterfall, the last has the entries."""

    waterfall: str = ""
    effects: tuple[EntryTold, ...] = ()


class HoldTold(Light, frozen=True, kw_only=True):
    id: str


class PolicyTold(Light, frozen=True, kw_only=True):
    """Of a decision with version and rate card, of what follows it with the waterfall."""

    digest: str
    version: int | None = None
    rate_card: str | None = None
    waterfall: str = ""


class DecisionTold(Light, frozen=True, kw_only=True):
    request: str
    outcome: str
    granted: str
    unit: str
    charge: dict[str, str]
    draws: tuple[DrawTold, ...]
    hold: HoldTold | None
    policy: PolicyTold
    trace: tuple[StepTold, ...]

    @property
    def waterfall(self) -> str:
        return self.trace[0].waterfall


class ReissuedTold(Light, frozen=True, kw_only=True):
    lot: str
    expires_at: str | None


class GoneTold(Light, frozen=True, kw_only=True):
    """What came back of a lot that has expired: expired too, or a lot of its own."""

    account: str
    pool: str
    lot: str
    amount: str
    reissued: ReissuedTold | None = None


class CaptureTold(Light, frozen=True, kw_only=True):
    hold: str
    request: str
    used: str
    absorbed: str
    unit: str
    charge: dict[str, str]
    draws: tuple[DrawTold, ...]
    policy: PolicyTold
    final: bool = True
    refunded: LotTold | None = None
    repaid_back: LotTold | None = None
    expired: tuple[GoneTold, ...] = ()


class EndedTold(Light, frozen=True, kw_only=True):
    """A release or a time-out."""

    hold: str
    effective_at: str | None = None
    expired: tuple[GoneTold, ...] = ()


class LapsedTold(Light, frozen=True, kw_only=True):
    """What a hold loses of a lot that has expired; `returned` is what of the rest goes back, by lot."""

    hold: str
    amount: str
    returned: dict[str, str] = {}


class MovedTold(Light, frozen=True, kw_only=True):
    """A grant, purchase, void, refund, transfer, or a lot's end. `unit` None: of a pool that the policy no longer has, whose
    amounts are told in steps."""

    account: str
    pool: str
    lot: str
    amount: str
    unit: str | None
    repaid: str = "0"
    cost: str | None = None
    category: str = ""
    to: str = ""
    to_lot: str = ""
    effective_at: str | None = None
    expires_at: str | None = None
    money: dict[str, str] = {}
    holds: tuple[LapsedTold, ...] = ()


class ReturnedTold(Light, frozen=True, kw_only=True):
    """What a reversal gives back to a window, a lot or a debt."""

    account: str
    amount: str
    to: str
    window: str | None = None
    pool: str = ""
    lot: str = ""
    unit: str = ""
    reissued: ReissuedTold | None = None


class ReversalTold(Light, frozen=True, kw_only=True):
    of: str
    returned: tuple[ReturnedTold, ...]
    policy: PolicyTold


class OpenedTold(Light, frozen=True, kw_only=True):
    window: str
    generation: int


class RedeemedTold(Light, frozen=True, kw_only=True):
    account: str
    windows: tuple[OpenedTold, ...]


class UsedTold(Light, frozen=True, kw_only=True):
    """The command of a request or of a capture."""

    meters: dict[str, int] = {}
    account: str | dict[str, str] = ""


decision_told = json_decoder(DecisionTold).decode
capture_told = json_decoder(CaptureTold).decode
ended_told = json_decoder(EndedTold).decode
moved_told = json_decoder(MovedTold).decode
reversal_told = json_decoder(ReversalTold).decode
redeemed_told = json_decoder(RedeemedTold).decode
used_told = json_decoder(UsedTold).decode
