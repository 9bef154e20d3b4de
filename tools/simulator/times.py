"""Time: true time passes, the monotonic clock follows it, the wall clock jumps and drifts."""

from __future__ import annotations

from overspill.words.instants import instant_from_text

START = instant_from_text("2026-10-05T10:00:00Z")


class SimulatedTime:
    """In place of the module `time`, which the engine's own clock reads. Microseconds."""

    def __init__(self) -> None:
        self.passed = 0
        self.skew = 0
        """By how much the wall clock was set otherwise."""
        self.drift = 0
        """Millionths by which it is quicker."""

    def wall(self) -> int:
        return START + self.passed + self.skew + self.passed * self.drift // 1_000_000

    def time_ns(self) -> int:
        return self.wall() * 1000

    def monotonic_ns(self) -> int:
        return self.passed * 1000
