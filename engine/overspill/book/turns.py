"""Turns: each record's number among the records of each account that it touches.

Given by who reads the journal in its order; with them records may be delivered in any other (`book/post.py`).
"""

from __future__ import annotations

from collections.abc import Mapping

from overspill.records.journal import Record


class Turns:
    """Numbers records, which come in the journal's order, from 0 on each account."""

    def __init__(self) -> None:
        self._next: dict[str, int] = {}

    def of(self, record: Record) -> Mapping[str, int]:
        """By account, with its tenant; none for a denial, which may come at any time."""
        turns = {account: self._next.get(account, 0) for account in record.effects}
        for account in turns:
            self._next[account] = turns[account] + 1
        return turns
