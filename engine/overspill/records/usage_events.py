"""Usage events: one for every admitted request and every capture, charged or free (DESIGN.md section 5).

An event is its record seen as a row of the dataset: everything in it stands in the record, with which it was durable
before the answer was given.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from overspill.records.journal import Record
from overspill.records.told import CaptureTold, DecisionTold, capture_told, decision_told, used_told
from overspill.records.usage import USAGE
from overspill.words.codec import Light
from overspill.words.ids import derived_id, key_text
from overspill.words.texts import instant_text_of

Reason = Literal["charged", "covered", "absorbed", "rate_zero"]


class UsageEvent(Light, frozen=True, kw_only=True):
    """`base` is what was used, in `unit`, as decimal text; `cause` is the id of the decision or capture.

    `charge` is what it cost, by unit. `reason` says why: `charged`; or free because it was `covered` by layers that charge
    nothing, `absorbed` where no layer was left, or `rate_zero`. `layers` are those that covered a part of it.
    """

    event: str
    kind: Literal["usage"] = "usage"
    at: str
    tenant: str
    account: str
    request: str
    cause: str
    waterfall: str
    meters: Mapping[str, int]
    base: str
    unit: str
    charge: Mapping[str, str]
    reason: Reason
    layers: tuple[str, ...]


def usage_event(record: Record) -> UsageEvent | None:
    """The record's usage event; None for a record without usage."""
    if record.events != USAGE:
        return None
    if record.key[2] == "capture":
        return captured_usage(record, capture_told(record.answer))
    return decided_usage(record, decision_told(record.answer))


def decided_usage(record: Record, answer: DecisionTold) -> UsageEvent:
    """That of a request that was admitted at once."""
    return UsageEvent(
        event=derived_id(key_text(*record.key), "use"),
        at=instant_text_of(record.at),
        tenant=record.key[0],
        account=record.key[1],
        request=record.key[3],
        cause=record.id,
        waterfall=answer.waterfall,
        meters=used_told(record.command).meters,
        base=answer.granted,
        unit=answer.unit,
        charge=answer.charge,
        reason=_reason(answer, answer.granted),
        layers=tuple([draw.layer for draw in answer.draws]),
    )


def captured_usage(record: Record, answer: CaptureTold) -> UsageEvent:
    """That of a capture: what it adds to those before it."""
    command = used_told(record.command)
    assert isinstance(command.account, str)
    layers = [draw.layer for draw in answer.draws if draw.base != "0" or draw.amount != "0"]
    return UsageEvent(
        event=derived_id(key_text(*record.key), "use"),
        at=instant_text_of(record.at),
        tenant=record.key[0],
        account=command.account.split("/", 1)[1],
        request=answer.request,
        cause=record.id,
        waterfall=answer.policy.waterfall,
        meters=command.meters,
        base=answer.used,
        unit=answer.unit,
        charge=answer.charge,
        reason=_reason(answer, answer.used),
        layers=tuple(dict.fromkeys(layers)),
    )


def _reason(answer: DecisionTold | CaptureTold, used: str) -> Reason:
    if answer.charge:
        return "charged"
    if used == "0":
        return "rate_zero"
    return "covered" if answer.draws else "absorbed"
