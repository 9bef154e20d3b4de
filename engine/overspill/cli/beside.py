"""Settlement beside the service, in a process of its own: two that compute in one interpreter take turns in it, and each would do
less than half of what it does alone.

It is `overspill worker`, and ends with its standard input: it outlasts nobody, however that one ends. Each line there wakes it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from overspill.runtime.alarms import alarm
from overspill.runtime.engine import Engine

AGAIN = 1
"""Seconds after which a worker that has ended is started again."""
PATIENCE = 30
"""So many seconds it may take to settle what is under way."""


class Worker:
    """The process of `command`; another one where it ends before `stop`."""

    def __init__(self, command: Sequence[str], alarm: Callable[..., None] = alarm) -> None:
        self._command, self._alarm = command, alarm
        self._lock = threading.Lock()
        self._input, self._told = os.pipe()
        os.set_blocking(self._told, False)
        self._over = threading.Event()
        self._process = self._started()
        self._thread = threading.Thread(target=self._watch, name="overspill-worker", daemon=True)
        self._thread.start()

    def _started(self) -> subprocess.Popen[bytes]:
        """In a session of its own: who interrupts the service by the keyboard does not interrupt both."""
        return subprocess.Popen(self._command, stdin=self._input, stdout=subprocess.DEVNULL, start_new_session=True)

    def wake(self) -> None:
        """There is something to settle. Waits for nobody."""
        with self._lock, suppress(BlockingIOError):  # it has much to read, and is awake
            if not self._over.is_set():
                os.write(self._told, b"\n")

    def _watch(self) -> None:
        while True:
            code = self._process.wait()
            if self._over.is_set():
                return
            self._alarm("worker_ended", code=code, help="it is started again; what it said before tells why it ended")
            if self._over.wait(AGAIN):
                return
            with suppress(OSError):  # the machine has no room for a process: the one that ended is told of once more
                self._process = self._started()

    def stop(self) -> None:
        """Behind what it is settling."""
        with self._lock:
            self._over.set()
            os.close(self._told)
        self._thread.join(PATIENCE)
        if self._thread.is_alive():
            self._process.kill()
            self._thread.join()
        os.close(self._input)


@contextmanager
def settled_beside(engine: Engine, db: str, anchor: str | None) -> Iterator[Worker]:
    """What the engine decides on the database is settled by a worker until the end, and what that leaves by the engine."""
    command = [sys.executable, "-m", "overspill", "worker", "--beside", "--db", db]
    worker = Worker(command if anchor is None else [*command, "--anchor", anchor])
    engine.tell_of_work(worker.wake)
    try:
        yield worker
    finally:
        worker.stop()
        engine.settle_the_rest()
