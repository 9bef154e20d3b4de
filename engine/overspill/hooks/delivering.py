"""Runners of one database, one after the other: a failure of the store ends one, and a new one begins a second later."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from overspill.hooks.reach import Reach
from overspill.hooks.runner import Runner
from overspill.hooks.sending import Sender
from overspill.hooks.tally import Tally
from overspill.ports.clock import Clock
from overspill.runtime.alarms import alarm
from overspill.runtime.clock import SystemClock
from overspill.store.known import refuse_restored
from overspill.store.opened import looked_into
from overspill.store.registry import opened_registry
from overspill.words.failures import StoreFailure

AGAIN = 1
"""Seconds after which a store that could not serve is asked again."""


class Delivering:
    """Delivers what a database tells of; its schema is this program's. `stop` may come from any thread."""

    def __init__(
        self,
        db: str,
        reach: Reach,
        *,
        clock: Clock | None = None,
        alarm: Callable[..., None] = alarm,
        tally: Tally | None = None,
    ) -> None:
        self._tally = tally or Tally()
        self._db, self._clock, self._alarm = db, clock or SystemClock(), alarm
        self._send = Sender(reach, self._clock.now)
        self._over = threading.Event()
        self._runner: Runner | None = None

    def run(self, *, once: bool = False) -> None:
        """Until it is stopped, whatever becomes of the store meanwhile; `once`: until nothing is left to be told, and then it
        raises StoreFailure too."""
        failed = ""
        while not self._over.is_set():
            try:
                self._run(once)
                return
            except Exception as error:  # a defect too: whoever decides beside it goes on, and so does this
                if once:
                    raise
                code = error.code if isinstance(error, StoreFailure) else "internal_error"
                if code != failed:  # told once for as long as it lasts
                    failed = code
                    self._tell(code, error)
                self._over.wait(AGAIN)

    def _tell(self, code: str, error: Exception) -> None:
        what, help = type(error).__name__, ""
        if isinstance(error, StoreFailure):
            what, help = error.message, error.help or ""
        self._alarm("not_delivered", code=code, message=what, help=help)

    def _run(self, once: bool) -> None:
        with closing(looked_into(self._db)) as store, closing(opened_registry(self._db)) as registry:
            refuse_restored(store)
            by = os.urandom(16).hex()
            runner = Runner(store, registry.hooks, self._send, self._clock, by=by, alarm=self._alarm, tally=self._tally)
            with closing(runner):
                self._runner = runner
                if self._over.is_set():  # it was stopped before there was a runner to be told
                    return
                runner.run_once() if once else runner.run()

    def stop(self) -> None:
        """What is under way is the last."""
        self._over.set()
        if self._runner is not None:
            self._runner.stop()


@contextmanager
def delivering(db: str, reach: Reach, tally: Tally | None = None) -> Iterator[None]:
    """Beside whatever is done inside: in a thread of its own, which ends what it has begun."""
    one = Delivering(db, reach, tally=tally)
    thread = threading.Thread(target=one.run, name="overspill-hooks", daemon=True)
    thread.start()
    try:
        yield
    finally:
        one.stop()
        thread.join()
