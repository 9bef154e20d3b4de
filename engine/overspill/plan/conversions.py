"""Conversions between kinds of values, `int("12")`, `string(1.5)` (cel-spec, `doc/langdef.md`, "Type Conversions").

A value that has no counterpart is an error, never cut to fit. Timestamps and durations are in `times.py`.
"""

from __future__ import annotations

import math

from overspill.plan.values import INT_MAX, INT_MIN, UInt, fail, overflow, shown, uint


def _digits(text: str, unsigned: bool = False) -> int:
    digits = text[1:] if text[:1] in ("+" if unsigned else "-+") else text
    if not text or not (digits.isascii() and digits.isdigit()):
        fail(f"cannot convert to {'uint' if unsigned else 'int'}: {text[:40]}")
    digits = digits.lstrip("0") or "0"
    if len(digits) > 20:
        overflow()
    return -int(digits) if text[0] == "-" else int(digits)


def int_of_string(text: str) -> int:
    value = _digits(text)
    return value if INT_MIN <= value <= INT_MAX else overflow()


def int_of_uint(value: int) -> int:
    return int(value) if value <= INT_MAX else overflow()


def int_of_double(value: float) -> int:
    """Towards zero; the ends of int64, not exact as doubles, are outside."""
    return int(value) if -(2.0**63) < value < 2.0**63 else overflow()


def uint_of_int(value: int) -> UInt:
    return uint(value)


def uint_of_double(value: float) -> UInt:
    """Towards zero."""
    return UInt(value) if 0.0 <= value < 2.0**64 else overflow()


def uint_of_string(text: str) -> UInt:
    return uint(_digits(text, unsigned=True))


def double_of_int(value: int) -> float:
    return float(value)


def double_of_string(text: str) -> float:
    """Decimal, with or without an exponent; `NaN`, `inf` and `Infinity` in any case."""
    if not text.isascii() or "_" in text or text != text.strip():
        fail(f"cannot convert to double: {shown(text)}")
    try:
        return float(text)
    except ValueError:
        fail(f"cannot convert to double: {shown(text)}")


def string_of_int(value: int) -> str:
    return str(int(value))


def string_of_bool(value: bool) -> str:
    return "true" if value else "false"


def string_of_double(value: float) -> str:
    """The shortest digits that read back, with an exponent below 1e-4 and from 1e6 on: `1.5`, `1e+06`."""
    if not math.isfinite(value):
        return str(value)
    digits = repr(abs(value)).partition("e")[0].replace(".", "").strip("0")
    places = max(len(digits) - 1, 0)
    scientific = f"{value:.{places}e}"
    exponent = int(scientific.partition("e")[2])
    return f"{value:.{max(places - exponent, 0)}f}" if -4 <= exponent < 6 else scientific


def string_of_bytes(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        fail("the bytes are no UTF-8 text")


def bytes_of_string(text: str) -> bytes:
    return text.encode()


_BOOLS = dict.fromkeys(("1", "t", "true", "TRUE", "True"), True)
_BOOLS |= dict.fromkeys(("0", "f", "false", "FALSE", "False"), False)


def bool_of_string(text: str) -> bool:
    found = _BOOLS.get(text)
    return fail(f"cannot convert to bool: {shown(text)}") if found is None else found
