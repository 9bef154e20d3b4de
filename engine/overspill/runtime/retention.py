"""What a store may forget, and what never.

For ever: the journal with its builds and forms, the index of ids (so that what was answered once is answered the same
whenever it is asked for again), postings and the accounts they stand under, policies, facts, what is parked. By itself a store
has no more than one row of what is only the sum of these: a snapshot of an account, a balance (of 0: none), a lot, a window or a hold of
the book (one that is over: none).

What is left to forget is the outbox: the segments that somebody still has to settle. Behind the last of them that is settled
nobody asks for it any more; a settler that begins again reads on from there.
"""

from __future__ import annotations

from overspill.ports.store import Store

ROWS = 10_000
"""That are dropped at once, while nobody settles."""


def compact(store: Store) -> int:
    """Forgets what is settled of the outbox: how many rows that were. Whoever decides or settles goes on beside it. Raises
    StoreFailure."""
    total = 0
    while count := _dropped(store):
        total += count
    return total


def _dropped(store: Store) -> int:
    through = store.ledger.begin_settling().through
    try:
        count = store.drop_outbox(through, ROWS)
        store.commit()
    except BaseException:
        store.rollback()
        raise
    return count
