"""The writer's place in a process: whoever has it decides, one at a time. What a commit has left to be done is done by whoever takes
it next, before anything else: until then nobody looks at what it changes.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from types import TracebackType


class Place:
    """One thread may take it, and another one leave it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._left: Callable[[], None] | None = None

    def take(self, *, waits: bool = True) -> bool:
        """Whether it is taken: with `waits` it is, sooner or later."""
        if not self._lock.acquire(waits):
            return False
        if self._left is not None:
            left, self._left = self._left, None
            try:
                left()
            except BaseException:
                self._lock.release()
                raise
        return True

    def leave(self, left: Callable[[], None] | None = None) -> None:
        """`left` is to be done by whoever comes next."""
        self._left = left
        self._lock.release()

    def __enter__(self) -> None:
        self.take()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.leave()
