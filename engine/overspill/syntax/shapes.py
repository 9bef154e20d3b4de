"""Shapes of values: how a statement's value is put together, as data.

A shape is the name of a leaf (`duration`, `expr`, …), which each reader and writer knows how to handle, or is built of
others: a record with fixed keys, one of several records, records by name, a list of records. The YAML reader, the
canonical form, the YAML writer and the JSON Schemas each walk these; `constructs.py` is written in them.
"""

from __future__ import annotations

from overspill.words.codec import Struct

INLINE = ""
"""The key of a statement whose record's keys stand among those of the record around it."""


class Statement(Struct, frozen=True):
    """One statement of a construct. `field` is the tree's, `key` the YAML key, `shape` how a value reads and writes."""

    field: str
    key: str
    shape: Shape
    required: bool = False
    many: bool = False
    """Stated any number of times in the DSL; a mapping or list in YAML."""


class Record(Struct, frozen=True):
    """A mapping with fixed keys; `what` is how faults call it. Where it has a name, `Named` gives it."""

    kind: type
    what: str
    statements: tuple[Statement, ...]
    short: bool = False
    """Its first value may stand alone for it."""
    bare: bool = False
    """Its only value always stands alone for it."""


class OneOf(Struct, frozen=True):
    """Records told apart by their keys; `help` says which there are."""

    records: tuple[Record, ...]
    help: str


class Named(Struct, frozen=True):
    """Records by name. `word`: their order counts, so the canonical form lists them, each name under this key."""

    record: Record
    word: str = ""


class Listed(Struct, frozen=True):
    """A list of records; the canonical form sorts it where their order does not count."""

    record: Record
    ordered: bool = True


Shape = str | Record | OneOf | Named | Listed
_NOTHING: dict[Shape, object] = {"names": (), "paths": (), "percents": (), "flag": False}


def nothing(statement: Statement) -> object:
    """What a statement that is not there leaves in its field."""
    return () if statement.many else _NOTHING.get(statement.shape)
