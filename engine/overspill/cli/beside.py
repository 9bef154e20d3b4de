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
from time import perf_counter

from overspill.runtime.alarms import alarm
from overspill.runtime.engine import Engine

AGAIN, AGAIN_MAX = 1.0, 60.0
"""Seconds from a worker's end to the next one: twice as many each time, as long as none of them lasts for the most."""
PATIENCE = 30
"""So many seconds it may take to settle what is under way."""
_ENDED = "it is started again, after a second and then less and less often; what it said before tells why it ended"


class Restarts:
    """When a worker that has ended is started again. One that cannot work, and so never lasts, would else be started each second,
    and be told of each time."""

    def __init__(self) -> None:
        self._next = AGAIN

    def ended(self, lasted: float) -> tuple[float, bool]:
        """Of one that lasted so many seconds: (seconds until the next one, whether that is news)."""
        if lasted >= AGAIN_MAX:
            self._next = AGAIN
        now, self._next = self._next, min(2 * self._next, AGAIN_MAX)
        return now, now == AGAIN


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
        restarts = Restarts()
        while True:
            began = perf_counter()
            code = self._process.wait()
            if self._over.is_set():
                return
            seconds, is_news = restarts.ended(perf_counter() - began)
            if is_news:
                self._alarm("worker_ended", code=code, help=_ENDED)
            if self._over.wait(seconds):
                return
            with suppress(OSError):  # the machine has no room for a process: the one that has ended, ends once more
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
