"""A denial as a problem (RFC 9457), for whom it reaches over a gateway, which knows statuses and not decisions.

| status | `type` | when |
| --- | --- | --- |
| 429 | quota-exceeded (draft-ietf-httpapi-ratelimit-headers-10) | time helps: something comes back, or a hold ends |
| 402 | insufficient_credits | only a purchase helps |
| 403 | entitlement_missing | neither does |

It reaches the user, who is told of what is the user's own: what several share is nobody's to see.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import field

from overspill.plan.plan import ROOT, Plan
from overspill.records.answers import ConcurrencyStep, DecisionRecord
from overspill.serve.fields import RETRY_AFTER, Header
from overspill.serve.problems import Problem
from overspill.serve.rate_limits import own_units
from overspill.words.codec import Struct
from overspill.words.instants import instant_from_text

QUOTA, CREDITS, ENTITLEMENT = 429, 402, 403
TYPES = {
    QUOTA: "https://iana.org/assignments/http-problem-types#quota-exceeded",
    CREDITS: "/problems/insufficient_credits",
    ENTITLEMENT: "/problems/entitlement_missing",
}
TITLES = {QUOTA: "Quota exceeded", CREDITS: "Insufficient credits", ENTITLEMENT: "Entitlement missing"}
SECOND = 1_000_000


class Remedy(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What would help: `until` for wait; `pool`, `amount` and `unit` for a purchase into the user's own pool."""

    offer: str
    until: str | None = None
    pool: str | None = None
    amount: str | None = None
    unit: str | None = None


class Denial(Problem, frozen=True, kw_only=True):
    """`code` is the reason's, `retry_at` when the same would be granted with nothing bought; null: never."""

    decision_id: str
    retry_at: str | None
    remedies: tuple[Remedy, ...]
    violated: tuple[str, ...] = field(name="violated-policies")


def denial_of(record: DecisionRecord, plan: Plan, request_id: str) -> Denial:
    """What a denial is told as."""
    status, reason = denied_status(record), record.reason
    assert reason is not None
    remedies = tuple(_remedies(record, plan))
    return Denial(
        type=TYPES[status],
        title=TITLES[status],
        status=status,
        code=reason.code,
        detail=f"{record.requested} {record.unit} were asked for and are not granted: {reason.code}",
        help=", or ".join([_sentence(one) for one in remedies]) or None,
        errors=(),
        request_id=request_id,
        decision_id=record.decision,
        retry_at=record.retry_at,
        remedies=remedies,
        violated=tuple(_violated(record, plan)),
    )


def denied_status(record: DecisionRecord) -> int:
    """429, 402 or 403."""
    full = any(isinstance(step, ConcurrencyStep) and step.verdict == "denied" for step in record.trace)
    if record.retry_at is not None or full:
        return QUOTA
    return CREDITS if any(one.pool is not None for one in record.offers) else ENTITLEMENT


def retry_after(record: DecisionRecord, now: int) -> tuple[Header, ...]:
    """The field, where time helps: seconds, rounded up."""
    if record.retry_at is None:
        return ()
    seconds = max(-(-(instant_from_text(record.retry_at) - now) // SECOND), 1)
    return (RETRY_AFTER.of(str(seconds)),)


def _remedies(record: DecisionRecord, plan: Plan) -> Iterator[Remedy]:
    for one in record.offers:
        if one.pool is None:
            yield Remedy(offer=one.offer, until=one.until)
        elif one.pool in plan.pools and plan.pools[one.pool].kind == ROOT:
            yield Remedy(offer=one.offer, pool=one.pool, amount=one.amount, unit=one.unit)
        else:
            yield Remedy(offer=one.offer, pool=one.pool)


def _sentence(remedy: Remedy) -> str:
    if remedy.until is not None:
        return f"wait until {remedy.until}"
    if remedy.amount is not None:
        return f"add {remedy.amount} {remedy.unit} to {remedy.pool}"
    return remedy.offer.replace("_", " ")


def _violated(record: DecisionRecord, plan: Plan) -> Iterator[str]:
    """The windows of the user's own that let nothing more through, as the RateLimit fields call them."""
    own = own_units(plan)
    counters = {
        layer.name: {window.name for window in layer.windows}
        for waterfall in plan.waterfalls
        for layer in waterfall.layers
        if layer.name in own
    }
    assert record.reason is not None
    for one in record.reason.layers:
        if one.cause in counters.get(one.layer, ()):
            yield one.cause
