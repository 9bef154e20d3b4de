"""The values of expressions at run time, and CEL's equality among them (cel-spec, `doc/langdef.md`, "Values").

int is Python's int within int64, uint `UInt`, double float, string str, bytes, bool, null None; lists are tuples, maps
`Map`, types `TypeValue`; timestamps and durations are in `times.py`. An error is `CelError`, raised.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NoReturn

from overspill.words.codec import Struct

INT_MIN, INT_MAX = -(2**63), 2**63 - 1
UINT_MAX = 2**64 - 1


class CelError(Exception):
    """An expression's run-time error: a value that `&&` and `||` may absorb."""


def fail(message: str) -> NoReturn:
    """Raises CelError."""
    raise CelError(message)


def overflow() -> NoReturn:
    """Raises CelError: a number left int64 or uint64."""
    raise CelError("integer overflow")


class _Mark:
    """A value that is equal to itself alone."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


ABSENT = _Mark("absent")
"""What an input that is not there holds in the facts."""


class UInt(int):
    """An unsigned 64-bit integer: another type than int, though equal numbers are equal."""

    __slots__ = ()


def uint(value: int) -> UInt:
    """Raises CelError for what is none."""
    return UInt(value) if 0 <= value <= UINT_MAX else overflow()


class TypeValue(Struct, frozen=True):
    """What `type(x)` gives: a type by its name, `int` or `google.protobuf.Timestamp`."""

    name: str


_NO_KEY = _Mark("no key")
_BOOL_KEYS = {False: _Mark("false"), True: _Mark("true")}


def _key(value: object) -> object:
    """What stands for `value` among a map's keys: equal numbers are one key, and a bool is no number."""
    kind = type(value)
    if kind is str or kind is int or kind is UInt or kind is float:
        return value
    return _BOOL_KEYS[bool(value)] if kind is bool else _NO_KEY


class Map:
    """A map in the order written, found by key in constant time. Immutable; making one may raise CelError."""

    __slots__ = ("_entries",)

    def __init__(self, entries: Iterable[tuple[object, object]]) -> None:
        self._entries: dict[object, tuple[object, object]] = {}
        for key, value in entries:
            place = _key(key)
            if place is _NO_KEY or isinstance(key, float):
                fail(f"unsupported key type: {shown(key)}")
            if place in self._entries:
                fail(f"duplicate key: {shown(key)}")
            self._entries[place] = key, value

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[object]:
        """The keys."""
        return (key for key, _ in self._entries.values())

    def __contains__(self, key: object) -> bool:
        return _key(key) in self._entries

    def __eq__(self, other: object) -> bool:
        return equal(self, other)

    def __hash__(self) -> int:
        return hash(frozenset(self._entries))

    def __repr__(self) -> str:
        return f"Map({list(self.items())!r})"

    def items(self) -> Iterable[tuple[object, object]]:
        """(key, value) in order."""
        return self._entries.values()

    def get(self, key: object) -> object:
        """The value at `key`, or ABSENT."""
        found = self._entries.get(_key(key))
        return ABSENT if found is None else found[1]


def equal(left: object, right: object) -> bool:
    """CEL's equality: numbers by value across int, uint and double; otherwise another type is another value.

    An int or uint meets a double as the nearest double, so that 2^53 + 1 equals 2.0^53, as in every other CEL.
    """
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return left == right if type(left) is not float and type(right) is not float else float(left) == float(right)
    if isinstance(left, Map) and isinstance(right, Map):
        return len(left) == len(right) and all(equal(value, right.get(key)) for key, value in left.items())
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(map(equal, left, right))
    return type(left) is type(right) and not isinstance(left, Map) and left == right


def shown(value: object) -> str:
    """A value as an error message has it, cut to a line."""
    return str(value)[:40]
