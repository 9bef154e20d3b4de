"""The auditor's accounts: what the journal's effects make of them, read as plain lists.

Written from the journal alone, beside the engine's own `apply`: absolute values by name, the last one counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from overspill.words.instants import NEVER

Window = list[int]
"""[generation, opened, ends, used, …]."""
GENERATION, OPENED, ENDS, USED, FORM = range(5)
Where = tuple[str, str]
"""(account, key of a window or a pool)."""
LotKey = tuple[str, str, str]
"""(account, pool, lot)."""


class Finding(Exception):
    """Something that must never be."""


class Changes:
    """What one record has changed: name → (before, after)."""

    def __init__(self) -> None:
        self.lots: dict[LotKey, tuple[int, int]] = {}
        self.windows: dict[Where, tuple[Window | None, Window]] = {}
        self.debts: dict[Where, tuple[int, int]] = {}
        self.holds: dict[tuple[str, str], list[Any] | None] = {}
        """(account, hold) → as it was set last; None: ended."""


class Account:
    """One account; lots with nothing left are not in it."""

    def __init__(self) -> None:
        self.version = self.at = 0
        self.since = NEVER
        self.attributes: dict[str, Any] = {}
        self.windows: dict[str, Window] = {}
        self.pools: dict[str, dict[str, list[Any]]] = {}
        self.holds: dict[str, list[Any]] = {}
        self.banked: dict[str, list[Any]] = {}
        self.debts: dict[str, int] = {}

    def fold(self, name: str, effects: Iterable[Sequence[Any]], at: int, changes: Changes) -> None:
        """One record's effects, noted in `changes`."""
        if not self.version:
            self.since = at
        for effect in effects:
            match effect:
                case ["window", key, state]:
                    first = changes.windows.get((name, key), (self.windows.get(key),))[0]
                    changes.windows[name, key] = (first, state)
                    self.windows[key] = state
                case ["lot", pool, lot]:
                    self._lot(name, pool, lot, changes)
                case ["hold", hold]:
                    changes.holds[name, hold[0]] = self.holds[hold[0]] = hold
                case ["end_hold", id]:
                    changes.holds[name, id] = None
                    self.holds.pop(id, None)
                case ["attribute", key, value]:
                    self.since = at
                    self.attributes.pop(key, None)
                    if value is not None:
                        self.attributes[key] = value
                case ["banked", limit, resets]:
                    self.banked[limit] = resets
                case ["debt", pool, owed]:
                    changes.debts[name, pool] = (self.debts.pop(pool, 0), owed)
                    if owed:
                        self.debts[pool] = owed
                case _:
                    raise Finding(f"no such effect: {effect}")
        self.version, self.at = self.version + 1, at

    def _lot(self, name: str, pool: str, lot: list[Any], changes: Changes) -> None:
        lots = self.pools.setdefault(pool, {})
        before = lots.pop(lot[0], None)
        first = changes.lots.get((name, pool, lot[0]), (0 if before is None else before[1],))[0]
        changes.lots[name, pool, lot[0]] = (first, lot[1])
        if lot[1]:
            lots[lot[0]] = lot

    def differs(self, state: Sequence[Any]) -> str | None:
        """Where the engine's state, as a list in its order, is another than this; None where it is the same."""
        version, at, attributes, windows, pools, holds, since, banked, debts = state
        stated = {pool: {lot[0]: lot for lot in lots} for pool, lots in pools.items() if lots}
        own = {pool: lots for pool, lots in self.pools.items() if lots}
        pairs = {
            "version": (version, self.version),
            "at": (at, self.at),
            "since": (since, self.since),
            "attributes": (attributes, self.attributes),
            "windows": (windows, self.windows),
            "lots": (stated, own),
            "holds": (holds, self.holds),
            "banked": (banked, self.banked),
            "debts": (debts, self.debts),
        }
        for what, (one, other) in pairs.items():
            if one != other:
                return f"{what}: {one}, by the journal {other}"
        return None
