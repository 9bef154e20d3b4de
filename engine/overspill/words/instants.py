"""Instants: integer microseconds since 1970-01-01T00:00:00Z in, RFC 3339 text in UTC out, and back. No clock here."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
NEVER = 2**63 - 1
"""The instant after all others: what never expires."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TEXT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,6}))?Z")


class InstantError(ValueError):
    """Text that is no instant."""

    help = "write a day and a time in UTC, such as `2026-10-05T10:00:00Z`"


def instant_from_text(text: str) -> int:
    """`2026-10-05T10:00:00Z`, with up to six digits of fraction → microseconds. Raises InstantError."""
    match = _TEXT.fullmatch(text)
    if match is None:
        raise InstantError(f"`{text[:40]}` is not an instant in UTC such as `2026-10-05T10:00:00Z`")
    try:
        moment = datetime.fromisoformat(match[1] + "+00:00")
    except ValueError:
        raise InstantError(f"`{text}` names no day or time of the calendar") from None
    return (moment - _EPOCH) // _MICROSECOND + int((match[2] or "").ljust(6, "0"))


@lru_cache(maxsize=4096)
def _day_text(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).strftime("%Y-%m-%dT").rjust(11, "0")


def instant_text(instant: int) -> str:
    """Microseconds → the shortest text: `2026-10-05T14:00:00Z`, a fraction only where there is one."""
    seconds, micros = divmod(instant, SECOND)
    day, second = divmod(seconds, 86_400)
    head = f"{_day_text(day)}{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
    return f"{head}.{micros:06d}Z" if micros else head + "Z"


def instant_text_micros(instant: int) -> str:
    """Microseconds → text with all six digits of fraction, as journals and decisions state their own instant."""
    seconds, micros = divmod(instant, SECOND)
    day, second = divmod(seconds, 86_400)
    return f"{_day_text(day)}{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.{micros:06d}Z"
