"""Answers as callers see them: typed views of the exact bytes, decoded when somebody looks.

The shapes are the wire's (LANGUAGE.md section 5): amounts are decimal text with their unit beside them, instants RFC
3339 in UTC. A field that an answer leaves out is None here.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

import msgspec

from overspill.records.written import Form, Written
from overspill.words.codec import Struct, json_decoder
from overspill.words.kept import kept


class CounterDraw(msgspec.Struct, frozen=True, kw_only=True):
    """What a draw does to what counts it, in the layer's unit: `before` and `after` count use, held amounts included.
    `limit` None: the bound is absent; `source` is where it was found among the inputs; `ends_at` None: never."""

    generation: int
    before: str
    after: str
    limit: str | None
    ends_at: str | None
    binds: bool
    source: str | None = None


class WindowDraw(CounterDraw, frozen=True, kw_only=True):
    """A window of a limit, or the allowance of an entitlement or a grace."""

    window: str


class CapDraw(CounterDraw, frozen=True, kw_only=True):
    """A cap on the layer; one whose bound is absent does not apply."""

    cap: str


class OverageDraw(CounterDraw, frozen=True, kw_only=True):
    """What a pool is drawn beyond its lots."""


class LotDraw(msgspec.Struct, frozen=True, kw_only=True):
    """What a draw takes from one lot: `before` and `after` count what is left."""

    lot: str
    amount: str
    before: str
    after: str
    expires_at: str | None


class Draw(msgspec.Struct, frozen=True, kw_only=True):
    """One layer's part: `base` in the decision's unit, `amount` in the layer's own."""

    layer: str
    base: str
    amount: str
    unit: str
    windows: tuple[WindowDraw, ...] = ()
    lots: tuple[LotDraw, ...] = ()
    overage: OverageDraw | None = None
    caps: tuple[CapDraw, ...] = ()


class LayerCause(msgspec.Struct, frozen=True, kw_only=True):
    layer: str
    cause: str


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why: the code of `otherwise` or of a guard, the window that binds, each layer that fell short."""

    code: str
    binding: str | None
    layers: tuple[LayerCause, ...]


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What would help: `until` for wait, `pool`, `amount` and `unit` for a purchase."""

    offer: str
    until: str | None = None
    pool: str | None = None
    amount: str | None = None
    unit: str | None = None


class HeldUntil(msgspec.Struct, frozen=True, kw_only=True):
    """`expires_at` None: never."""

    id: str
    expires_at: str | None


class PolicyName(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    version: int
    digest: str
    rate_card: str | None


FactShown = str | int | bool | tuple[Any, ...] | None
"""A value as it was read: amounts and instants as text, what is absent as null; of many accounts a list."""


class Clause(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a condition that decided, with the values it read (null: absent)."""

    text: str
    values: dict[str, FactShown]
    error: str | None = None


class InputsStep(msgspec.Struct, frozen=True, kw_only=True, tag_field="step", tag="inputs"):
    """What was decided on: the request as it came, its digest, and every fact the waterfall read."""

    waterfall: str
    source: str
    request: dict[str, Any]
    request_digest: str
    facts: dict[str, FactShown]


class GuardStep(msgspec.Struct, frozen=True, kw_only=True, tag_field="step", tag="guard"):
    guard: str
    source: str
    verdict: Literal["passed", "denied", "error", "not_reached"]
    clause: Clause | None = None


class ConcurrencyStep(msgspec.Struct, frozen=True, kw_only=True, tag_field="step", tag="concurrency"):
    """How many holds were open of those that may be; None where it does not count this one."""

    concurrency: str
    source: str
    verdict: Literal["passed", "denied", "not_reached"]
    holds: int | None = None
    at_most: int | None = None


class LayerStep(msgspec.Struct, frozen=True, kw_only=True, tag_field="step", tag="layer"):
    """One layer: `asked`, `available` and `granted` are base amounts; `cause` names why it fell short."""

    layer: str
    source: str
    verdict: Literal["drew", "exhausted", "skipped", "not_applicable", "error", "not_reached"]
    asked: str | None = None
    available: str | None = None
    granted: str | None = None
    cause: str | None = None
    binding: str | None = None
    windows: tuple[WindowDraw, ...] | None = None
    lots: tuple[LotDraw, ...] | None = None
    overage: OverageDraw | None = None
    caps: tuple[CapDraw, ...] | None = None
    clause: Clause | None = None


class EffectEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What the decision does to one window or lot, under the key that makes it happen once."""

    key: str
    account: str
    amount: str
    window: str | None = None
    pool: str | None = None
    lot: str | None = None


class UnavailableStep(msgspec.Struct, frozen=True, kw_only=True, tag_field="step", tag="unavailable"):
    """It was decided while the store was away, from limits alone: of `up_to` base amounts in one outage the account had been
    granted `before`, and now `after`."""

    up_to: str
    before: str
    after: str


class OutcomeStep(msgspec.Struct, frozen=True, kw_only=True, tag_field="step", tag="outcome"):
    source: str
    outcome: Literal["allow", "partial", "deny"]
    code: str | None
    effects: tuple[EffectEntry, ...]


Step = InputsStep | UnavailableStep | GuardStep | ConcurrencyStep | LayerStep | OutcomeStep


class DecisionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A decision's fields, one for one."""

    decision: str
    request: str
    at: str
    outcome: Literal["allow", "partial", "deny"]
    requested: str
    granted: str
    shortfall: str
    unit: str
    charge: dict[str, str]
    draws: tuple[Draw, ...]
    reason: Reason | None
    offers: tuple[Offer, ...]
    retry_at: str | None
    hold: HeldUntil | None
    account_version: int
    policy: PolicyName
    trace: tuple[Step, ...]
    available: str | None = None


_decode_decision = json_decoder(DecisionRecord).decode
_decode_object = json_decoder(dict[str, Any]).decode


_OUTCOME = b'"outcome":"'


def outcome_in(json: bytes) -> str:
    """The outcome of a decision, without reading the rest: it stands behind three ids and texts, of which none has quotes."""
    start = json.index(_OUTCOME) + len(_OUTCOME)
    return json[start : json.index(b'"', start)].decode()


@kept
def _outcome_of(form: Form) -> str:
    """All answers of a form have one outcome: it stands in its text, not in a hole."""
    return outcome_in("".join(form.pieces).encode())


class Decision(Struct, eq=False, dict=True, weakref=True):
    """How much is allowed, and from where.

    `json` are the exact bytes that are stored and sent; `replayed` says that they were given before. Everything else
    is read from them: `outcome` (allow, partial or deny), `granted`, `draws`, `reason`, `offers`, `trace` and the
    further fields of `DecisionRecord`.
    """

    written: Written
    """The bytes as they are kept: a form and what stands in it, or as they are."""
    replayed: bool = False
    _json: bytes | None = None

    @property
    def json(self) -> bytes:
        """The exact bytes."""
        found = self._json
        if found is None:  # two threads at once would write the same
            found = self._json = self.written.json
        return found

    @cached_property
    def record(self) -> DecisionRecord:
        """All fields, typed."""
        return _decode_decision(self.json)

    @property
    def id(self) -> str:
        return self.record.decision

    @property
    def outcome(self) -> str:
        form = self.written.form
        return outcome_in(self.json) if form is None else _outcome_of(form)

    @property
    def allowed(self) -> bool:
        """Whether anything was granted."""
        return self.outcome != "deny"

    @property
    def requested(self) -> str:
        return self.record.requested

    @property
    def granted(self) -> str:
        return self.record.granted

    @property
    def shortfall(self) -> str:
        return self.record.shortfall

    @property
    def unit(self) -> str:
        return self.record.unit

    @property
    def charge(self) -> dict[str, str]:
        """What pools not marked `free` were debited, by unit."""
        return self.record.charge

    @property
    def draws(self) -> tuple[Draw, ...]:
        return self.record.draws

    @property
    def reason(self) -> Reason | None:
        return self.record.reason

    @property
    def offers(self) -> tuple[Offer, ...]:
        return self.record.offers

    @property
    def retry_at(self) -> str | None:
        return self.record.retry_at

    @property
    def hold(self) -> HeldUntil | None:
        """For a reservation: what captures and releases name."""
        return self.record.hold

    @property
    def trace(self) -> tuple[Step, ...]:
        return self.record.trace

    def __repr__(self) -> str:
        record = self.record
        return f"<Decision {record.decision} {record.outcome} {record.granted} of {record.requested} {record.unit}>"


class Receipt:
    """The answer to a capture, release, grant or change of attributes: exact bytes, and their fields by name."""

    def __init__(self, written: Written, replayed: bool = False) -> None:
        self.json = written.json
        self.replayed = replayed

    @cached_property
    def fields(self) -> dict[str, Any]:
        return _decode_object(self.json)

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]

    def __repr__(self) -> str:
        return f"<Receipt {self.json.decode()}>"
