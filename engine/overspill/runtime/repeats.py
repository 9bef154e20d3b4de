"""A command that comes again (LANGUAGE.md I1)."""

from __future__ import annotations

from overspill.records.journal import Record
from overspill.records.written import Written
from overspill.step.conflicts import conflict, is_again
from overspill.step.keys import Identified


def given_in(record: Record) -> tuple[bytes, Written]:
    """(canonical JSON, answer) of an earlier command."""
    return bytes(record.command), Written(bytes(record.answer))


def replayed(command: Identified, first: bytes, written: Written) -> Written:
    """The answer given before to the canonical JSON `first`; another payload under the same key is a conflict (LANGUAGE.md
    I1)."""
    if not is_again(command, first):
        raise conflict(command, first)
    return written
