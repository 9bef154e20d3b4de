"""The clock: one per serialisation point, stamped once per batch, never taken from a caller (LANGUAGE.md T3)."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Clock(Protocol):
    def now(self) -> int:
        """Microseconds since 1970-01-01T00:00:00Z; never less than the answer before."""
        ...

    def drift(self) -> int:
        """Microseconds by which the wall clock is ahead of this one; 0 where there is no other."""
        ...
