"""What a journal of holds says of one hold, and what follows from it: entries in, how far each hold is out. Pure.

A hold is named by whoever asks and the id of the request (`user/u_ana/r1`). What was asked for stands before it is asked for,
what was used before it is captured, so that a process that dies leaves behind all that somebody else needs to go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, assert_never

import msgspec

from overspill.words.codec import Raw, json_decoder

How = Literal["captured", "released", "denied", "left", "refused", "unbooked", "unused"]
"""How it ended: `left` to time out by itself; `refused`: the service would not hear of it; `unbooked`: what was used can no
longer be booked; `unused`: admitted without the service, and nothing was used."""


class Asked(msgspec.Struct, frozen=True, tag_field="entry", tag="asked"):
    """`request` is its JSON, as it was sent."""

    of: str
    id: str
    request: Raw


class Held(msgspec.Struct, frozen=True, tag_field="entry", tag="held"):
    of: str
    hold: str


class Used(msgspec.Struct, frozen=True, tag_field="entry", tag="used"):
    """What is to be captured, under `number` as its key."""

    of: str
    number: int
    meters: dict[str, int]
    final: bool


class Booked(msgspec.Struct, frozen=True, tag_field="entry", tag="booked"):
    of: str
    number: int


class Releasing(msgspec.Struct, frozen=True, tag_field="entry", tag="releasing"):
    """Nothing was used, and what is held is to go back."""

    of: str


class Ended(msgspec.Struct, frozen=True, tag_field="entry", tag="ended"):
    of: str
    how: How


Entry = Asked | Held | Used | Booked | Releasing | Ended
entry_of: Callable[[bytes], Entry] = json_decoder(Entry).decode  # type: ignore[arg-type]


class Left(msgspec.Struct, frozen=True):
    """A hold that nobody has ended: what was asked for, what is known of it, and the captures that are not known to be
    booked, in their order."""

    of: str
    id: str
    request: bytes
    hold: str | None = None
    captures: tuple[Used, ...] = ()
    final: bool = False
    """Whether the last of all its captures ends it."""
    releasing: bool = False


def left_of(entries: Iterable[Entry]) -> Mapping[str, Left]:
    """The holds that are not ended, by name, in the order in which they were asked for."""
    found: dict[str, Left] = {}
    for entry in entries:
        before = found.get(entry.of)
        if isinstance(entry, Asked):
            found[entry.of] = Left(of=entry.of, id=entry.id, request=bytes(entry.request))
        elif isinstance(entry, Ended):
            found.pop(entry.of, None)
        elif before is not None:
            found[entry.of] = _behind(before, entry)
    return found


def _behind(before: Left, entry: Held | Used | Booked | Releasing) -> Left:
    replace = msgspec.structs.replace
    match entry:
        case Held():
            return replace(before, hold=entry.hold)
        case Used():
            return replace(before, captures=(*before.captures, entry), final=entry.final)
        case Booked():
            return replace(before, captures=tuple(one for one in before.captures if one.number != entry.number))
        case Releasing():
            return replace(before, releasing=True)
        case _:
            assert_never(entry)
