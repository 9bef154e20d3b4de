"""The overloads: for a function or operator and its operands' types, the run-time function, the result, whether it can
fail. A table (cel-spec, `doc/langdef.md`, "List of Standard Definitions"); `check.py` looks up in it.

Where an operand is dyn, all overloads that may fit go along, and one is chosen at run time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from overspill.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    NOTHING,
    NUMBERS,
    STRING,
    TIMESTAMP,
    TYPE,
    UINT,
    AmountType,
    ListType,
    MapType,
    ScalarType,
    Type,
    has_unit,
    merged,
)


class Param(NamedTuple):
    """A type that an overload leaves open; one name is one type. `mixes`: numbers of unlike types may meet in it."""

    name: str
    mixes: bool = False
    amounts: bool | None = None
    """True: amounts only; False: nothing with a unit; None: either."""


class ListOf(NamedTuple):
    item: Param


class MapOf(NamedTuple):
    key: Param
    value: Param


Pattern = ScalarType | Param | ListOf | MapOf


class Overload(NamedTuple):
    """`style`: `f` for f(x), `m` for x.f(), `fm` for both. `late`: `mixed` rows are for unlike numbers, `dynamic` rows
    for operands of which the types are not known before."""

    name: str
    params: tuple[Pattern, ...]
    result: Pattern
    can_fail: bool = False
    style: str = "f"
    late: str = ""


class Found(NamedTuple):
    """The overload `name`, or at run time one of `candidates`."""

    name: str
    candidates: tuple[tuple[tuple[str, ...], str], ...]
    type: Type
    can_fail: bool


_A, _E, _PLAIN = Param("A"), Param("A", mixes=True), Param("A", amounts=False)
_UNIT = Param("U", amounts=True)
_LIST, _MAP = ListOf(_A), MapOf(Param("K"), Param("V"))
_KEYED = MapOf(Param("K", mixes=True), Param("V"))
_KEY = Param("K", mixes=True)
_WORDS = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide", "%": "modulo"}
_ORDER = {"<": "less", "<=": "less_equal", ">": "greater", ">=": "greater_equal"}
_ORDERED = (BOOL, INT, UINT, DOUBLE, STRING, BYTES, TIMESTAMP, DURATION)


def _arithmetic(sign: str, word: str) -> Iterable[Overload]:
    yield from [Overload(f"{word}_{kind}", (kind, kind), kind, can_fail=True) for kind in (INT, UINT)]
    if sign != "%":
        yield Overload(f"{word}_double", (DOUBLE, DOUBLE), DOUBLE)
    if sign in "+-":
        yield Overload(f"{word}_int", (_UNIT, _UNIT), _UNIT, can_fail=True)
        yield Overload(f"{word}_duration", (DURATION, DURATION), DURATION, can_fail=True)


def _order(name: str) -> Iterable[Overload]:
    yield from [Overload(name, (kind, kind), BOOL) for kind in _ORDERED]
    yield Overload(name, (_UNIT, _UNIT), BOOL)
    for pair in [(left, right) for left in NUMBERS for right in NUMBERS if left != right]:
        yield Overload(f"{name}_mixed" if DOUBLE in pair else name, pair, BOOL, late="mixed")


def _conversions(*rows: tuple[ScalarType, str]) -> tuple[Overload, ...]:
    """(from, name): to the type that all of them have in common, the first row's; a name with `!` can fail."""
    result = rows[0][0]
    return tuple([Overload(name.rstrip("!"), (kind,), result, can_fail=name.endswith("!")) for kind, name in rows])


def _part(of_timestamp: str, of_duration: str | None = None) -> tuple[Overload, ...]:
    """The methods that take a timestamp, or a duration, apart; a zone may be none."""
    rows = (
        Overload(of_timestamp, (TIMESTAMP,), INT, style="m"),
        Overload(of_timestamp, (TIMESTAMP, STRING), INT, can_fail=True, style="m"),
    )
    return rows if of_duration is None else (*rows, Overload(of_duration, (DURATION,), INT, style="m"))


_TABLE: dict[str, tuple[Overload, ...]] = {
    **{sign: tuple(_arithmetic(sign, word)) for sign, word in _WORDS.items()},
    **{sign: tuple(_order(name)) for sign, name in _ORDER.items()},
    "==": (Overload("equal", (_E, _E), BOOL),),
    "!=": (Overload("not_equal", (_E, _E), BOOL),),
    "in": (Overload("in_list", (_E, ListOf(_E)), BOOL), Overload("in_map", (_KEY, _KEYED), BOOL)),
    "[]": (
        Overload("index_list", (_LIST, INT), _A, can_fail=True),
        Overload("index_list", (_LIST, UINT), _A, can_fail=True, late="dynamic"),
        Overload("index_list_double", (_LIST, DOUBLE), _A, can_fail=True, late="dynamic"),
        Overload("index_map", (_KEYED, _KEY), Param("V"), can_fail=True),
    ),
    "size": tuple([Overload("size", (kind,), INT, style="fm") for kind in (STRING, BYTES, _LIST, _MAP)]),
    "contains": (Overload("contains", (STRING, STRING), BOOL, style="m"),),
    "startsWith": (Overload("starts_with", (STRING, STRING), BOOL, style="m"),),
    "endsWith": (Overload("ends_with", (STRING, STRING), BOOL, style="m"),),
    "matches": (Overload("matches", (STRING, STRING), BOOL, can_fail=True, style="fm"),),
    "bool": _conversions((BOOL, "identity"), (STRING, "bool_of_string!")),
    "int": _conversions(
        (INT, "identity"),
        (UINT, "int_of_uint!"),
        (DOUBLE, "int_of_double!"),
        (STRING, "int_of_string!"),
        (TIMESTAMP, "int_of_timestamp"),
    ),
    "uint": _conversions(
        (UINT, "identity"), (INT, "uint_of_int!"), (DOUBLE, "uint_of_double!"), (STRING, "uint_of_string!")
    ),
    "double": _conversions(
        (DOUBLE, "identity"), (INT, "double_of_int"), (UINT, "double_of_int"), (STRING, "double_of_string!")
    ),
    "string": _conversions(
        (STRING, "identity"),
        (INT, "string_of_int"),
        (UINT, "string_of_int"),
        (DOUBLE, "string_of_double"),
        (BOOL, "string_of_bool"),
        (BYTES, "string_of_bytes!"),
        (TIMESTAMP, "string_of_timestamp"),
        (DURATION, "string_of_duration"),
    ),
    "bytes": _conversions((BYTES, "identity"), (STRING, "bytes_of_string")),
    "timestamp": _conversions((TIMESTAMP, "identity"), (STRING, "timestamp_of_string!"), (INT, "timestamp_of_int!")),
    "duration": _conversions((DURATION, "identity"), (STRING, "duration_of_string!")),
    "dyn": (Overload("identity", (_PLAIN,), DYN),),
    "type": (Overload("type_of", (_PLAIN,), TYPE),),
    "getFullYear": _part("full_year"),
    "getMonth": _part("month"),
    "getDate": _part("day_of_month_from_one"),
    "getDayOfMonth": _part("day_of_month"),
    "getDayOfWeek": _part("day_of_week"),
    "getDayOfYear": _part("day_of_year"),
    "getHours": _part("hours", "duration_hours"),
    "getMinutes": _part("minutes", "duration_minutes"),
    "getSeconds": _part("seconds", "duration_seconds"),
    "getMilliseconds": _part("milliseconds", "duration_milliseconds"),
}
_TABLE["+"] += (
    *[Overload("concat", (kind, kind), kind) for kind in (STRING, BYTES, _LIST)],
    Overload("timestamp_plus", (TIMESTAMP, DURATION), TIMESTAMP, can_fail=True),
    Overload("duration_plus", (DURATION, TIMESTAMP), TIMESTAMP, can_fail=True),
)
_TABLE["-"] += (
    Overload("timestamp_minus", (TIMESTAMP, DURATION), TIMESTAMP, can_fail=True),
    Overload("time_between", (TIMESTAMP, TIMESTAMP), DURATION, can_fail=True),
    Overload("negate_int", (INT,), INT, can_fail=True),
    Overload("negate_double", (DOUBLE,), DOUBLE),
)
FUNCTIONS = tuple(name for name in _TABLE if name[0].isalpha() and name != "in")
"""The names that an author may call."""

_NO, _OPEN, _EXACT = range(3)
"""Whether an operand fits a parameter; open: as far as its type is known before it is there."""


def overload(function: str, kinds: tuple[Type, ...], is_method: bool, *, mixed: bool) -> Found | None:
    """The overload for operands of these types, a method's target first. `mixed`: numbers of unlike types compare."""
    fitting: list[tuple[Overload, int, Type]] = []
    for row in _TABLE.get(function, ()):
        if len(row.params) == len(kinds) and ("m" if is_method else "f") in row.style:
            bound: dict[str, Type] = {}
            fits = min([_fit(param, kind, bound, mixed) for param, kind in zip(row.params, kinds, strict=True)])
            if fits:
                fitting.append((row, fits, _result(row.result, bound)))
    for row, fits, kind in fitting:
        if fits == _EXACT and (not row.late or (row.late == "mixed" and mixed)):
            return Found(row.name, (), kind, row.can_fail)
    opens = [(row, kind) for row, fits, kind in fitting if fits == _OPEN]
    if all(row.late for row, _ in opens):
        return None
    results = list(dict.fromkeys(kind for _, kind in opens))
    return Found("", _candidates(row for row, _ in opens), results[0] if len(results) == 1 else DYN, True)


def run_time_overloads(function: str, count: int, is_method: bool) -> Found | None:
    """All overloads with `count` operands, for types that nobody knows; None for a function that does not exist."""
    style = "m" if is_method else "f"
    rows = [row for row in _TABLE.get(function, ()) if len(row.params) == count and style in row.style]
    return Found("", _candidates(row for row in rows if _UNIT not in row.params), DYN, True) if rows else None


def _candidates(rows: Iterable[Overload]) -> tuple[tuple[tuple[str, ...], str], ...]:
    return tuple([(tuple([_kind(param) for param in row.params]), row.name) for row in rows])


def _kind(pattern: Pattern) -> str:
    match pattern:
        case Param():
            return "any"
        case ListOf():
            return "list"
        case MapOf():
            return "map"
        case _:
            return pattern.name


def _fit(pattern: Pattern, kind: Type, bound: dict[str, Type], mixed: bool) -> int:
    """Whether `kind` is what the parameter takes; `bound` has the open types as they are known so far."""
    unknown = kind in (DYN, NOTHING)
    match pattern:
        case Param(name=name, mixes=mixes, amounts=amounts):
            if amounts is not None and amounts != (isinstance(kind, AmountType) if amounts else has_unit(kind)):
                return _NO
            found = merged(bound.get(name, NOTHING), kind, mixed=mixed and mixes)
            if found is None:
                return _NO
            bound[name] = found
            return _EXACT
        case ListOf(item=item):
            inner = kind.item if isinstance(kind, ListType) else DYN
            fits = isinstance(kind, ListType) or unknown
            return _NO if not fits or not _fit(item, inner, bound, mixed) else _OPEN if unknown else _EXACT
        case MapOf(key=key, value=value):
            inners = (kind.key, kind.value) if isinstance(kind, MapType) else (DYN, DYN)
            fits = isinstance(kind, MapType) or unknown
            fits = fits and all(
                _fit(part, inner, bound, mixed) for part, inner in zip((key, value), inners, strict=True)
            )
            return _NO if not fits else _OPEN if unknown else _EXACT
        case _:
            return _EXACT if kind == pattern else _OPEN if unknown else _NO


def _result(pattern: Pattern, bound: dict[str, Type]) -> Type:
    match pattern:
        case Param(name=name):
            return bound[name]
        case ListOf(item=item):
            return ListType(bound[item.name])
        case MapOf(key=key, value=value):
            return MapType(bound[key.name], bound[value.name])
        case _:
            return pattern


def overloads_text(function: str) -> str | None:
    """What a function or operator takes, for help; None for one that does not exist."""
    if function in _ORDER or function in ("==", "!="):
        return "compare values of one type, and amounts of one unit"
    if function in _WORDS:
        return "both sides are numbers of one type, or amounts of one unit"
    if function in ("in", "[]"):
        return "the right side is a list or a map" if function == "in" else "index a list by int, a map by its key"
    known = _TABLE.get(function)
    if known is None:
        return None
    shapes = " or ".join(dict.fromkeys(f"({', '.join(map(_shape, row.params))})" for row in known))
    return f"it takes {shapes}{' as a method, s.' + function + '(…)' if known[0].style == 'm' else ''}"


def _shape(pattern: Pattern) -> str:
    return "any" if isinstance(pattern, Param) else _kind(pattern)
