"""Journals folded: the book with all that was posted, and what it must agree with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from overspill.account.state import Account
from overspill.audit.auditing import Bounds, Given, audited
from overspill.audit.findings import Finding, Findings
from overspill.audit.shapes import Balance
from overspill.audit.streams import Stored
from overspill.book.amounts import decimal_text
from overspill.book.chart import LotKey, owner_of
from overspill.book.post import post
from overspill.book.state import Book
from overspill.plan.shapes import LOT_ID, LOT_LEFT
from overspill.records.journal import GENESIS, FormOf, Record, answered, decode_stored, records_of, segment_of
from overspill.records.postings import Posted, Row, Transaction
from overspill.words.amounts import SCALE_MAX
from overspill.words.codec import json_bytes
from overspill.words.instants import NEVER
from simulator.disk import Disk
from simulator.wiring import wired
from simulator.world import World


class Fold:
    """A book, and every transaction and row in the order that they were posted."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self.book = Book()
        self.transactions: list[Transaction] = []
        self.rows: list[Row] = []
        self._records: list[Record] = []
        self._posted: list[tuple[int, bytes]] = []
        for record in records:
            self.post(record)

    def post(self, record: Record) -> Posted:
        posted = post(self.book, record)
        assert isinstance(posted, Posted), posted
        self.transactions += [] if posted.transaction is None else [posted.transaction]
        self.rows += posted.rows
        self._records.append(record)
        self._posted.append((record.seq, json_bytes(posted)))
        return posted

    def findings(self) -> list[Finding]:
        """What an audit of the journal and of all that was posted finds, at every prefix; nobody sweeps here."""
        found = Findings()
        segment = segment_of(self._records, GENESIS)
        given = Given(
            segments=lambda: [segment],
            form_of={}.__getitem__,
            source=Stored((one for one in self._posted if one[1] != b"{}"), found),
            settled_through=segment.last_seq,
            balances=sorted(self._balances(), key=lambda one: (one.owner, one.account, one.asset)),
            parked=(),
            bounds=Bounds(sweep_within=NEVER),
        )
        return audited(given, found).findings

    def _balances(self) -> list[Balance]:
        return [
            Balance("/".join(filter(None, ["default", owner_of(account)])), account, asset, decimal_text(amount))
            for (account, asset), amount in self.book.balances.items()
        ]


def as_read(record: Record, form_of: FormOf) -> Record:
    """A record that was just made, as the journal has it."""
    return answered(decode_stored(json_bytes(record)), form_of)


def lots_of(accounts: Mapping[str, Account], scale: int) -> dict[LotKey, int]:
    """What is free in the lots of states by `user/ana`, in billionths."""
    step = 10 ** (SCALE_MAX - scale)
    return {
        (name, pool, lot[LOT_ID]): lot[LOT_LEFT] * step
        for name, account in accounts.items()
        for pool, lots in account.pools.items()
        for lot in lots
    }


def free_in(book: Book) -> dict[LotKey, int]:
    """What is free in the book's lots."""
    return {key: left for key in book.lots if (left := book.available(key))}


def debts_in(book: Book) -> dict[str, int]:
    """What is owed, by `user/ana/money`."""
    found = {name: -left for (name, _), left in book.balances.items() if name.startswith("debt:")}
    return {name.removeprefix("debt:"): left for name, left in found.items()}


@cache
def simulated_disk(seed: int, steps: int = 5000) -> Disk:
    """What a simulated world has written."""
    world = World(seed)
    with wired(world.time, world.mix.live_max):
        world.run(steps)
    return world.disk


@cache
def simulated(seed: int, steps: int = 5000) -> tuple[Record, ...]:
    """The journal of a simulated world."""
    disk = simulated_disk(seed, steps)
    return tuple(records_of(disk.segments, disk.forms.__getitem__))


def accounts_in_order(records: Iterable[Record]) -> Iterator[tuple[str, Record]]:
    """(account, record) for each account that a record touches."""
    return ((account, record) for record in records for account in record.effects)
