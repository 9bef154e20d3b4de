"""What libraries log in a service: a line of JSON on standard error, as everything there is.

What uvicorn says of a call that is no HTTP, or asks for another protocol, is left out: whoever can connect could fill a disk
with it, and is told so in the answer.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from overspill.runtime.alarms import alarm

MESSAGE_MAX = 500
"""Characters."""
OF_CALLS = "uvicorn.error"


class _Alarms(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        facts = {"library": record.name, "message": record.getMessage()[:MESSAGE_MAX]}
        if record.exc_info and record.exc_info[0] is not None:
            facts["error"] = record.exc_info[0].__name__
        alarm("library", **facts)


@contextmanager
def told_as_alarms() -> Iterator[None]:
    """Meanwhile warnings and errors of libraries are alarms."""
    root, of_calls, handler = logging.getLogger(), logging.getLogger(OF_CALLS), _Alarms(logging.WARNING)
    level = of_calls.level
    root.addHandler(handler)
    of_calls.setLevel(logging.ERROR)
    try:
        yield
    finally:
        of_calls.setLevel(level)
        root.removeHandler(handler)
