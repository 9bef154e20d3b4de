"""Replay: every command of the journal again, on fresh accounts, must write the same records (LANGUAGE.md V2)."""

from __future__ import annotations

from collections.abc import Sequence

from overspill.records.journal import FormOf, Record, Segment, records_of
from overspill.review.replay import Replay
from simulator.book import Finding
from simulator.policies import by_digest


def replay(segments: Sequence[Segment], form_of: FormOf) -> int:
    """Runs all again. Gives back how many records are the same. Raises Finding."""
    known: dict[str, Record] = {}
    again = Replay(by_digest().__getitem__, known.get)
    for record in records_of(segments, form_of):
        _none(again.again(record))
        known.update(dict.fromkeys((record.id, *record.ids), record))
    _none(again.end())
    return again.compared


def _none(found: object) -> None:
    if found is not None:
        raise Finding(f"a record is another when it is run again: {found}")
