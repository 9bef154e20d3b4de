"""The asyncio front: commands of an event loop, gathered while a batch is under way, and decided in a thread beside it.

Loaded with the first `adecide`: whoever awaits has asyncio already.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future, get_running_loop
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from overspill.runtime.combiner import Combiner, Waiting
from overspill.step.keys import Identified
from overspill.words.failures import Failure


class AsyncFront:
    """Every loop gathers its own commands: a future may be answered by its own loop alone."""

    def __init__(self, combiner: Combiner) -> None:
        self._combiner = combiner
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="overspill")
        self._lock = Lock()
        self._gatherings: dict[AbstractEventLoop, _Gathering] = {}

    def submit(self, command: Identified) -> Future[Waiting]:
        """Queues a command of the running loop; its batch starts as soon as the loop has run what is ready."""
        loop = get_running_loop()
        return (self._gatherings.get(loop) or self._opened(loop)).add(command)

    def _opened(self, loop: AbstractEventLoop) -> _Gathering:
        gathering = _Gathering(loop, self._combiner, self._executor)
        with self._lock:
            open_ones = {loop: one for loop, one in self._gatherings.items() if not loop.is_closed()}
            self._gatherings = {**open_ones, loop: gathering}
        return gathering

    def close(self) -> None:
        self._executor.shutdown()


class _Gathering:
    """The commands of one loop: one batch is under way at a time; what arrives meanwhile is the next."""

    def __init__(self, loop: AbstractEventLoop, combiner: Combiner, executor: ThreadPoolExecutor) -> None:
        self.loop = loop
        self._combiner, self._executor = combiner, executor
        self._pending: list[Waiting] = []
        self._futures: list[Future[Waiting]] = []
        """What the callers of `_pending` wait for, in their order."""
        self._busy = False

    def add(self, command: Identified) -> Future[Waiting]:
        future: Future[Waiting] = self.loop.create_future()
        self._pending.append(Waiting(command))
        self._futures.append(future)
        if not self._busy:
            self._busy = True
            self.loop.call_soon(self._flush)
        return future

    def _flush(self) -> None:
        batch, futures = self._pending, self._futures
        if not batch:
            self._busy = False
            return
        self._pending, self._futures = [], []
        try:
            running = self.loop.run_in_executor(self._executor, self._combiner.run_all, batch)
        except RuntimeError:  # the executor takes nothing any more
            for waiting in batch:
                waiting.failure = Failure("engine_closed", "the engine is closed", help="open it again")
            self._deliver(batch, futures)
            return
        running.add_done_callback(lambda _: self._deliver(batch, futures))

    def _deliver(self, batch: list[Waiting], futures: list[Future[Waiting]]) -> None:
        for waiting, future in zip(batch, futures, strict=True):
            if future.done():
                continue
            if waiting.failure is not None:
                future.set_exception(waiting.failure)
            else:
                future.set_result(waiting)
        self._flush()
