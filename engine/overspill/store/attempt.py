"""A connection that is made aside, in a thread of its own: a host that does not answer keeps nobody waiting for longer than
they choose to wait, and once it answers the connection is there for whoever asks next."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Attempt(Generic[T]):
    """One attempt: `make` makes what is asked for or raises, `discard` lets go of what nobody has asked for in time."""

    def __init__(self, make: Callable[[], T], discard: Callable[[T], None]) -> None:
        self._make, self._discard = make, discard
        self._made: T | None = None
        self._error: Exception | None = None
        self._given_up = False
        self._ended = threading.Event()
        self._lock = threading.Lock()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            made = self._make()
        except Exception as error:
            self._error = error
        else:
            with self._lock:
                if self._given_up:
                    self._discard(made)
                else:
                    self._made = made
        self._ended.set()

    def result(self, seconds: float) -> T | None:
        """What was made, or None where that takes longer. Raises what the attempt has raised."""
        if not self._ended.wait(seconds):
            return None
        if self._error is not None:
            raise self._error
        return self._made

    def give_up(self) -> None:
        """Nobody will ask any more."""
        with self._lock:
            self._given_up = True
            if self._made is not None:
                self._discard(self._made)
                self._made = None
