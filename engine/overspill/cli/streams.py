"""The standard streams, before a command begins: UTF-8 whatever the locale says, and none of them missing."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper

_CLOSED = (("stdin", 0, os.O_RDONLY, "r"), ("stdout", 1, os.O_RDONLY, "w"), ("stderr", 2, os.O_WRONLY, "w"))
"""What stands in the place of a stream that the caller has closed. Output is refused by the system there (EBADF), so that nobody
believes it written; whoever closes standard input or narration wants none."""


def prepare_streams() -> None:
    """JSON, policies and marks are UTF-8 in every locale: one that cannot write them would end a command in the middle.

    A number that is free would be given to the next file that is opened, and what is told there would end up in a database.
    """
    for name, number, flags, mode in _CLOSED:
        if getattr(sys, name) is None:
            _occupy(number, flags)
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _occupy(number: int, flags: int) -> None:
    opened = os.open(os.devnull, flags)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
    os.set_inheritable(number, True)
