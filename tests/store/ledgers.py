"""A journal in a store, and what its ledger must come to, whoever settles."""

from __future__ import annotations

from book.folds import Fold
from book.settled import copied
from overspill.book.chart import owner_of
from overspill.ports.store import Store
from overspill.records.journal import Record, records_of
from overspill.records.postings import Posted, posted_from

SEED = 11


def written(store: Store, seed: int = SEED) -> list[Record]:
    """The journal of a simulated world, in the store."""
    return list(records_of(copied(seed, store).segments(0), store.form))


def settled(store: Store) -> list[tuple[int, Posted]]:
    return [(seq, posted_from(body)) for seq, body in store.ledger.postings(0)]


def expected(records: list[Record]) -> list[tuple[int, Posted]]:
    fold = Fold()
    posted = [(record.seq, fold.post(record)) for record in records]
    return [(seq, one) for seq, one in posted if one != Posted()]


def same_as_the_fold(store: Store, records: list[Record], unknown: int = 0) -> None:
    """Each record that has something to settle is posted once, as a fresh fold of the journal posts it; what is parked are
    `unknown` records that the journal does not have."""
    assert settled(store) == expected(records)
    fold = Fold(records)
    balances = {(one.account, one.asset): one.amount for one in store.ledger.balances()}
    assert balances == fold.book.balances
    for one in store.ledger.balances():
        assert one.owner == ("default/" + owner_of(one.account)).rstrip("/")
    assert [one.parked.reason for one in store.ledger.parked()] == ["unknown_record"] * unknown
