"""A record → the command that it is of, as it was asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from overspill.records.journal import Record
from overspill.records.request import Request
from overspill.step.commands import Command, Consume, ConsumeAway, Reserve
from overspill.step.keys import KINDS
from overspill.words.codec import Raw, json_decoder

_decode_request = json_decoder(Request).decode


def command_of(record: Record) -> Command:
    """Raises JsonFault where the record's command is none of its kind."""
    tenant, kind = record.key[0], record.key[2]
    shape = KINDS[kind]
    if shape in (Consume, Reserve):
        request = _decode_request(record.command)
        if record.away is not None:
            return ConsumeAway(tenant=tenant, request=request, granted=record.away)
        return shape(tenant=tenant, request=request)
    return _decoders()[kind](record.command)


@cache
def _decoders() -> dict[str, Callable[[Raw], Command]]:
    return {kind: json_decoder(shape).decode for kind, shape in KINDS.items()}
