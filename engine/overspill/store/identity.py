"""Which journal it is: a name that no copy of it, no restart and no later record changes."""

from __future__ import annotations

from overspill.ports.store import Store


def journal_id(store: Store) -> str | None:
    """The hash of its first segment in hex, which no later one changes; None for an empty journal."""
    first = next(iter(store.segments(0)), None)
    return None if first is None else first.hash.hex()
