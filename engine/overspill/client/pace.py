"""What a client reads of the world beside the service: the time that has passed, and chance. Tests hand in their own."""

from __future__ import annotations

import os
import time


def monotonic_ms() -> int:
    """Milliseconds since some instant, never backwards."""
    return time.monotonic_ns() // 1_000_000


def sleep_ms(millis: int) -> None:
    time.sleep(millis / 1000)


def jitter(most: int) -> int:
    """A whole number from 0 to `most`."""
    return int.from_bytes(os.urandom(4), "big") % (most + 1)


def fresh_id() -> str:
    """An id that nobody has used: 128 bits of chance, in hex."""
    return os.urandom(16).hex()
