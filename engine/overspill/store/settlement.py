"""How far a store's journal is settled, and what waits, whoever settles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from overspill.words.codec import Struct

if TYPE_CHECKING:
    from overspill.ports.store import Store


class Settlement(Struct, frozen=True):
    """The last settled record, how many records of the outbox wait, when (microseconds) the oldest of them was made (None:
    none waits), and how many are parked."""

    through: int
    waiting: int
    oldest_at: int | None
    parked: int

    def lag(self, now: int) -> int:
        """Microseconds that the oldest waiting record has waited."""
        return 0 if self.oldest_at is None else max(now - self.oldest_at, 0)


def settlement(store: Store) -> Settlement:
    """As of now. Raises StoreFailure."""
    waiting = store.ledger.waiting()
    oldest = None if waiting.first is None else store.record(waiting.first).at
    return Settlement(waiting.through, waiting.records, oldest, waiting.parked)
