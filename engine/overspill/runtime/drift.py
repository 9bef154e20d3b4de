"""How far the wall clock has gone from the engine's, where that is too much (LANGUAGE.md T3)."""

from __future__ import annotations

from collections.abc import Callable

DRIFT_MAX = 2_000_000
"""Microseconds. Behind it the wall clock and the engine's are no longer said to be the same."""


def is_much(ahead: int) -> bool:
    """Whether two clocks, of which one is so many microseconds ahead, cannot both be right."""
    return not -DRIFT_MAX <= ahead <= DRIFT_MAX


class Drift:
    """Whoever runs the engine is told once, as long as it lasts."""

    def __init__(self, alarm: Callable[..., None]) -> None:
        self._alarm = alarm
        self._is_told = False

    def beyond(self, drift: int) -> int:
        """Microseconds by which the wall clock is ahead → the same, or 0 where that is no matter."""
        if not is_much(drift):
            self._is_told = False
            return 0
        if not self._is_told:
            self._is_told = True
            help = "set the clock of this machine, then start again"
            self._alarm("clock_drift", wall_clock_ahead_micros=drift, help=help)
        return drift
