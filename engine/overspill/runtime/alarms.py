"""Alarms: what nobody asked for and somebody must see, one line of JSON on standard error."""

from __future__ import annotations

import sys


def alarm(event: str, **facts: str | int) -> None:
    """Says that something is not as it should be, where decisions go on."""
    import structlog  # whoever is well never needs it

    told = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[structlog.processors.add_log_level, structlog.processors.JSONRenderer(sort_keys=True)],
    )
    told.warning(event, **facts)
