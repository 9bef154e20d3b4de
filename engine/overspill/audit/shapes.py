"""What the audit reads of answers, in shapes of its own, and the rows of an export with every field that they may have.

Answers are read leniently, what is not named here is passed over; rows strictly: a field that nobody knows is a fault.
"""

from __future__ import annotations

from msgspec import field

from overspill.audit.amounts import worth
from overspill.records.build import Build
from overspill.words.codec import JsonFault, Light, Raw, json_decoder

NOTHING = Raw()

# ---- answers


class Counted(Light, frozen=True):
    """A window, a cap or what bounds an overage, as a decision found and left it."""

    generation: int
    before: str
    after: str
    limit: str | None
    window: str | None = None
    cap: str | None = None


class FromLot(Light, frozen=True):
    """`before` and `after` are a decision's, `account` and `pool` a capture's."""

    lot: str
    amount: str
    before: str = ""
    after: str = ""
    account: str = ""
    pool: str = ""
    expires_at: str | None = None


class Draw(Light, frozen=True):
    layer: str
    base: str
    amount: str
    unit: str
    windows: tuple[Counted, ...] = ()
    lots: tuple[FromLot, ...] | None = None
    overage: Counted | str | None = None
    caps: tuple[Counted, ...] = ()
    source: str = field(name="from", default="")


class Entry(Light, frozen=True):
    """What the trace says that a decision does to one counter or lot."""

    key: str
    account: str
    amount: str
    window: str | None = None
    pool: str = ""
    lot: str = ""


class Step(Light, frozen=True):
    step: str
    waterfall: str = ""
    request: Raw = NOTHING
    request_digest: str = ""
    layer: str = ""
    verdict: str = ""
    asked: str | None = None
    available: str | None = None
    granted: str | None = None
    outcome: str = ""
    lots: tuple[FromLot, ...] | None = None
    effects: tuple[Entry, ...] = ()


class HoldShown(Light, frozen=True):
    id: str
    expires_at: str | None


class Policy(Light, frozen=True):
    digest: str
    version: int | None = None
    rate_card: str | None = None
    waterfall: str = ""


class Decided(Light, frozen=True):
    decision: str
    request: str
    at: str
    outcome: str
    requested: str
    granted: str
    shortfall: str
    unit: str
    charge: dict[str, str]
    draws: tuple[Draw, ...]
    hold: HoldShown | None
    account_version: int
    policy: Policy
    trace: tuple[Step, ...]
    available: str | None = None


class NewLot(Light, frozen=True):
    lot: str
    expires_at: str | None


class Gone(Light, frozen=True):
    """What came back of a lot that is over; or a lot that has something again."""

    account: str
    pool: str
    lot: str
    amount: str
    unit: str = ""
    expires_at: str | None = None
    reissued: NewLot | None = None


class Captured(Light, frozen=True):
    capture: str
    hold: str
    request: str
    at: str
    late: bool
    used: str
    covered: str
    absorbed: str
    unit: str
    charge: dict[str, str]
    draws: tuple[Draw, ...]
    policy: Policy
    total: str | None = None
    final: bool = True
    refunded: Gone | None = None
    repaid_back: Gone | None = None
    expired: tuple[Gone, ...] = ()


class Ended(Light, frozen=True):
    """A release, a time-out or an extension."""

    hold: str
    request: str
    at: str
    policy: Policy
    release: str = ""
    expire: str = ""
    extend: str = ""
    effective_at: str | None = None
    expires_at: str | None = None
    expired: tuple[Gone, ...] = ()


class Lapsed(Light, frozen=True):
    """What a hold loses with a lot; `returned` is what of the rest goes back, by lot."""

    hold: str
    amount: str
    returned: dict[str, str]


class Moved(Light, frozen=True):
    """A grant, purchase, void, refund, transfer, or a lot's end. `unit` None: amounts are in steps."""

    at: str
    account: str
    pool: str
    lot: str
    amount: str
    unit: str | None
    grant: str = ""
    purchase: str = ""
    void: str = ""
    refund: str = ""
    transfer: str = ""
    expire_lot: str = ""
    receipt: str = ""
    balance: str | None = None
    repaid: str = "0"
    cost: str | None = None
    category: str = ""
    priority: int = 0
    to: str = ""
    to_lot: str = ""
    effective_at: str | None = None
    expires_at: str | None = None
    money: dict[str, str] = {}
    holds: tuple[Lapsed, ...] = ()


class Returned(Light, frozen=True):
    account: str
    amount: str
    to: str
    window: str | None = None
    generation: int = 0
    pool: str = ""
    lot: str = ""
    unit: str = ""
    reissued: NewLot | None = None


class Reversed(Light, frozen=True):
    reversal: str
    at: str
    account: str
    of: str
    returned: tuple[Returned, ...]
    policy: Policy


class Begun(Light, frozen=True):
    window: str
    generation: int


class Redeemed(Light, frozen=True):
    at: str
    account: str
    windows: tuple[Begun, ...]
    redeem: str = ""
    reset: str = ""


class Other(Light, frozen=True):
    """What moves nothing."""

    at: str
    account: str
    set: str = ""
    grant_reset: str = ""
    set_top_up: str = ""
    top_up: str = ""
    unpaid: str = ""


class Asked(Light, frozen=True):
    """A command: what of it the record's key says too, and what was metered."""

    meters: dict[str, int] = {}
    account: str | dict[str, str] = ""
    id: str | None = None
    hold: str = ""
    purchase: str = ""
    tenant: str | None = None
    final: bool = True


decided_from = json_decoder(Decided).decode
captured_from = json_decoder(Captured).decode
ended_from = json_decoder(Ended).decode
moved_from = json_decoder(Moved).decode
reversed_from = json_decoder(Reversed).decode
redeemed_from = json_decoder(Redeemed).decode
other_from = json_decoder(Other).decode
asked_from = json_decoder(Asked).decode

# ---- rows


class Leg(Light, frozen=True, forbid_unknown_fields=True):
    debit: str
    credit: str
    asset: str
    amount: str


class Opened(Light, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    account: str
    asset: str
    category: str
    parent: str | None = None
    cost: str | None = None
    per: str | None = None
    expires_at: str | None = None


class Transaction(Light, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    record: str
    seq: int
    kind: str
    key: tuple[str, str, str, str]
    cause: str
    policy: str | None = None
    version: int | None = None
    rate_card: str | None = None
    at: int
    effective_at: int
    legs: tuple[Leg, ...]
    opened: tuple[Opened, ...] = ()
    hold: str | None = None
    hold_state: str | None = None


class Usage(Light, frozen=True, forbid_unknown_fields=True):
    event: str
    kind: str
    at: str
    tenant: str
    account: str
    request: str
    cause: str
    waterfall: str
    meters: dict[str, int]
    base: str
    unit: str
    charge: dict[str, str]
    reason: str
    layers: tuple[str, ...]


class Part(Light, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    kind: str
    amount: str
    account: str | None = None
    pool: str | None = None
    lot: str | None = None


class Coverage(Light, frozen=True, forbid_unknown_fields=True):
    layer: str | None
    base: str
    amount: str
    unit: str
    parts: tuple[Part, ...]


class Monetization(Light, frozen=True, forbid_unknown_fields=True):
    event: str
    kind: str
    at: str
    tenant: str
    account: str
    request: str
    cause: str
    policy: str
    version: int | None
    rate_card: str | None
    base: str
    unit: str
    charge: dict[str, str]
    coverage: tuple[Coverage, ...]


class Update(Light, frozen=True, forbid_unknown_fields=True):
    update: str
    kind: str
    at: str
    tenant: str
    account: str
    pool: str
    lot: str
    amount: str
    unit: str
    balance: str
    why: str
    cause: str


class StoredRows(Light, frozen=True, forbid_unknown_fields=True):
    """What a store keeps of one record."""

    transaction: Transaction | None = None
    usage: Raw = NOTHING
    monetization: Raw = NOTHING
    updates: tuple[Raw, ...] = ()


class Rows(Light, frozen=True):
    """A record's rows: those of the datasets as they are written, empty where there is none."""

    transaction: Transaction | None
    usage: bytes
    monetization: bytes
    updates: tuple[bytes, ...]


NO_ROWS = Rows(None, b"", b"", ())


class Id(Light, frozen=True):
    """Of any row: an event's, an update's, or the record's of a transaction."""

    event: str = ""
    update: str = ""
    record: str = ""

    @property
    def id(self) -> str:
        return self.event or self.update or self.record


class Worth(Light, frozen=True):
    unit: str = ""
    base: str = ""
    amount: str = ""


stored_rows_from = json_decoder(StoredRows).decode
transaction_from = json_decoder(Transaction).decode
usage_from = json_decoder(Usage).decode
monetization_from = json_decoder(Monetization).decode
update_from = json_decoder(Update).decode
id_from = json_decoder(Id).decode
_worth_from = json_decoder(Worth).decode


def worth_from(line: bytes) -> list[tuple[str, int]]:
    """What a row of a dataset tells of, by asset, where that can be read."""
    try:
        told = _worth_from(line)
    except (JsonFault, UnicodeDecodeError):
        return []
    return worth(told.unit, told.amount or told.base)


class Balance(Light, frozen=True, forbid_unknown_fields=True):
    owner: str
    account: str
    asset: str
    amount: str


class Parked(Light, frozen=True, forbid_unknown_fields=True):
    record: str
    seq: int
    at: int
    reason: str
    of: str
    delivered: str | None


class SegmentLine(Light, frozen=True, forbid_unknown_fields=True):
    first_seq: int
    last_seq: int
    previous_hash: str
    hash: str
    bytes: int
    build: Build | None
