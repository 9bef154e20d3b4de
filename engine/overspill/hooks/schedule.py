"""When an event that was not delivered is tried again: at growing distances, ten attempts over three days, then never by itself.

The distances are those that Standard Webhooks proposes. So that what failed together is not tried together, each is longer
by up to a fifth, by what `jitter` says; where nobody says otherwise, that is derived from the event and the attempt.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

from overspill.words.instants import DAY, HOUR, MINUTE, SECOND

DISTANCES = (
    5 * SECOND,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
)
"""Behind the first attempt, the second, and so on."""
ASKED_MAX = DAY
"""The longest that a receiver may ask to be left alone (`Retry-After`)."""
PARTS = 1000

Jitter = Callable[[str, int], int]
"""(event, attempts) → thousandths, 0 to 999, of the fifth."""


def derived_jitter(event: str, attempts: int) -> int:
    """The same for the same attempt, and as good as chance for others."""
    return int.from_bytes(sha256(f"{event}\0{attempts}".encode()).digest()[:4]) % PARTS


def next_after(event: str, attempts: int, asked: int = 0, jitter: Jitter = derived_jitter) -> int | None:
    """Microseconds until the next attempt, behind so many; `asked` are those that the receiver asked for. None: it was the
    last."""
    if attempts > len(DISTANCES):
        return None
    distance = DISTANCES[attempts - 1]
    return max(distance + distance * jitter(event, attempts) // (5 * PARTS), min(asked, ASKED_MAX))
