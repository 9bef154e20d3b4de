"""What the libraries below the service have to say (`logging`), as lines of JSON like all others: an alarm each.

Texts that a library fills in, and what it shows of its objects, may be something that was sent, and are left out; of an exception
its kind is told. What uvicorn warns of, calls that are no HTTP or ask for another protocol, is left out: whoever can connect could
fill a disk with it, and is told so in the answer.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from overspill.runtime.alarms import alarm

_OBJECTS = re.compile(r"[(<\n]")
"""Where a message that is already whole begins to show objects, as those of asyncio do."""
LEFT_OUT = "..."
OF_CALLS = "uvicorn.error"
"""Whose warnings are of calls; its errors are the service's own."""


class Told(logging.Handler):
    """Warnings, and what is worse."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        facts = {"library": record.name, "message": message_of(record)}
        if record.exc_info is not None and record.exc_info[0] is not None:
            facts["error"] = record.exc_info[0].__name__
        alarm("library", **facts)


def message_of(record: logging.LogRecord) -> str:
    """Its message, with numbers and the kinds of exceptions filled in, and nothing else."""
    text = str(record.msg)
    if not record.args:
        return _OBJECTS.split(text, maxsplit=1)[0].rstrip()
    if isinstance(record.args, tuple):
        with suppress(TypeError, ValueError):
            return text % tuple(map(_shown, record.args))
    return text


def _shown(value: object) -> object:
    if isinstance(value, (int, float)):
        return value
    return type(value).__name__ if isinstance(value, BaseException) else LEFT_OUT


@contextmanager
def libraries_told() -> Iterator[None]:
    """Meanwhile what libraries say is told."""
    root, of_calls, handler = logging.getLogger(), logging.getLogger(OF_CALLS), Told()
    level = of_calls.level
    root.addHandler(handler)
    of_calls.setLevel(logging.ERROR)
    try:
        yield
    finally:
        of_calls.setLevel(level)
        root.removeHandler(handler)
