"""What a store may forget, and what never.

For ever: the journal with its builds and forms, the index of ids (what was answered once is answered the same whenever it
is asked for again), postings and the accounts they stand under, policies, facts, what is parked. Of what is only their
sum (snapshots of accounts, balances, the book's lots, windows and holds) there is one row each, and none for what is 0 or
over.

What is left to forget is the settled part of the outbox, the list of segments that somebody has still to settle: who
settles reads on behind what is settled, and a relay reads what is settled from the journal itself (`stream/relay.py`).
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
    try:
        through = store.ledger.begin_settling().through
        count = store.drop_outbox(through, ROWS)
        store.commit()
    except BaseException:
        store.rollback()
        raise
    return count
