"""Types of expressions: CEL's, and amounts, which are integers that only meet amounts of their own unit."""

from __future__ import annotations

from overspill.words.codec import Struct


class ScalarType(Struct, frozen=True):
    name: str

    def __str__(self) -> str:
        return self.name


class AmountType(Struct, frozen=True):
    """An amount in the steps of `unit`."""

    unit: str

    def __str__(self) -> str:
        return self.unit


class ListType(Struct, frozen=True):
    item: Type

    def __str__(self) -> str:
        return f"list({self.item})"


class MapType(Struct, frozen=True):
    key: Type
    value: Type

    def __str__(self) -> str:
        return f"map({self.key}, {self.value})"


class FieldType(Struct, frozen=True):
    """`optional`: the field may be absent from its record, and reading it then is an error."""

    name: str
    type: Type
    optional: bool = False


class RecordType(Struct, frozen=True):
    """A declared input, or the items of one. When `may_be_absent`, all its fields may be: an absent account is an empty
    map. An input's fields are inputs of their own, `user.plan`; a record in a list is a `Map` by its fields' names."""

    name: str
    fields: tuple[FieldType, ...]
    may_be_absent: bool = False

    def __str__(self) -> str:
        return self.name

    def field(self, name: str) -> FieldType | None:
        return next((field for field in self.fields if field.name == name), None)


Type = ScalarType | AmountType | ListType | MapType | RecordType

INT = ScalarType("int")
UINT = ScalarType("uint")
DOUBLE = ScalarType("double")
STRING = ScalarType("string")
BYTES = ScalarType("bytes")
BOOL = ScalarType("bool")
NULL = ScalarType("null")
TIMESTAMP = ScalarType("timestamp")
DURATION = ScalarType("duration")
TYPE = ScalarType("type")
"""The type of types: of `int`, and of what `type(x)` gives."""
DYN = ScalarType("dyn")
"""Known at run time only."""
NOTHING = ScalarType("nothing")
"""The items of an empty list: it goes with every type."""
NUMBERS = (INT, UINT, DOUBLE)
KEYS = (STRING, INT, UINT, BOOL, DYN, NOTHING)
"""What may be a map's key."""


def merged(left: Type, right: Type, *, mixed: bool = False) -> Type | None:
    """The one type of two values that stand for each other, or None where they do not.

    dyn goes with everything but amounts, which would lose their unit; `mixed`: numbers go with each other as dyn.
    """
    if left == right or right == NOTHING:
        return left
    if left == NOTHING:
        return right
    if isinstance(left, ListType) and isinstance(right, ListType):
        item = merged(left.item, right.item, mixed=mixed)
        return None if item is None else ListType(item)
    if isinstance(left, MapType) and isinstance(right, MapType):
        key, value = merged(left.key, right.key, mixed=mixed), merged(left.value, right.value, mixed=mixed)
        return None if key is None or value is None else MapType(key, value)
    if DYN in (left, right):
        return None if has_unit(left) or has_unit(right) else DYN
    return DYN if mixed and left in NUMBERS and right in NUMBERS else None


def has_unit(kind: Type) -> bool:
    """Whether values of this type hold amounts, or records, that dyn would strip of what is known of them."""
    match kind:
        case AmountType():
            return True
        case ListType(item=item):
            return has_unit(item)
        case MapType(key=key, value=value):
            return has_unit(key) or has_unit(value)
        case RecordType(fields=fields):
            return any(has_unit(field.type) for field in fields)
        case _:
            return False
