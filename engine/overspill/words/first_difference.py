"""Two JSON texts → the first place where they differ, with what stands there in each."""

from __future__ import annotations

from overspill.words.codec import JsonFault, Struct, json_bytes, json_decoder

ABSENT = ""
"""Stands for what is not there; no JSON text is empty."""
_AROUND = 30
_decode = json_decoder(object).decode


class Place(Struct, frozen=True):
    """`pointer` is a JSON pointer (RFC 6901), with `#byte` behind it where what it names differs only in how it is written;
    `was` and `now` are JSON, ABSENT for nothing."""

    pointer: str
    was: str
    now: str


def first_difference(was: bytes, now: bytes) -> Place | None:
    """None where they are the same bytes."""
    if was == now:
        return None
    try:
        found = _within("", _decode(was), _decode(now))
    except JsonFault:
        found = None
    return found or _written_otherwise(was, now)


def _within(at: str, was: object, now: object) -> Place | None:
    if isinstance(was, dict) and isinstance(now, dict):
        return _in_objects(at, was, now)
    if isinstance(was, list) and isinstance(now, list):
        for index in range(max(len(was), len(now))):
            found = _between(f"{at}/{index}", was[index : index + 1], now[index : index + 1])
            if found is not None:
                return found
        return None
    return None if _text(was) == _text(now) else Place(at, _text(was), _text(now))


def _in_objects(at: str, was: dict[str, object], now: dict[str, object]) -> Place | None:
    for key in [*was, *(key for key in now if key not in was)]:
        pointer = f"{at}/{key.replace('~', '~0').replace('/', '~1')}"
        found = _between(pointer, [was[key]] if key in was else [], [now[key]] if key in now else [])
        if found is not None:
            return found
    return None


def _between(at: str, was: list[object], now: list[object]) -> Place | None:
    """`was` and `now` are what stands there, or nothing."""
    if was and now:
        return _within(at, was[0], now[0])
    return Place(at, *[_text(one[0]) if one else ABSENT for one in (was, now)])


def _written_otherwise(was: bytes, now: bytes) -> Place:
    """The same values in other bytes, or no JSON at all."""
    pairs = zip(was, now, strict=False)
    byte = next((index for index, (a, b) in enumerate(pairs) if a != b), min(len(was), len(now)))
    start = max(byte - _AROUND, 0)
    shown = [_text(text[start : byte + _AROUND].decode("utf-8", "replace")) for text in (was, now)]
    return Place(f"#{byte}", *shown)


def _text(value: object) -> str:
    return json_bytes(value).decode()
