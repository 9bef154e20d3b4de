"""Captures of holds that nobody has: usage of which nothing will be booked. The caller is told, and so is whoever runs the
engine: a caller that has lost its holds, or calls the wrong place, would else give usage away in silence.

Nothing else is kept of them. A command that was refused has changed nothing, so it stands in no journal: what nobody was
admitted to is no account's usage, no order says where it would belong, and a database that kept it would be filled by
whoever may call. The one who has the usage is the one who asked.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from overspill.runtime.alarms import alarm
from overspill.words.ids import is_derived

EVERY = 60_000_000
"""Microseconds between two alarms: of a flood the next one says how many there were."""


class UnknownHolds:
    """Of one engine, for all of its tenants and threads."""

    def __init__(self, now: Callable[[], int], alarm: Callable[..., None] = alarm) -> None:
        self._now, self._alarm = now, alarm
        self._lock = threading.Lock()
        self._told_at: int | None = None
        self._since = 0

    def captured(self, tenant: str, hold: object) -> None:
        """Counts one, and tells it with those before it that were not told. An id of a caller's own making is left out: it may
        be anything."""
        with self._lock:
            self._since += 1
            now = self._now()
            if self._told_at is not None and now < self._told_at + EVERY:
                return
            self._told_at, captures, self._since = now, self._since, 0
        named = {"hold": str(hold)} if is_derived(hold) and str(hold).startswith("hold_") else {}
        help = "find who sends them: they have lost their holds, or name another database's"
        self._alarm("unknown_hold_captured", captures=captures, tenant=tenant, help=help, **named)
