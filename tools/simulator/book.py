"""The auditor's accounts: what the journal's effects make of them, read as plain lists.

Written from the journal alone, beside the engine's own `apply`: absolute values by name, the last one counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from overspill.words.instants import NEVER

Window = list[int]
"""[generation, opened, ends, used, …]."""
GENERATION, OPENED, ENDS, USED, FORM = range(5)
Where = tuple[str, str]
"""(account, key of a window or a pool)."""
HOLD_ENDS, LATE_UNTIL, LEGS, OPEN = 5, 6, 11, 12
"""The places of a hold, such as [id, accounts, policy, …]."""
LOTS, USED_OF_LEG, LAPSES = 5, 7, 8
"""Those of a leg."""
LOT_ENDS = 3
LOT_ORDER = {"id": 0, "granted_at": 2, "expires_at": LOT_ENDS, "priority": 4, "category": 5}
TEST_AT = 7
"""That of a top-up."""
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
        self.closed: dict[tuple[Where, int], tuple[int, int]] = {}
        """(window, generation that is over) → its use."""
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
        self.top_ups: dict[str, list[Any]] = {}
        self.closed: dict[str, Window] = {}
        """Generations that ended while a hold was open, by `key@generation`."""
        self.orders: dict[str, list[str]] = {}
        """By pool: the order that its lots are kept in beside the default one."""

    def fold(self, name: str, effects: Iterable[Sequence[Any]], at: int, changes: Changes) -> None:
        """One record's effects, noted in `changes`."""
        if not self.version:
            self.since = at
        for effect in effects:
            match effect:
                case ["window", key, state]:
                    first = changes.windows.get((name, key), (self.windows.get(key),))[0]
                    changes.windows[name, key] = (first, state)
                    self._goes_on(key, state)
                    self.windows[key] = state
                case ["closed", key, state]:
                    before = self.closed.get(f"{key}@{state[GENERATION]}")
                    changes.closed[(name, key), state[GENERATION]] = (
                        0 if before is None else before[USED],
                        state[USED],
                    )
                    self.closed[f"{key}@{state[GENERATION]}"] = state
                case ["lot", pool, lot]:
                    self._lot(name, pool, lot, changes)
                case ["hold", hold]:
                    self._in_time(at)
                    changes.holds[name, hold[0]] = self.holds[hold[0]] = hold
                case ["end_hold", id, *_]:
                    self._in_time(at)
                    changes.holds[name, id] = None
                    self.holds.pop(id, None)
                    self.closed = self.closed if self.holds else {}
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
                case ["top_up", pool, top_up]:
                    self.top_ups[pool] = top_up
                case ["order", pool, order]:
                    self.orders.pop(pool, None)
                    if order:
                        self.orders[pool] = order
                case _:
                    raise Finding(f"no such effect: {effect}")
        self.version, self.at = self.version + 1, max(self.at, at)

    def _lot(self, name: str, pool: str, lot: list[Any], changes: Changes) -> None:
        lots = self.pools.setdefault(pool, {})
        before = lots.pop(lot[0], None)
        first = changes.lots.get((name, pool, lot[0]), (0 if before is None else before[1],))[0]
        changes.lots[name, pool, lot[0]] = (first, lot[1])
        if lot[1]:
            lots[lot[0]] = lot

    def _goes_on(self, key: str, state: Window) -> None:
        """A window that begins anew while there are holds leaves the generation before behind."""
        before = self.windows.get(key)
        if self.holds and before is not None and len(before) == FORM and before[GENERATION] != state[GENERATION]:
            self.closed[f"{key}@{before[GENERATION]}"] = before

    def _in_time(self, at: int) -> None:
        """Holds too late for a capture leave when any changes."""
        self.holds = {id: hold for id, hold in self.holds.items() if hold[OPEN] or at < hold[LATE_UNTIL]}

    # ---- what ends by itself

    def ends(self) -> Iterator[tuple[int, str, str]]:
        """(instant, what, where) of all that ends by itself."""
        for pool, lots in self.pools.items():
            for lot in lots.values():
                yield lot[LOT_ENDS], lot[0], pool
        for id, hold in self.holds.items():
            if hold[OPEN]:
                yield hold[HOLD_ENDS], "all", id
                for leg in hold[LEGS]:
                    if leg[LAPSES]:
                        for lot in lapsing(leg):
                            yield lot[LOT_ENDS], lot[0], id

    def ended(self, at: int) -> str | None:
        """Something that has ended by an instant and is not written down."""
        for ends, what, where in self.ends():
            if ends <= at:
                return f"{what} of {where}"
        return None

    def due_at(self) -> int:
        """When something next ends by itself, or is tested again."""
        due = NEVER
        for ends, _, _ in self.ends():
            due = min(due, ends)
        return min([due, *(top_up[TEST_AT] for top_up in self.top_ups.values())])

    # ---- compared

    def differs(self, state: Sequence[Any]) -> str | None:
        """Where the engine's state, as a list in its order, is another than this; None where it is the same."""
        version, at, attributes, windows, pools, holds, since, banked, debts, due_at, top_ups, ordered, closed = state
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
            "due_at": (due_at, self.due_at()),
            "top_ups": (top_ups, self.top_ups),
            "closed": (closed, self.closed),
            "lots in their order": (ordered, {pool: self._ordered(pool, order) for pool, order in self.orders.items()}),
        }
        for what, (one, other) in pairs.items():
            if one != other:
                return f"{what}: {one}, by the journal {other}"
        return None

    def _ordered(self, pool: str, order: list[str]) -> list[Any]:
        lots = self.pools.get(pool, {}).values()
        return [order, sorted(lots, key=lambda lot: [lot[LOT_ORDER[key]] for key in order])]


def lapsing(leg: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """The lots of which a leg holds something beyond what is used, where it loses that when they end."""
    used = leg[USED_OF_LEG]
    for _, lot, part in leg[LOTS] if leg[LAPSES] else ():
        if part > used:
            yield lot
        used = max(used - part, 0)
