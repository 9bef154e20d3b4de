"""One input through one target, watched: what it may raise, how much CPU and memory it may take.

CPU time is the process's own, so that a busy machine finds nothing that a quiet one would not; and what the process held
before is not walked meanwhile, for a collection of all that a long run has gathered takes a second itself.
"""

from __future__ import annotations

import gc
import resource
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from fuzz.targets import Target

CPU_SECONDS_MAX = 1.0
MEMORY_BYTES_MAX = 200 * 1024 * 1024
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


class Slow(BaseException):
    """More CPU time than an input may take; no `except Exception` holds it up."""


class Finding(NamedTuple):
    """`kind` (an exception's name, `Slow`, `Large`) and `place` in our code tell findings apart."""

    kind: str
    place: str
    message: str


def watched(target: Target, text: str, seconds: float = CPU_SECONDS_MAX) -> Finding | None:
    """What is wrong with how the target took the text, or None."""
    _forget_peak()
    before = _peak()
    try:
        with _limited(seconds):
            target(text)
    except (Exception, Slow) as error:
        return Finding(type(error).__name__, _place(error), str(error)[:300])
    grown = _peak() - before
    return Finding("Large", "", f"{grown // 2**20} MiB") if grown > MEMORY_BYTES_MAX else None


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raises Slow inside after so much CPU time, and again where it was raised in a callback, which swallows it."""

    def stop(_: int, __: FrameType | None) -> None:
        raise Slow(f"more than {seconds} s of CPU time")

    previous = signal.signal(signal.SIGVTALRM, stop)
    gc.freeze()
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, previous)
        gc.unfreeze()


def _forget_peak() -> None:
    """Lets the next peak be this input's own, where the system can (Linux, `man proc_pid_clear_refs`, value 5); elsewhere
    an earlier and larger one hides it."""
    with suppress(OSError), Path("/proc/self/clear_refs").open("w") as file:
        file.write("5")


def _peak() -> int:
    """The most memory that the process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT


def _place(error: BaseException) -> str:
    """The innermost place of the traceback in our code; of what was slow the outermost, which the next run meets too."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/overspill/" in frame.filename]
    frames = frames or [frame for frame in traceback.extract_tb(error.__traceback__) if "/fuzz/" in frame.filename]
    if not frames:
        return ""
    frame = frames[0 if isinstance(error, Slow) else -1]
    name = frame.filename.rpartition("/overspill/" if "/overspill/" in frame.filename else "/tests/")[2]
    return name if isinstance(error, (Slow, RecursionError)) else f"{name}:{frame.lineno}"
