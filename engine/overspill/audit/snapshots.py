"""Snapshots of accounts against the journal: a state that is stored changes what it costs to look, never what is seen (LED15)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from overspill.audit.amounts import amount_text
from overspill.audit.findings import Findings
from overspill.audit.world import World
from overspill.records.journal import Record
from overspill.words.codec import packed_decoder

VERSION, AT, ATTRIBUTES, WINDOWS, POOLS, HOLDS, SINCE, BANKED, DEBTS = range(9)
"""Places of a packed account."""
_unpacked = packed_decoder(list[Any]).decode

SnapshotOf = Callable[[str], "tuple[int, bytes] | None"]
"""Account's key → (record that its snapshot is behind, its packed state)."""


class Snapshots:
    """Asks for an account's snapshot when the account is first met, and looks at it when its record has come. Whoever was met
    up to the record `through` has one."""

    def __init__(self, snapshot_of: SnapshotOf, through: int) -> None:
        self._snapshot_of, self._through = snapshot_of, through
        self._known: dict[str, tuple[int, bytes] | None] = {}
        self._due: dict[int, list[str]] = {}

    def behind(self, record: Record, worlds: Mapping[str, World], found: Findings) -> None:
        """What is due when this record has come, of any tenant; `worlds` are by tenant."""
        for key in record.effects:
            if key not in self._known:
                stored = self._known[key] = self._snapshot_of(key)
                if stored is not None:
                    self._due.setdefault(max(stored[0], record.seq), []).append(key)
                elif record.seq <= self._through:
                    found.add(
                        "missing",
                        "LED15",
                        key,
                        f"has no snapshot, and those of all accounts go to record {self._through}",
                    )
        for key in self._due.pop(record.seq, ()):
            stored = self._known[key]
            assert stored is not None
            self._known[key] = None
            tenant = key.partition("/")[0]
            self._compare(key, stored[1], worlds.get(tenant) or World(tenant), found)

    def _compare(self, key: str, packed: bytes, world: World, found: Findings) -> None:
        account = key.partition("/")[2]
        try:
            state: Any = _unpacked(packed)
            version, pools, debts = state[VERSION], state[POOLS], state[DEBTS]
            stated = {(pool, lot[0]): lot[1] for pool, lots in pools.items() for lot in lots}
        except (ValueError, LookupError, TypeError, AttributeError) as fault:
            found.add("malformed", "LED15", key, f"has a snapshot that cannot be read: {str(fault)[:80]}")
            return
        if version != world.versions.get(key, 0):
            what = f"has a snapshot of version {version}, {world.versions.get(key, 0)} records changed it"
            found.add("differs", "LED15", key, what)
        counted = {
            (pool, lot.key[2]): lot
            for (owner, pool), lots in world.pools.items()
            if owner == account
            for lot in lots.values()
        }
        for place in dict.fromkeys((*counted, *stated)):
            lot = counted.get(place)
            step = 1 if lot is None else lot.step
            have, must = stated.get(place, 0) * step, 0 if lot is None else lot.free
            if have != must:
                what = f"has {amount_text(have)} of lot {place[1]} in {place[0]} by its snapshot, {amount_text(must)} by the journal"
                found.add("amount", "LED15", key, what, [("" if lot is None else lot.asset, have - must)])
        owed = {pool for (owner, pool), amount in world.debts.items() if owner == account and amount}
        if owed != set(debts):
            found.add(
                "differs", "LED15", key, f"owes in {sorted(debts)} by its snapshot, in {sorted(owed)} by the journal"
            )
