"""The overloads: for a function or operator and its operands' types, the run-time function, the result, whether it can
fail. A table; `check.py` looks up in it."""

from __future__ import annotations

from typing import NamedTuple

from overspill.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DYN,
    INT,
    NUMBERS,
    STRING,
    UINT,
    AmountType,
    ListType,
    MapType,
    Type,
)


class Overload(NamedTuple):
    name: str
    type: Type
    can_fail: bool


_WORDS = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide", "%": "modulo"}
_ORDER = {"<": "less", "<=": "less_equal", ">": "greater", ">=": "greater_equal"}
_ORDERED = (STRING, BYTES, BOOL)

_FUNCTIONS: dict[str, tuple[tuple[tuple[Type, ...], Overload], ...]] = {
    "size": (((STRING,), Overload("size", INT, False)), ((BYTES,), Overload("size", INT, False))),
    "contains": (((STRING, STRING), Overload("contains", BOOL, False)),),
    "startsWith": (((STRING, STRING), Overload("starts_with", BOOL, False)),),
    "endsWith": (((STRING, STRING), Overload("ends_with", BOOL, False)),),
    "int": (
        ((INT,), Overload("identity", INT, False)),
        ((UINT,), Overload("int_of_uint", INT, True)),
        ((DOUBLE,), Overload("int_of_double", INT, True)),
        ((STRING,), Overload("int_of_string", INT, True)),
    ),
    "uint": (((UINT,), Overload("identity", UINT, False)), ((INT,), Overload("uint_of_int", UINT, True))),
    "double": (
        ((DOUBLE,), Overload("identity", DOUBLE, False)),
        ((INT,), Overload("double_of_int", DOUBLE, False)),
        ((UINT,), Overload("double_of_int", DOUBLE, False)),
    ),
    "string": (
        ((STRING,), Overload("identity", STRING, False)),
        ((INT,), Overload("string_of_int", STRING, False)),
        ((UINT,), Overload("string_of_int", STRING, False)),
        ((BOOL,), Overload("string_of_bool", STRING, False)),
    ),
    "bool": (((BOOL,), Overload("identity", BOOL, False)),),
}
_METHODS = frozenset({"contains", "startsWith", "endsWith"})
_EITHER = frozenset({"size"})


def overload(function: str, kinds: tuple[Type, ...], is_method: bool) -> Overload | None:
    """The overload of a named function."""
    if function not in _EITHER and is_method != (function in _METHODS):
        return None
    if function == "size" and len(kinds) == 1 and isinstance(kinds[0], (ListType, MapType)):
        return Overload("size", INT, False)
    return next((found for wanted, found in _FUNCTIONS.get(function, ()) if wanted == kinds), None)


def operator_overload(operator: str, kinds: tuple[Type, ...], _is_method: bool) -> Overload | None:
    """The overload of an operator."""
    if len(kinds) == 1:
        return _negation(kinds[0]) if operator == "-" else None
    left, right = kinds
    if operator in ("==", "!="):
        name = "equal" if operator == "==" else "not_equal"
        return Overload(name, BOOL, False) if _comparable(left, right) else None
    if operator in _ORDER:
        ordered = left == right and (left in _ORDERED or isinstance(left, AmountType))
        numbers = left in NUMBERS and right in NUMBERS
        return Overload(_ORDER[operator], BOOL, False) if ordered or numbers else None
    if operator == "in":
        return _membership(left, right)
    if operator == "[]":
        return _indexing(left, right)
    return _arithmetic(operator, left, right)


def _negation(kind: Type) -> Overload | None:
    if kind == INT:
        return Overload("negate_int", INT, True)
    return Overload("negate_double", DOUBLE, False) if kind == DOUBLE else None


def _comparable(left: Type, right: Type) -> bool:
    """Equality among unlike types is always false, which an author never means; amounts want their own unit."""
    if left == right or DYN in (left, right):
        return True
    if isinstance(left, (ListType, MapType)):
        return type(left) is type(right)
    return left in NUMBERS and right in NUMBERS


def _membership(item: Type, container: Type) -> Overload | None:
    if isinstance(container, ListType) and (container.item == DYN or _comparable(item, container.item)):
        return Overload("in_list", BOOL, False)
    if isinstance(container, MapType) and (container.key == DYN or _comparable(item, container.key)):
        return Overload("in_map", BOOL, False)
    return None


def _indexing(container: Type, index: Type) -> Overload | None:
    if isinstance(container, ListType) and index == INT:
        return Overload("index_list", container.item, True)
    if isinstance(container, MapType) and _comparable(index, container.key):
        return Overload("index_map", container.value, True)
    return None


def _arithmetic(operator: str, left: Type, right: Type) -> Overload | None:
    if left != right:
        return None
    if operator == "+" and (left in (STRING, BYTES) or isinstance(left, ListType)):
        return Overload("concat", left, False)
    if isinstance(left, AmountType):
        return Overload(f"{_WORDS[operator]}_int", left, True) if operator in "+-" else None
    if left in (INT, UINT):
        return Overload(f"{_WORDS[operator]}_{left}", left, True)
    if left == DOUBLE and operator != "%":
        return Overload(f"{_WORDS[operator]}_double", DOUBLE, False)
    return None


def overloads_text(function: str) -> str | None:
    """What a function or operator takes, for help; None for one that does not exist."""
    if function in _ORDER or function in ("==", "!="):
        return "compare values of one type, and amounts of one unit"
    if function in _WORDS:
        return "both sides are numbers of one type, or amounts of one unit"
    if function in ("in", "[]"):
        return "the right side is a list or a map" if function == "in" else "index a list by int, a map by its key"
    known = _FUNCTIONS.get(function)
    if known is None:
        return None
    shapes = " or ".join(f"({', '.join(map(str, wanted))})" for wanted, _ in known)
    return f"it takes {shapes}{' as a method, s.' + function + '(…)' if function in _METHODS else ''}"
