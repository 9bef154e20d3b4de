"""CEL's functions at run time, one per overload, with CEL's exact errors (cel-spec, `doc/langdef.md`).

Values are those of `values.py`; double is a float, the only ones of the run time, and never an amount. A failing
function raises `CelError`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, NoReturn

from overspill.plan import conversions as c
from overspill.plan import times
from overspill.plan.loops import LOOPS, settled, tried
from overspill.plan.times import Duration, Timestamp
from overspill.plan.values import ABSENT as ABSENT
from overspill.plan.values import INT_MAX, INT_MIN, Map, TypeValue, UInt, equal, fail, overflow, shown, uint
from overspill.plan.values import CelError as CelError

if TYPE_CHECKING:
    from overspill.patterns.match import Matcher


def no_such_key(name: str) -> NoReturn:
    """An input that is absent was read."""
    raise CelError(f"no such key: {name}")


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
    """The remainder has the sign of the dividend; where the quotient overflows, so does this."""
    if right == 0:
        fail("modulus by zero")
    if right == -1 and left == INT_MIN:
        overflow()
    value = abs(left) % abs(right)
    return -value if left < 0 else value


def negate_int(value: int) -> int:
    return -value if value != INT_MIN else overflow()


def add_uint(left: int, right: int) -> UInt:
    return uint(int(left) + int(right))


def subtract_uint(left: int, right: int) -> UInt:
    return uint(int(left) - int(right))


def multiply_uint(left: int, right: int) -> UInt:
    return uint(int(left) * int(right))


def divide_uint(left: int, right: int) -> UInt:
    return uint(int(left) // int(right)) if right else fail("divide by zero")


def modulo_uint(left: int, right: int) -> UInt:
    return uint(int(left) % int(right)) if right else fail("modulus by zero")


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


def less_mixed(left: float, right: float) -> bool:
    """A double and an int or uint, which counts as the nearest double."""
    return float(left) < float(right)


def less_equal_mixed(left: float, right: float) -> bool:
    return float(left) <= float(right)


def greater_mixed(left: float, right: float) -> bool:
    return float(left) > float(right)


def greater_equal_mixed(left: float, right: float) -> bool:
    return float(left) >= float(right)


def in_list(item: object, items: tuple[object, ...]) -> bool:
    return any(equal(item, other) for other in items)


def in_map(key: object, entries: Map) -> bool:
    return key in entries


def index_list(items: tuple[object, ...], index: int) -> object:
    return items[index] if 0 <= index < len(items) else fail(f"index out of range: {index}")


def index_list_double(items: tuple[object, ...], index: float) -> object:
    """A double that is whole may be an index, where its type is known only now."""
    return index_list(items, int(index)) if index.is_integer() else fail(f"no whole index: {index}")


def index_map(entries: Map, key: object) -> object:
    value = entries.get(key)
    return fail(f"no such key: {shown(key)}") if value is ABSENT else value


def map_of(*entries: tuple[object, object]) -> Map:
    """A map of entries; a key twice is an error."""
    return Map(entries)


def keys_of(entries: Map) -> tuple[object, ...]:
    """What a macro over a map visits."""
    return tuple(entries)


# ---- strings and conversions


def size(value: str | bytes | tuple[object, ...] | Map) -> int:
    """Code points of a string, bytes, items, entries."""
    return len(value)


def contains(text: str, part: str) -> bool:
    return part in text


def starts_with(text: str, prefix: str) -> bool:
    return text.startswith(prefix)


def ends_with(text: str, suffix: str) -> bool:
    return text.endswith(suffix)


@lru_cache(maxsize=64)
def matcher(pattern: str) -> Matcher:
    """The compiled pattern. Raises CelError for one that is none."""
    from overspill.patterns.match import Matcher  # only those who match pay for it
    from overspill.patterns.parse import PatternFault

    try:
        return Matcher(pattern)
    except PatternFault as fault:
        fail(f"invalid pattern: {fault}")


def matches(text: str, pattern: str) -> bool:
    """Whether the pattern matches somewhere in the text."""
    return matcher(pattern).matches(text)


def identity(value: object) -> object:
    return value


def type_of(value: object) -> TypeValue:
    """`type(x)`: another one for each kind of value, whatever a list or a map holds."""
    return TypeValue(TYPE_NAMES[type(value)])


KINDS: dict[str, type] = {
    "bool": bool,
    "int": int,
    "uint": UInt,
    "double": float,
    "string": str,
    "bytes": bytes,
    "null": type(None),
    "list": tuple,
    "map": Map,
    "timestamp": Timestamp,
    "duration": Duration,
    "type": TypeValue,
}
"""The kinds of values, by the names that overloads have them under."""
_LONG_NAMES = {"null": "null_type", "timestamp": "google.protobuf.Timestamp", "duration": "google.protobuf.Duration"}
TYPE_NAMES = {kind: _LONG_NAMES.get(name, name) for name, kind in KINDS.items()}


FUNCTIONS: dict[str, Callable[..., object]] = {
    function.__name__: function
    for function in (
        *(add_int, subtract_int, multiply_int, divide_int, modulo_int, negate_int),
        *(add_uint, subtract_uint, multiply_uint, divide_uint, modulo_uint),
        *(add_double, subtract_double, multiply_double, divide_double, negate_double, concat),
        *(bool_of_dyn, equal, not_equal, equal_plain, not_equal_plain, in_plain),
        *(less, less_equal, greater, greater_equal),
        *(less_mixed, less_equal_mixed, greater_mixed, greater_equal_mixed),
        *(in_list, in_map, index_list, index_list_double, index_map, map_of, keys_of),
        *(size, contains, starts_with, ends_with, matches),
        *(c.int_of_string, c.int_of_uint, c.int_of_double, c.uint_of_int, c.uint_of_double, c.uint_of_string),
        *(c.double_of_int, c.double_of_string, c.string_of_int, c.string_of_bool, c.string_of_double),
        *(c.string_of_bytes, c.bytes_of_string, c.bool_of_string, identity, type_of, fail),
        *(
            times.timestamp_of_string,
            times.timestamp_of_micros,
            times.timestamp_of_int,
            times.int_of_timestamp,
            times.duration_of_string,
        ),
        *(times.string_of_timestamp, times.string_of_duration, times.add_duration, times.subtract_duration),
        *(times.timestamp_plus, times.duration_plus, times.timestamp_minus, times.time_between),
        *(times.full_year, times.month, times.day_of_month, times.day_of_month_from_one, times.day_of_year),
        *(times.day_of_week, times.hours, times.minutes, times.seconds, times.milliseconds),
        *(times.duration_hours, times.duration_minutes, times.duration_seconds, times.duration_milliseconds),
    )
}
"""Every overload by its name: what `Apply` in a plan's expressions refers to."""

Candidates = tuple[tuple[tuple[str, ...], str], ...]
"""(kinds of the operands, name of the overload) for each overload of a function; `any` is every kind."""


@lru_cache(maxsize=1024)
def dispatcher(function: str, candidates: Candidates) -> Callable[..., object]:
    """The overload chosen by the kinds of the operands, when they are there; none: an error."""
    found: dict[tuple[type, ...], Callable[..., object]] = {}
    for kinds, name in candidates:
        choices = [list(KINDS.values()) if kind == "any" else [KINDS[kind]] for kind in kinds]
        found |= dict.fromkeys(product(*choices), FUNCTIONS[name])

    def call(*values: object) -> object:
        overload = found.get(tuple(map(type, values)))
        if overload is None:
            kinds = ", ".join(TYPE_NAMES[type(value)] for value in values)
            fail(f"no such overload: {function}({kinds})")
        return overload(*values)

    return call


NAMESPACE: dict[str, object] = {
    **FUNCTIONS,
    **LOOPS,
    "ABSENT": ABSENT,
    "CelError": CelError,
    "settled": settled,
    "tried": tried,
    "no_such_key": no_such_key,
    "overflow": overflow,
}
"""What generated code calls by name."""
