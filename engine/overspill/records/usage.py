"""Usage events: one for every admitted request and every capture, charged or free (DESIGN.md section 5).

An event is its record seen as a row of the dataset: everything in it stands in the record, with which it was durable
before the answer was given.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from overspill.records.journal import Record
from overspill.words.codec import Struct, json_decoder
from overspill.words.ids import derived_id, key_text
from overspill.words.instants import instant_text_micros

USAGE = ("usage",)
"""The events of a record that has usage in it."""
_decode = json_decoder(dict[str, Any]).decode


class UsageEvent(Struct, frozen=True, kw_only=True):
    """`base` is what was used, in `unit`, as decimal text; `cause` is the id of the decision or capture."""

    event: str
    kind: str
    at: str
    tenant: str
    account: str
    request: str
    cause: str
    waterfall: str
    meters: Mapping[str, int]
    base: str
    unit: str


def usage_event(record: Record) -> UsageEvent | None:
    """The record's usage event; None for a record without usage."""
    if record.events != USAGE:
        return None
    command, answer = _decode(record.command), _decode(record.answer)
    tenant, owner, kind, own = record.key
    captures = kind == "capture"
    return UsageEvent(
        event=derived_id(key_text(*record.key), "use"),
        kind="usage",
        at=instant_text_micros(record.at),
        tenant=tenant,
        account=command["account"].split("/", 1)[1] if captures else owner,
        request=answer["request"] if captures else own,
        cause=record.id,
        waterfall=answer["policy"]["waterfall"] if captures else answer["trace"][0]["waterfall"],
        meters=command["meters"],
        base=answer["used"] if captures else answer["granted"],
        unit=answer["unit"],
    )
