"""JSON as strangers send it: text in, plain values out, with every ambiguity refused.

No duplicate keys, no NaN or Infinity, no fractions or exponents (amounts are strings), no lone surrogates, no integer
of more than 19 digits, no nesting beyond 32: each is something that parsers disagree about (ASSURANCE.md section 2).
Where a standard lets others say what they like beside what is asked, numbers are those of I-JSON (RFC 7493 section 2.2):
fractions are exact decimals here, never floats.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, NoReturn

from overspill.words.codec import JsonFault, whole_decoder
from overspill.words.failures import Failure
from overspill.words.kept import kept
from overspill.words.names import is_torn

BYTES_MAX = 256 * 1024
DEPTH_MAX = 32

Json = Any
DOUBLE_MAX = Decimal(2**1024 - 2**970)
EXACT_MAX = 2**53 - 1
"""What a double holds at most, and up to where it holds every whole number."""


def json_from_text(
    text: str | bytes, *, name: str = "input", bytes_max: int = BYTES_MAX, fractions: bool = False
) -> Json:
    """One JSON value; with `fractions` its numbers are any of I-JSON. Raises Failure `invalid_json` naming `name` and the
    fault."""
    if len(text) > bytes_max:
        raise _failure(name, f"is larger than {bytes_max} bytes", "split it")
    if isinstance(text, bytes):
        if not fractions and (found := _plain(text)) is not None:
            return found
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise _failure(name, f"is not UTF-8 at byte {error.start}", "save it as UTF-8") from None
    if _depth(text) > DEPTH_MAX:
        raise _failure(name, f"is nested deeper than {DEPTH_MAX}", "flatten it")
    may_be_torn = "\\" in text or not text.isascii()
    try:
        found = _decoder((name, may_be_torn, fractions)).decode(text)
    except json.JSONDecodeError as error:
        what = f"is not JSON: {error.msg.lower()} at line {error.lineno} column {error.colno}"
        raise _failure(name, what, "write one JSON value, with its quotes, commas and brackets") from None
    if may_be_torn and _holds_torn(found):
        raise _failure(name, "has a lone surrogate", "send valid Unicode")
    return found


# ---- what is plain, in half of the time


def _plain(text: bytes) -> Json:
    """The value of a text of ASCII without escapes and without anything doubtful in it; else None, and who is slower says what
    it is."""
    if text.count(b"[") + text.count(b"{") > DEPTH_MAX:
        return None
    try:
        found = _whole(text)
    except (JsonFault, _Fraction):
        return None
    return found if keys_in(text, _keys(found)) else None


def keys_in(text: bytes, count: int) -> bool:
    """Whether a JSON text is ASCII without escapes in which just so many keys stand: if its value has so many, none stands
    there twice."""
    if not text.isascii() or _ESCAPE in text:
        return False
    return text.count(b":") == count or len(_KEY(text)) == count


def _keys(value: Json) -> int:
    """How many keys are in it; below 0 where a number has too many digits."""
    kind = type(value)
    if kind is dict:
        count = len(value)
        for one in value.values():
            if type(one) is not str:
                count += _keys(one)
        return count
    if kind is list:
        return sum([_keys(one) for one in value])
    return -MANY if kind is int and not -MANY < value < MANY else 0


class _Fraction(Exception):
    pass


def _fraction(text: str) -> NoReturn:
    raise _Fraction


_ESCAPE = ord("\\")
"""A byte that is looked for as a number is found in a tenth of the time."""
MANY = 10**19
_KEY = re.compile(rb'"[ \t\r\n]*:').findall
"""Where no quote is escaped, each that stands before a colon ends a key, or begins a text."""
_whole = whole_decoder(_fraction)


# ---- whatever else it is


@kept
def _decoder(of: tuple[str, bool, bool]) -> json.JSONDecoder:
    """For what is called so, in which there may be torn text or not, and fractions or not."""
    name, may_be_torn, fractions = of

    def refuse(text: str) -> NoReturn:
        raise _failure(name, f"holds the number `{_short(text)}`", "write whole numbers, and amounts as strings")

    def integer(text: str) -> int:
        if len(text) - text.startswith("-") > 19:
            raise _failure(name, f"holds the number `{_short(text)}`, which has more than 19 digits", "ask for less")
        return int(text)

    def unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        found = dict(pairs)
        if len(found) != len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            raise _failure(name, f"has the key `{twice[:64]}` twice", "state it once")
        for key, value in pairs if may_be_torn else ():
            if is_torn(key) or _holds_torn(value):
                shown = ascii(key)[1:-1]
                raise _failure(name, f"has a lone surrogate at the key `{shown[:64]}`", "send valid Unicode")
        return found

    def exact(text: str) -> int:
        if len(text) > 19 or not -EXACT_MAX <= int(text) <= EXACT_MAX:
            raise _failure(name, f"holds the number `{_short(text)}`, which not all can read", "write it as a string")
        return int(text)

    def decimal(text: str) -> Decimal:
        try:
            value = Decimal(text)
        except ArithmeticError:
            value = Decimal("Infinity")
        if abs(value) > DOUBLE_MAX:
            raise _failure(name, f"holds the number `{_short(text)}`, which not all can read", "write it as a string")
        return value

    parse_float, parse_int = (decimal, exact) if fractions else (refuse, integer)
    return json.JSONDecoder(
        object_pairs_hook=unique, parse_float=parse_float, parse_constant=refuse, parse_int=parse_int
    )


def _short(text: str) -> str:
    return text if len(text) <= 20 else text[:20] + "…"


def _holds_torn(value: Json) -> bool:
    """A torn text, or a list that holds one; objects were looked at when they ended."""
    if isinstance(value, list):
        return any(map(_holds_torn, value))
    return isinstance(value, str) and is_torn(value)


def _depth(text: str) -> int:
    """The deepest nesting of brackets outside strings, counted before the recursive decoder sees the text."""
    if text.count("[") + text.count("{") <= DEPTH_MAX:
        return 0
    depth = deepest = 0
    in_string = escaped = False
    for char in text:
        if in_string:
            if escaped:
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == '"':
                in_string = False
        elif char == '"':
            in_string = True
        elif char in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "]}":
            depth -= 1
    return deepest


def _failure(name: str, what: str, help: str | None) -> Failure:
    return Failure("invalid_json", f"{name} {what}", help=help)
