"""Usage events: one for every admitted request and every capture, charged or free (DESIGN.md section 5)."""

from __future__ import annotations

from collections.abc import Mapping

from overspill.decide.decide import Decided
from overspill.decide.render import formatter, instant_of_batch
from overspill.step.keys import Identified
from overspill.words.codec import sorted_json_bytes


def usage_event(command: Identified, decided: Decided) -> bytes:
    """The event of an admitted `consume`."""
    request, unit = decided.admitted.request, decided.waterfall.unit
    return event_bytes(
        command,
        account=command.key[1],
        request=request.id,
        waterfall=decided.waterfall.name,
        meters=request.meters,
        base=formatter(unit.scale)(decided.granted),
        unit=unit.name,
        at=decided.now,
    )


def event_bytes(
    command: Identified,
    *,
    account: str,
    request: str,
    waterfall: str,
    meters: Mapping[str, int],
    base: str,
    unit: str,
    at: int,
) -> bytes:
    """`base` is what was used, in `unit`, as decimal text. Ids and names need no escaping: they are identifiers."""
    return (
        f'{{"event":"{command.derived("use")}","kind":"usage","at":"{instant_of_batch(at)}","tenant":"{command.key[0]}",'
        f'"account":"{account}","request":"{request}","cause":"{command.id}","waterfall":"{waterfall}",'
        f'"meters":{sorted_json_bytes(meters).decode()},"base":"{base}","unit":"{unit}"}}'
    ).encode()
