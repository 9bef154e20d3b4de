"""Stores with a simulated journal, settled as far as a test wants it."""

from __future__ import annotations

from book.folds import simulated_disk
from overspill.ports.store import Store
from overspill.runtime.settler import Settler


def copied(seed: int, store: Store, steps: int = 5000) -> Store:
    """The store with the journal of a simulated world, nothing of it settled."""
    disk = simulated_disk(seed, steps)
    store.begin()
    for form in disk.forms.values():
        store.put_form(form)
    for policy in disk.policies.values():
        store.put_policy(policy)
    for segment in disk.segments:
        store.append(segment, has_events=True)
    store.commit()
    return store


def settled(store: Store, through: int | None = None) -> Store:
    """The store, settled through the segment of that record."""
    settler = Settler(store, lambda: 0)
    while store.ledger.settled().through < (store.head().seq if through is None else through):
        if not settler.run(1 if through is not None else 256):
            break
    assert store.ledger.parked() == []
    return store
