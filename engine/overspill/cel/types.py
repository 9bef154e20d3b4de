"""Types of expressions: CEL's, and amounts, which are integers that only meet amounts of their own unit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ScalarType:
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class AmountType:
    """An amount in the steps of `unit`."""

    unit: str

    def __str__(self) -> str:
        return self.unit


@dataclass(frozen=True, slots=True)
class ListType:
    item: Type

    def __str__(self) -> str:
        return f"list({self.item})"


@dataclass(frozen=True, slots=True)
class MapType:
    key: Type
    value: Type

    def __str__(self) -> str:
        return f"map({self.key}, {self.value})"


@dataclass(frozen=True, slots=True)
class FieldType:
    """`optional`: the field may be absent from its record, and reading it then is an error."""

    name: str
    type: Type
    optional: bool = False


@dataclass(frozen=True, slots=True)
class RecordType:
    """A declared input. When `may_be_absent`, all its fields may be: an absent account is an empty map."""

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
DYN = ScalarType("dyn")
NUMBERS = (INT, UINT, DOUBLE)
