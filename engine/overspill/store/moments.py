"""Where an instant falls in the journal."""

from __future__ import annotations

from overspill.ports.store import Store


def first_at(store: Store, instant: int, head: int) -> int:
    """The first record at or behind the instant, of those up to `head`; the one behind them where there is none. Records are
    booked in the order of their instants, so that few are read."""
    low, high = 1, head + 1
    while low < high:
        middle = (low + high) // 2
        if store.record(middle).at < instant:
            low = middle + 1
        else:
            high = middle
    return low
