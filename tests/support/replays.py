"""A journal run again, for tests that have its records at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from overspill.plan.program import Program
from overspill.records.journal import Record
from overspill.review.replay import Finding, Replay


def replayed(
    records: Iterable[Record], program_of: Callable[[str], Program], chosen: Callable[[Record], bool] = lambda _: True
) -> tuple[list[Finding], int]:
    """(what was found, how many records were compared)."""
    known: dict[str, Record] = {}
    replay = Replay(program_of, known.get)
    found = []
    for record in records:
        found.append(replay.again(record, chosen=chosen(record)))
        known.update(dict.fromkeys((record.id, *record.ids), record))
    found.append(replay.end())
    return [one for one in found if one is not None], replay.compared
