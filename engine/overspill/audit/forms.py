"""Forms: a record's form and values → its decision as the audit reads it, without its text.

What a form says is looked at once (`audit/marks.py`); of a record its values alone are read then. That must come to what the
decoder of answers reads of the record's text, and does, because

- what stands inside a string needs no escape there;
- what stands outside of strings is decoded by itself, and is one value, or whole steps of a trace;
- for values of these types one answer was read both ways before, alike.

Where any of that is not so, the text is put together and read, as that of any other answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import NoneType
from typing import Final

from overspill.audit.marks import UNREADABLE, read_of
from overspill.audit.shapes import NOTHING, Decided, decided_from
from overspill.records.journal import FormOf, Record, answer_of
from overspill.records.written import RECORDED, Form
from overspill.words.codec import Raw, replace

TYPES: Final = {"digits": (int,), "int": (int, NoneType), "bool": (bool, NoneType), "text": (str,)}
"""What is JSON only where it is of certain types, by how it reads."""


class Forms:
    """Reads records that are written in forms; each form is looked at when it is met first."""

    def __init__(self, form_of: FormOf) -> None:
        self._form_of = form_of
        self._known: dict[str, _Reader] = {}

    def decided(self, record: Record) -> Decided | None:
        """The record's decision; None where its text must be read. Raises KeyError for a form that nobody has, ValueError
        for a command that is no text."""
        reader = self._known.get(record.form)
        if reader is None:
            reader = self._known[record.form] = _Reader(self._form_of(record.form))
        return reader.decided(record)

    def answer(self, record: Record) -> Raw | bytes:
        """The answer's text. Raises KeyError, ValueError, TypeError or IndexError for one that the form does not give."""
        return answer_of(record, self._form_of)


class _Reader:
    """Of one form."""

    def __init__(self, form: Form) -> None:
        self._form, self._read = form, read_of(form)
        self._alike: set[tuple[type, ...]] = set()
        """Types of values of which what is read is what the decoder reads."""

    def decided(self, record: Record) -> Decided | None:
        if self._read is None:
            return None
        types = tuple(map(type, record.values))
        if types not in self._alike:
            if not self._is_alike(record, types):
                return None
            self._alike.add(types)
        str(record.command, "utf-8")  # raises where it is no text
        try:
            return self._read((record.id, record.key[3], "", "null", record.at, *record.values))
        except UNREADABLE:
            return None

    def _is_alike(self, record: Record, types: Sequence[type]) -> bool:
        """Whether values of the types are JSON where they stand, and those of the record are read as the decoder does."""
        assert self._read is not None
        values = (record.id, record.key[3], "", "null", record.at, *record.values)
        try:
            told = decided_from(self._form.json_of(values))
            inputs = replace(told.trace[0], request=NOTHING, request_digest="")
            given = [hole for hole in self._form.holes if hole.value >= RECORDED]
            return self._read(values) == replace(told, trace=(inputs, *told.trace[1:])) and all(
                hole.reads not in TYPES or types[hole.value - RECORDED] in TYPES[hole.reads] for hole in given
            )
        except UNREADABLE:
            return False
