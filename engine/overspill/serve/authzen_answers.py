"""A decision → an AuthZEN evaluation: yes or no, and in its context how much, from where, and what would help."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from hashlib import sha256

from overspill.plan.plan import Plan
from overspill.records.answers import Decision, DecisionRecord, Draw, LayerStep
from overspill.serve.authzen_shapes import (
    Constraint,
    Evaluation,
    EvaluationContext,
    EvaluationError,
    GrantPart,
    GrantTold,
    HoldTold,
    Obligation,
    OfferTold,
    PolicyTold,
    ReasonAdmin,
    ReasonUser,
    TraceTold,
)
from overspill.serve.deciding import Mode
from overspill.serve.problems import status_of
from overspill.words.failures import Failure

UNLIMITED = "unlimited"
GRANT = "grant"
"""The obligation to use no more than was granted."""
AS_400 = (415, 422)
"""What is wrong with a request is 400 in that standard, which knows 400, 401, 403 and 500."""


def evaluation_of(decided: Decision, mode: Mode, plan: Plan) -> Evaluation:
    """What a decision is told as; `plan` is the active one."""
    record, reason = decided.record, decided.record.reason
    kept = mode != "preview"
    context = EvaluationContext(
        evaluation_id=record.decision,
        evaluated_at=record.at,
        mode=mode,
        policy=PolicyTold(id=record.policy.name, version=str(record.policy.version), digest=record.policy.digest),
        grant=_grant(record),
        constraints=tuple(_constraints(record, plan)),
        obligations=tuple(_obligations(record)),
        reason_user=None if reason is None else ReasonUser(code=reason.code),
        reason_admin=None
        if reason is None
        else ReasonAdmin(
            code=reason.code, binding=reason.binding, layers={one.layer: one.cause for one in reason.layers}
        ),
        offers=tuple(
            [
                OfferTold(offer=one.offer, until=one.until, pool=one.pool, amount=one.amount, unit=one.unit)
                for one in record.offers
            ]
        ),
        retry_at=record.retry_at,
        trace=_trace(record.decision, decided.json) if kept else None,
        replayed=decided.replayed,
    )
    return Evaluation(decision=decided.allowed, context=context)


def error_of(failure: Failure) -> EvaluationError:
    """What kept an evaluation from being made."""
    status = status_of(failure)
    return EvaluationError(
        status=400 if status in AS_400 else status, message=failure.message, code=failure.code, help=failure.help
    )


def failed(failure: Failure) -> Evaluation:
    """An evaluation that could not be made denies."""
    return Evaluation(decision=False, context=EvaluationContext(error=error_of(failure)))


def outcome_of(one: Evaluation) -> str:
    """allow, partial or deny, as the decision says it; nothing where none was made."""
    if one.context.error is not None:
        return ""
    if not one.decision:
        return "deny"
    return "partial" if any(duty.id == GRANT for duty in one.context.obligations or ()) else "allow"


def _trace(id: str, json: bytes) -> TraceTold:
    return TraceTold(ref=f"/v1/decisions/{id}", digest=f"sha256:{sha256(json).hexdigest()}")


def _grant(record: DecisionRecord) -> GrantTold:
    hold = record.hold
    return GrantTold(
        requested={record.unit: record.requested},
        granted={record.unit: record.granted},
        available=None if record.available is None else {record.unit: record.available},
        charge=record.charge,
        parts=tuple(
            [
                GrantPart(layer=draw.layer, unit=draw.unit, amount=draw.amount, source=_source(draw))
                for draw in record.draws
            ]
        ),
        hold=None if hold is None else HoldTold(id=hold.id, expires_at=hold.expires_at),
    )


def _source(draw: Draw) -> tuple[str, ...]:
    return (*[one.window for one in draw.windows], *[one.lot for one in draw.lots])


def _constraints(record: DecisionRecord, plan: Plan) -> Iterator[Constraint]:
    """Of the windows and caps that were looked at: of a decision by another policy than the active one nothing is told, for
    their units are not known."""
    units = _units(record, plan)
    for step in record.trace:
        if not isinstance(step, LayerStep) or step.layer not in units:
            continue
        counters = [*[(one.window, one) for one in step.windows or ()], *[(one.cap, one) for one in step.caps or ()]]
        for name, one in counters:
            if one.limit is not None and one.limit != UNLIMITED:
                yield Constraint(
                    type="limit",
                    layer=step.layer,
                    name=name,
                    unit=units[step.layer],
                    limit=one.limit,
                    remaining=_left(one.limit, one.after),
                    resets_at=one.ends_at,
                )


def _units(record: DecisionRecord, plan: Plan) -> Mapping[str, str]:
    if record.policy.digest != plan.digest:
        return {}
    return {layer.name: layer.unit.name for waterfall in plan.waterfalls for layer in waterfall.layers}


def _left(limit: str, used: str) -> str:
    """limit - used, nothing at least, as decimal text without zeros behind it."""
    text = f"{max(Decimal(limit) - Decimal(used), Decimal(0)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _obligations(record: DecisionRecord) -> Iterator[Obligation]:
    """The AuthZEN Obligations Profile (draft 1): who cannot do them must deny."""
    if record.outcome == "partial":
        yield Obligation(id=GRANT, type="custom", action="use_at_most", amount=record.granted, unit=record.unit)
    if record.hold is not None:
        yield Obligation(
            id="settle",
            type="custom",
            action="capture",
            hold=record.hold.id,
            endpoint=f"/v1/holds/{record.hold.id}/capture",
            expires_at=record.hold.expires_at,
        )
