"""The ledger in a PostgreSQL database: the tables of `migrations/postgres/0002_ledger.sql`, written as sets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from overspill.ports.ledger import Balance, Kept, ParkedRecord, Posting, Relayed, Settled, Waiting
from overspill.records.postings import Parked

PAGE, BALANCES_PAGE = 512, 4096
"""Postings, and balances, that are read at once."""
Read = Callable[..., list[tuple[Any, ...]]]

_BALANCES = "SELECT owner, account, asset, amount::text FROM overspill.balances"
_BALANCES_PAGE = f"""
{_BALANCES} WHERE (owner, account, asset) > (%s::text, %s::text, %s::text)
ORDER BY owner, account, asset LIMIT {BALANCES_PAGE}"""
_WAITING = """
SELECT through, coalesce(sum(last_seq - first_seq + 1), 0)::bigint, min(first_seq),
  (SELECT count(*) FROM overspill.parked)
FROM overspill.settlement LEFT JOIN overspill.outbox ON last_seq > through GROUP BY through"""
_PUT_POSTINGS = "INSERT INTO overspill.postings SELECT * FROM unnest(%b::bigint[], %b::json[])"
_PUT_ENTRIES = "INSERT INTO overspill.entries SELECT * FROM unnest(%b::text[], %b::bigint[])"
_PUT_BALANCES = """
INSERT INTO overspill.balances SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %s::numeric[])
ON CONFLICT (owner, account, asset) DO UPDATE SET amount = excluded.amount"""
_END_BALANCES = """
DELETE FROM overspill.balances USING unnest(%b::text[], %b::text[], %b::text[]) AS gone (owner, account, asset)
WHERE (balances.owner, balances.account, balances.asset) = (gone.owner, gone.account, gone.asset)"""
_PUT_KEPT = """
INSERT INTO overspill.kept SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[])
ON CONFLICT (owner, kind, key) DO UPDATE SET body = excluded.body"""
_END_KEPT = """
DELETE FROM overspill.kept USING unnest(%b::text[], %b::text[], %b::text[]) AS gone (owner, kind, key)
WHERE (kept.owner, kept.kind, kept.key) = (gone.owner, gone.kind, gone.key)"""
_PUT_PARKED = """
INSERT INTO overspill.parked (record, reason, of_what, seq, at, body)
SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::bigint[], %b::bigint[], %b::bytea[])
ON CONFLICT DO NOTHING"""
_ALL = f"SELECT seq, body::text FROM overspill.postings WHERE seq > %s ORDER BY seq LIMIT {PAGE}"
_OF = f"""
SELECT seq, body::text FROM overspill.entries JOIN overspill.postings USING (seq)
WHERE owner = %s AND seq > %s AND seq <= %s ORDER BY seq LIMIT {PAGE}"""

_RELAY = """
INSERT INTO overspill.relays VALUES (%s, %s, %s)
ON CONFLICT (stream) DO UPDATE SET through = excluded.through, position = excluded.position
WHERE (relays.through, relays.position) = (%s, %s) RETURNING true"""


class PostgresLedger:
    """Part of a PostgresStore: `begin` takes the settler's place and gives its row, `read` asks on whatever connection there
    is, `write` on the one that holds the place."""

    def __init__(self, begin: Callable[[], int], read: Read, write: Read) -> None:
        self._begin, self._read, self._write = begin, read, write

    def begin_settling(self) -> Settled:
        return Settled(self._begin())

    def settled(self) -> Settled:
        return Settled(*self._read("SELECT through FROM overspill.settlement")[0])

    def waiting(self) -> Waiting:
        return Waiting(*self._read(_WAITING)[0])

    def owned(self, owners: Sequence[str]) -> tuple[Sequence[Balance], Sequence[Kept]]:
        names = list(owners)
        balances = self._read(_BALANCES + " WHERE owner = ANY(%b::text[])", names)
        kept = self._read("SELECT owner, kind, key, body FROM overspill.kept WHERE owner = ANY(%b::text[])", names)
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
        posted, changed, things = list(postings), list(balances), list(kept)
        self._put(_PUT_POSTINGS, [(one.seq, one.body.decode()) for one in posted])
        self._put(_PUT_ENTRIES, sorted((owner, one.seq) for one in posted for owner in one.owners))
        some = sorted((one.owner, one.account, one.asset, str(one.amount)) for one in changed if one.amount)
        self._put(_PUT_BALANCES, some)
        self._put(_END_BALANCES, sorted((one.owner, one.account, one.asset) for one in changed if not one.amount))
        self._put(
            _PUT_KEPT,
            sorted((one.owner, one.kind, one.key, one.body.decode()) for one in things if one.body is not None),
        )
        self._put(_END_KEPT, sorted((one.owner, one.kind, one.key) for one in things if one.body is None))
        self._put(
            _PUT_PARKED,
            [(one.parked.record, one.parked.reason, one.parked.of, one.seq, one.at, one.body) for one in parked],
        )
        self._write("UPDATE overspill.settlement SET through = %s", (through,))

    def _put(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        """One statement for all rows, column by column."""
        if rows:
            self._write(statement, [list(column) for column in zip(*rows, strict=True)])

    def postings(self, after: int) -> Iterator[tuple[int, bytes]]:
        while rows := self._read(_ALL, after):
            yield from ((seq, body.encode()) for seq, body in rows)
            if len(rows) < PAGE:
                return
            after = rows[-1][0]

    def postings_of(self, owner: str, after: int, until: int) -> Iterator[tuple[int, bytes]]:
        while rows := self._read(_OF, owner, after, until):
            yield from ((seq, body.encode()) for seq, body in rows)
            if len(rows) < PAGE:
                return
            after = rows[-1][0]

    def balances(self) -> Iterator[Balance]:
        last = ("", "", "")
        while rows := self._read(_BALANCES_PAGE, *last):
            yield from map(_balance, rows)
            if len(rows) < BALANCES_PAGE:
                return
            last = rows[-1][:3]

    def parked(self) -> Sequence[ParkedRecord]:
        query = "SELECT record, reason, of_what, seq, at, body FROM overspill.parked ORDER BY seq, record"
        return [ParkedRecord(Parked(record, reason, of), *rest) for record, reason, of, *rest in self._read(query)]

    def relayed(self, stream: str) -> Relayed:
        rows = self._read("SELECT through, position FROM overspill.relays WHERE stream = %s", stream)
        return Relayed(*rows[0]) if rows else Relayed()

    def relay(self, stream: str, before: Relayed, now: Relayed) -> bool:
        values = (stream, now.through, now.position, before.through, before.position)
        return bool(self._read(_RELAY, *values))


def _balance(row: tuple[Any, ...]) -> Balance:
    owner, account, asset, amount = row
    return Balance(owner, account, asset, int(amount))
