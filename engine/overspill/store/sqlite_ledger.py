"""The ledger in an SQLite file: the tables of `migrations/sqlite/0007_ledger.sql`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from sqlite3 import Connection, Cursor
from typing import cast

from overspill.ports.ledger import Balance, Kept, ParkedRecord, Posting, Relayed, Settled, Waiting
from overspill.records.postings import Parked, ParkedReason
from overspill.words.codec import json_bytes

_SETTLED = "SELECT value FROM meta WHERE name = 'settled_through'"
_WAITING = f"""
SELECT ({_SETTLED}), coalesce(sum(last_seq - first_seq + 1), 0), min(first_seq), (SELECT count(*) FROM parked)
FROM outbox WHERE last_seq > ({_SETTLED})"""
_OWNED = " WHERE owner IN (SELECT value FROM json_each(?))"
_BALANCE = "INSERT INTO balances VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET amount = excluded.amount"
_OF = """
SELECT seq, body FROM entries JOIN postings USING (seq) WHERE owner = ? AND seq > ? AND seq <= ? ORDER BY seq"""

_RELAY = """
INSERT INTO relays VALUES (?, ?, ?)
ON CONFLICT (stream) DO UPDATE SET through = excluded.through, position = excluded.position
WHERE (relays.through, relays.position) = (?, ?)"""


class SqliteLedger:
    """Part of an SqliteStore, whose way to `begin` and to `do` statements it uses."""

    def __init__(self, connection: Connection, begin: Callable[[], None], do: Callable[..., Cursor]) -> None:
        self._connection, self._begin, self._do = connection, begin, do

    def _all(self, query: str, *values: object) -> Cursor:
        return self._do(self._connection.execute, query, values)

    def begin_settling(self) -> Settled:
        self._begin()
        return self.settled()

    def settled(self) -> Settled:
        return Settled(*self._all(_SETTLED).fetchone())

    def waiting(self) -> Waiting:
        return Waiting(*self._all(_WAITING).fetchone())

    def owned(self, owners: Sequence[str]) -> tuple[Sequence[Balance], Sequence[Kept]]:
        names = json_bytes(owners).decode()
        balances = self._all("SELECT owner, account, asset, amount FROM balances" + _OWNED, names)
        kept = self._all("SELECT owner, kind, key, body FROM kept" + _OWNED, names)
        return [_balance(row) for row in balances], [
            Kept(owner, kind, key, body.encode()) for owner, kind, key, body in kept
        ]

    def settle(
        self,
        through: int,
        postings: Iterable[Posting],
        balances: Iterable[Balance],
        kept: Iterable[Kept],
        parked: Iterable[ParkedRecord],
    ) -> None:
        many = self._connection.executemany
        posted = list(postings)
        self._do(many, "INSERT INTO postings VALUES (?, ?)", [(one.seq, one.body.decode()) for one in posted])
        entries = sorted((owner, one.seq) for one in posted for owner in one.owners)
        self._do(many, "INSERT INTO entries VALUES (?, ?)", entries)
        self._write_balances(list(balances))
        self._write_kept(list(kept))
        rows = [(one.parked.record, one.seq, one.parked.reason, one.parked.of, one.at, one.body) for one in parked]
        self._do(many, "INSERT OR IGNORE INTO parked VALUES (?, ?, ?, ?, ?, ?)", rows)
        self._do(self._connection.execute, "UPDATE meta SET value = ? WHERE name = 'settled_through'", (through,))

    def _write_balances(self, balances: list[Balance]) -> None:
        many = self._connection.executemany
        some = sorted((one.owner, one.account, one.asset, str(one.amount)) for one in balances if one.amount)
        none = sorted((one.owner, one.account, one.asset) for one in balances if not one.amount)
        self._do(many, _BALANCE, some)
        self._do(many, "DELETE FROM balances WHERE owner = ? AND account = ? AND asset = ?", none)

    def _write_kept(self, kept: list[Kept]) -> None:
        many = self._connection.executemany
        some = sorted((one.owner, one.kind, one.key, one.body.decode()) for one in kept if one.body is not None)
        none = sorted((one.owner, one.kind, one.key) for one in kept if one.body is None)
        self._do(many, "INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?)", some)
        self._do(many, "DELETE FROM kept WHERE owner = ? AND kind = ? AND key = ?", none)

    def postings(self, after: int) -> Iterator[tuple[int, bytes]]:
        rows = self._all("SELECT seq, body FROM postings WHERE seq > ? ORDER BY seq", after)
        return ((seq, body.encode()) for seq, body in rows)

    def postings_of(self, owner: str, after: int, until: int) -> Iterator[tuple[int, bytes]]:
        return ((seq, body.encode()) for seq, body in self._all(_OF, owner, after, until))

    def balances(self) -> Iterator[Balance]:
        return map(_balance, self._all("SELECT * FROM balances ORDER BY owner, account, asset"))

    def parked(self) -> Sequence[ParkedRecord]:
        rows = self._all("SELECT record, reason, of_what, seq, at, body FROM parked ORDER BY seq, record")
        return [
            ParkedRecord(Parked(record, cast("ParkedReason", reason), of), *rest) for record, reason, of, *rest in rows
        ]

    def relayed(self, stream: str) -> Relayed:
        row = self._all("SELECT through, position FROM relays WHERE stream = ?", stream).fetchone()
        return Relayed() if row is None else Relayed(*row)

    def relay(self, stream: str, before: Relayed, now: Relayed) -> bool:
        values = (stream, now.through, now.position, before.through, before.position)
        return self._all(_RELAY, *values).rowcount > 0


def _balance(row: tuple[str, str, str, str]) -> Balance:
    return Balance(*row[:3], int(row[3]))
