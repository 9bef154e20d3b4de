"""The table `restores`, of which both stores have one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from overspill.ports.store import Head, Restored

Run = Callable[[str, tuple[object, ...]], list[tuple[Any, ...]]]
_LAST = "SELECT seq, hash, at, source, known_seq, known_hash, accepted_at FROM restores ORDER BY number DESC LIMIT 1"
_PUT = "INSERT INTO restores (seq, hash, at, source, known_seq, known_hash) VALUES (?, ?, ?, ?, ?, ?)"
_ACCEPT = "UPDATE restores SET accepted_at = ?, missing = ?, actor = ? WHERE accepted_at IS NULL"
_ACCEPTED = (
    "SELECT seq, at, source, missing, accepted_at, actor FROM restores WHERE missing IS NOT NULL ORDER BY number"
)


class Restores:
    """`run` gives the rows of a statement with its values, whose places are marked with `mark`; `tables` is what stands
    before a table's name."""

    def __init__(self, run: Run, tables: str = "", mark: str = "?") -> None:
        self._run, self._tables, self._mark = run, tables, mark

    def _do(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        return self._run(statement.replace("?", self._mark).replace("restores", f"{self._tables}restores"), values)

    def pending(self) -> Restored | None:
        """The last time that the database was put back, as long as nobody has accepted that."""
        rows = self._do(_LAST)
        if not rows or rows[0][6] is not None:
            return None
        seq, hash, at, source, known_seq, known_hash, _ = rows[0]
        known = None if known_seq is None else Head(known_seq, bytes(known_hash))
        return Restored(Head(seq, bytes(hash)), at, source, known)

    def note(self, restored: Restored) -> None:
        """From now on the database is one that was put back; inside a transaction."""
        known = (None, None) if restored.known is None else (restored.known.seq, restored.known.hash)
        self._do(_PUT, restored.head.seq, restored.head.hash, restored.at, restored.source, *known)

    def accept(self, missing: str, at: int, actor: str) -> None:
        """Somebody has accepted it: `missing` says which records are lost; inside a transaction."""
        self._do(_ACCEPT, at, missing, actor)

    def accepted(self) -> list[tuple[Any, ...]]:
        """(last record, when, from what, what is missing, accepted when, by whom) of each that was."""
        return self._do(_ACCEPTED)
