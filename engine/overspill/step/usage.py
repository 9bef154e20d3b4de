"""Usage events: one for every admitted request and every capture, charged or free (DESIGN.md section 5)."""

from __future__ import annotations

from collections.abc import Mapping

from overspill.decide.decide import Decided
from overspill.decide.render import formatter
from overspill.step.keys import Identified
from overspill.words.codec import json_bytes
from overspill.words.instants import instant_text_micros


def usage_event(command: Identified, decided: Decided, tenant: str) -> bytes:
    """The event of an admitted `consume`."""
    unit = decided.waterfall.unit
    return event_bytes(
        command,
        tenant=tenant,
        account=command.key[1],
        request=decided.admitted.request.id,
        cause=command.id,
        waterfall=decided.waterfall.name,
        meters=decided.admitted.request.meters,
        base=formatter(unit.scale)(decided.granted),
        unit=unit.name,
        at=decided.now,
    )


def event_bytes(
    command: Identified,
    *,
    tenant: str,
    account: str,
    request: str,
    cause: str,
    waterfall: str,
    meters: Mapping[str, int],
    base: str,
    unit: str,
    at: int,
) -> bytes:
    """`cause` is the id of the decision or capture; `base` is what was used, in `unit`, as decimal text."""
    return json_bytes(
        {
            "event": command.derived("use"),
            "kind": "usage",
            "at": instant_text_micros(at),
            "tenant": tenant,
            "account": account,
            "request": request,
            "cause": cause,
            "waterfall": waterfall,
            "meters": dict(meters),
            "base": base,
            "unit": unit,
        }
    )
