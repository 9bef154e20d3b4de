"""Bodies of strangers → the shape of an operation: every key known, every value of its type, nothing guessed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from overspill.words.codec import JsonFault, Struct, convert, types_of
from overspill.words.diagnostics import did_you_mean
from overspill.words.failures import Failure
from overspill.words.names import shown
from overspill.words.strict_json import json_from_text

S = TypeVar("S", bound=Struct)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*?)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*?)`")
_AT = re.compile(r" - at `(?:key in )?\$(.*)`$", re.DOTALL)
_NO_CHOICE = re.compile(r"Invalid enum value '?(.*?)'?", re.DOTALL)
_KIND = re.compile(r"`(\w+)`")
_KINDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
}
"""What a library calls by the names of Python's types → how JSON is spoken of."""
_PART = re.compile(r"\.([^.\[\]]+)|\[([^\]]*)\]")
HELP = "see /openapi.json"


def object_from(body: bytes, *, fractions: bool = False) -> dict[str, Any]:
    """The body's JSON object; with `fractions` its numbers are any of I-JSON. Raises Failure."""
    value = json_from_text(body, name="the body", fractions=fractions)
    if not isinstance(value, dict):
        raise Failure("invalid_request", "the body is no JSON object", help=HELP, pointer="")
    return value


def shaped(value: dict[str, Any], shape: type[S]) -> S:
    """The body in its shape. Raises Failure with the place."""
    try:
        return convert(value, shape)
    except JsonFault as fault:
        raise _failure(str(fault), shape) from None


def _failure(text: str, shape: type[Struct]) -> Failure:
    at = _AT.search(text)
    pointer = "" if at is None else "".join(f"/{name or index}" for name, index in _PART.findall(at[1]))
    if unknown := _UNKNOWN.search(text):
        key = unknown[1][:64]
        known = shape.__struct_fields__ if not pointer else ()
        help = did_you_mean(key, known) or (f"known: {', '.join(known)}" if known else HELP)
        return Failure("unknown_key", f"there is no `{key}` here", help=help, pointer=f"{pointer}/{key}")
    if missing := _MISSING.search(text):
        what = f"`{missing[1]}` is missing"
        return Failure("invalid_request", what, help="add it", pointer=f"{pointer}/{missing[1]}")
    message = text[: at.start()] if at else text
    if (wrong := _NO_CHOICE.fullmatch(message)) and (choices := sorted(_choices(shape, pointer.split("/")[1:]))):
        help = did_you_mean(wrong[1], choices) or f"known: {', '.join(choices)}"
        return Failure("invalid_request", f"there is no {shown(wrong[1])} here", help=help, pointer=pointer)
    message = _KIND.sub(lambda kind: _KINDS.get(kind[1], kind[0]), message)
    return Failure("invalid_request", message[:1].lower() + message[1:], help=HELP, pointer=pointer)


def _choices(kind: Any, places: Sequence[str]) -> Iterator[str]:
    """The words of which a place in a shape takes one."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        for one in parts:
            yield from _choices(one, places)
    elif not places:
        yield from parts if origin is Literal else ()
    elif isinstance(kind, type) and issubclass(kind, Struct):
        yield from _choices(types_of(kind).get(places[0]), places[1:])
    else:
        yield from _choices(next(iter(parts), None), places[1:])
