"""Stores with a simulated journal, settled as far as a test wants it."""

from __future__ import annotations

from collections.abc import Iterator

from book.folds import simulated_disk
from overspill.book.chart import class_of, source_of
from overspill.book.post import post
from overspill.book.state import Book
from overspill.ports.ledger import Balance, Posting
from overspill.ports.store import Store
from overspill.records.journal import Record, records_of
from overspill.records.postings import NOTHING, Posted
from overspill.words.codec import json_bytes

PRIVATE = ("lot", "hold", "win", "cap", "deferred", "debt", "overage")


def copied(seed: int, store: Store, steps: int = 5000) -> Store:
    """The store with the journal of a simulated world, nothing of it settled."""
    found = simulated_disk(seed, steps)
    store.begin()
    for form in found.forms.values():
        store.put_form(form)
    for policy in found.policies.values():
        store.put_policy(policy)
    for segment in found.segments:
        store.append(segment, has_events=True)
    store.commit()
    return store


def settled(store: Store, through: int | None = None) -> Store:
    """The store, settled through the segment of that record."""
    last = store.head().seq if through is None else through
    segments = [one for one in store.segments(0) if one.first_seq <= last]
    book, postings = Book(), []
    for record in records_of(segments, store.form):
        posted = post(book, record)
        assert isinstance(posted, Posted), posted
        if posted != NOTHING:
            owners = tuple(dict.fromkeys(owners_of(record, posted)))
            postings.append(Posting(record.seq, json_bytes(posted), owners))
    balances = [Balance(owner_of(account), account, asset, left) for (account, asset), left in book.balances.items()]
    store.ledger.begin_settling()
    store.ledger.settle(segments[-1].last_seq, postings, balances, [], [])
    store.commit()
    return store


def owner_of(account: str) -> str:
    """`lot:user/ana/money/C1` → `default/user/ana`; what is nobody's own is the tenant's."""
    if class_of(account) not in PRIVATE:
        return "default"
    source = source_of(account) if class_of(account) == "hold" else account
    return "default/" + "/".join(source.split(":", 1)[1].split("/")[:2])


def owners_of(record: Record, posted: Posted) -> Iterator[str]:
    """Of whom a posting tells."""
    if posted.usage is not None:
        yield f"default/{posted.usage.account}"
    if posted.transaction is not None:
        owners = [owner_of(side) for leg in posted.transaction.legs for side in (leg.debit, leg.credit)]
        yield from (owner for owner in owners if owner != "default")
