"""Alarms: what nobody asked for and somebody must see, one line of JSON on standard error."""

from __future__ import annotations

import sys
from contextlib import suppress


def alarm(event: str, **facts: str | int) -> None:
    """Says that something is not as it should be, where decisions go on, even if nobody can be told."""
    import structlog  # whoever is well never needs it

    told = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[structlog.processors.add_log_level, structlog.processors.JSONRenderer(sort_keys=True)],
    )
    with suppress(OSError, ValueError):  # standard error is full, or closed
        told.warning(event, **facts)
