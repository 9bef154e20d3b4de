"""Journals folded: the book with all that was posted, and what it must agree with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from overspill.account.state import Account
from overspill.book.chart import LotKey
from overspill.book.post import post
from overspill.book.state import Book
from overspill.plan.shapes import LOT_ID, LOT_LEFT
from overspill.records.journal import FormOf, Record, answered, decode_stored, records_of
from overspill.records.postings import Posted, Row, Transaction
from overspill.words.amounts import SCALE_MAX
from overspill.words.codec import json_bytes
from simulator.disk import Disk
from simulator.wiring import wired
from simulator.world import World


class Fold:
    """A book, and every transaction and row in the order that they were posted."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self.book = Book()
        self.transactions: list[Transaction] = []
        self.rows: list[Row] = []
        for record in records:
            self.post(record)

    def post(self, record: Record) -> Posted:
        posted = post(self.book, record)
        assert isinstance(posted, Posted), posted
        self.transactions += [] if posted.transaction is None else [posted.transaction]
        self.rows += posted.rows
        return posted


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
