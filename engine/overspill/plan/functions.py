"""CEL's functions at run time, one per overload, with CEL's exact errors (cel-spec, `doc/langdef.md`).

Values: int as Python's int within int64, uint as `UInt`, double as float (the only floats of the run time, and never
an amount), string, bytes, bool, None, lists as tuples, maps as `Map`. A failing function raises `CelError`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NoReturn

INT_MIN, INT_MAX = -(2**63), 2**63 - 1
UINT_MAX = 2**64 - 1


class CelError(Exception):
    """An expression's run-time error: a value that `&&` and `||` may absorb."""


class _Absent:
    """What an input that is not there holds in the facts."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "absent"


ABSENT = _Absent()


class UInt(int):
    """An unsigned 64-bit integer: another type than int, though equal numbers are equal."""

    __slots__ = ()


class Map(tuple[tuple[object, object], ...]):
    """A map as its entries, in the order written; keys are unique."""

    __slots__ = ()


def fail(message: str) -> NoReturn:
    raise CelError(message)


def no_such_key(name: str) -> NoReturn:
    """An input that is absent was read."""
    raise CelError(f"no such key: {name}")


def overflow() -> NoReturn:
    raise CelError("integer overflow")


# ---- arithmetic


def add_int(left: int, right: int) -> int:
    value = left + right
    return value if INT_MIN <= value <= INT_MAX else overflow()


def subtract_int(left: int, right: int) -> int:
    value = left - right
    return value if INT_MIN <= value <= INT_MAX else overflow()


def multiply_int(left: int, right: int) -> int:
    value = left * right
    return value if INT_MIN <= value <= INT_MAX else overflow()


def divide_int(left: int, right: int) -> int:
    """Towards zero."""
    if right == 0:
        fail("divide by zero")
    value = abs(left) // abs(right)
    value = value if (left < 0) == (right < 0) else -value
    return value if value <= INT_MAX else overflow()


def modulo_int(left: int, right: int) -> int:
    """The remainder has the sign of the dividend."""
    if right == 0:
        fail("modulus by zero")
    value = abs(left) % abs(right)
    return -value if left < 0 else value


def negate_int(value: int) -> int:
    return -value if value != INT_MIN else overflow()


def _uint(value: int) -> UInt:
    return UInt(value) if 0 <= value <= UINT_MAX else overflow()


def add_uint(left: int, right: int) -> UInt:
    return _uint(int(left) + int(right))


def subtract_uint(left: int, right: int) -> UInt:
    return _uint(int(left) - int(right))


def multiply_uint(left: int, right: int) -> UInt:
    return _uint(int(left) * int(right))


def divide_uint(left: int, right: int) -> UInt:
    return _uint(int(left) // int(right)) if right else fail("divide by zero")


def modulo_uint(left: int, right: int) -> UInt:
    return _uint(int(left) % int(right)) if right else fail("modulus by zero")


def add_double(left: float, right: float) -> float:
    return left + right


def subtract_double(left: float, right: float) -> float:
    return left - right


def multiply_double(left: float, right: float) -> float:
    return left * right


def divide_double(left: float, right: float) -> float:
    """IEEE 754: no error, infinities and NaN."""
    if right:
        return left / right
    if not left or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def negate_double(value: float) -> float:
    return -value


def concat(left: object, right: object) -> object:
    """Strings, bytes or lists."""
    return left + right  # type: ignore[operator]


# ---- equality and order


def equal(left: object, right: object) -> bool:
    """CEL's equality: numbers by value across int, uint and double; otherwise another type is another value."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return left == right
    if isinstance(left, Map) and isinstance(right, Map):
        return len(left) == len(right) and all(
            any(equal(key, other) and equal(value, found) for other, found in right) for key, value in left
        )
    if isinstance(left, Map) or isinstance(right, Map):
        return False
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(map(equal, left, right))
    return type(left) is type(right) and left == right


def not_equal(left: object, right: object) -> bool:
    return not equal(left, right)


def bool_of_dyn(value: object) -> bool:
    """An operand of `&&`, `||`, `!` or `?:` whose type is known only now."""
    return value if isinstance(value, bool) else fail("no such overload: a bool is wanted")


def equal_plain(left: object, right: object) -> bool:
    """Equality of two values that are known to have one and the same plain type."""
    return left == right


def not_equal_plain(left: object, right: object) -> bool:
    return left != right


def in_plain(item: object, items: tuple[object, ...]) -> bool:
    """Membership of a string among strings, or of an int among ints."""
    return item in items


def less(left: object, right: object) -> bool:
    return left < right  # type: ignore[operator,no-any-return]


def less_equal(left: object, right: object) -> bool:
    return left <= right  # type: ignore[operator,no-any-return]


def greater(left: object, right: object) -> bool:
    return left > right  # type: ignore[operator,no-any-return]


def greater_equal(left: object, right: object) -> bool:
    return left >= right  # type: ignore[operator,no-any-return]


def in_list(item: object, items: tuple[object, ...]) -> bool:
    return any(equal(item, other) for other in items)


def in_map(key: object, entries: Map) -> bool:
    return any(equal(key, other) for other, _ in entries)


def index_list(items: tuple[object, ...], index: int) -> object:
    return items[index] if 0 <= index < len(items) else fail(f"index out of range: {index}")


def index_map(entries: Map, key: object) -> object:
    for other, value in entries:
        if equal(key, other):
            return value
    return fail(f"no such key: {key}")


def map_of(*entries: tuple[object, object]) -> Map:
    """A map of entries; a key twice is an error."""
    for index, (key, _) in enumerate(entries):
        if any(equal(key, other) for other, _ in entries[:index]):
            fail(f"duplicate key: {key}")
    return Map(entries)


# ---- strings and conversions


def size(value: str | bytes | tuple[object, ...]) -> int:
    """Code points of a string, bytes, items, entries."""
    return len(value)


def contains(text: str, part: str) -> bool:
    return part in text


def starts_with(text: str, prefix: str) -> bool:
    return text.startswith(prefix)


def ends_with(text: str, suffix: str) -> bool:
    return text.endswith(suffix)


def int_of_string(text: str) -> int:
    digits = text[1:] if text[:1] in ("-", "+") else text
    if not (digits.isascii() and digits.isdigit()):
        fail(f"cannot convert to int: {text[:40]}")
    digits = digits.lstrip("0") or "0"
    if len(digits) > 19:
        overflow()
    value = -int(digits) if text[0] == "-" else int(digits)
    return value if INT_MIN <= value <= INT_MAX else overflow()


def int_of_uint(value: int) -> int:
    return int(value) if value <= INT_MAX else overflow()


def int_of_double(value: float) -> int:
    """Towards zero; the ends of int64, not exact as doubles, are outside."""
    return int(value) if -(2.0**63) < value < 2.0**63 else overflow()


def uint_of_int(value: int) -> UInt:
    return _uint(value)


def string_of_int(value: int) -> str:
    return str(int(value))


def string_of_bool(value: bool) -> str:
    return "true" if value else "false"


def double_of_int(value: int) -> float:
    return float(value)


def identity(value: object) -> object:
    return value


# ---- logic over operands that can fail


def absorb(stop: bool, left: Callable[[], object], right: Callable[[], object]) -> bool:
    """`&&` (stop False) and `||` (stop True): an operand that decides absorbs the other's error."""
    try:
        if left() is stop:
            return stop
    except CelError as error:
        if right() is stop:
            return stop
        raise error
    return right() is stop if stop else right() is not stop


FUNCTIONS: dict[str, Callable[..., object]] = {
    function.__name__: function
    for function in (
        *(add_int, subtract_int, multiply_int, divide_int, modulo_int, negate_int),
        *(add_uint, subtract_uint, multiply_uint, divide_uint, modulo_uint),
        *(add_double, subtract_double, multiply_double, divide_double, negate_double, concat),
        *(bool_of_dyn, equal, not_equal, equal_plain, not_equal_plain, in_plain),
        *(less, less_equal, greater, greater_equal),
        *(in_list, in_map, index_list, index_map, map_of),
        *(size, contains, starts_with, ends_with),
        *(int_of_string, int_of_uint, int_of_double, uint_of_int, string_of_int, string_of_bool, double_of_int),
        identity,
    )
}
"""Every overload by its name: what `Apply` in a plan's expressions refers to."""

NAMESPACE: dict[str, object] = {
    **FUNCTIONS,
    "ABSENT": ABSENT,
    "CelError": CelError,
    "absorb": absorb,
    "no_such_key": no_such_key,
    "overflow": overflow,
}
"""What generated code calls by name."""
