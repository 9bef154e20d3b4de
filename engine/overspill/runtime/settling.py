"""Settling beside an engine: a thread that posts what was decided, as soon as it is durable."""

from __future__ import annotations

import threading
from collections.abc import Callable

from overspill.runtime.alarms import alarm
from overspill.words.failures import Failure

AGAIN = 1
"""Seconds after which what could not be settled is tried again."""


class Settling:
    """Begins with the first `wake`; `step` settles a batch and says how many records that were."""

    def __init__(self, step: Callable[[], int], alarm: Callable[..., None] = alarm) -> None:
        self._step, self._alarm = step, alarm
        self._work = threading.Event()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._failed = ""

    def wake(self) -> None:
        """There is something to settle. Called with every commit: it costs next to nothing."""
        if self._work.is_set():
            return
        self._work.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="overspill-settler", daemon=True)
            self._thread.start()

    def stop(self) -> bool:
        """Waits until the batch that is under way is settled. Whether there ever was one."""
        self._over.set()
        self._work.set()
        if self._thread is None:
            return False
        self._thread.join()
        return True

    def _run(self) -> None:
        while True:
            self._work.wait()
            self._work.clear()
            try:
                while not self._over.is_set() and self._step():
                    pass
                self._failed = ""
            except (
                Exception
            ) as error:  # the thread outlasts a defect: decisions go on, and what they leave is tried again
                self._tell(error if isinstance(error, Failure) else _defect(error))
                self._over.wait(AGAIN)
                self._work.set()
            if self._over.is_set():
                return

    def _tell(self, failure: Failure) -> None:
        """Once, not every second."""
        if failure.code != self._failed:
            self._failed = failure.code
            self._alarm("not_settled", code=failure.code, what=str(failure), help=failure.help or "")


def _defect(error: Exception) -> Failure:
    return Failure("internal_error", f"settling failed inside ({type(error).__name__})", help="report it")
