"""The asyncio front: commands of one event loop, gathered while a batch is under way, and decided in a thread beside it.

Loaded with the first `adecide`: whoever awaits has asyncio already.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future, get_running_loop
from concurrent.futures import ThreadPoolExecutor

from overspill.runtime.combiner import Combiner, Waiting
from overspill.step.keys import Identified


class AsyncFront:
    """One batch is under way at a time; what arrives meanwhile is the next."""

    def __init__(self, combiner: Combiner) -> None:
        self._combiner = combiner
        self._pending: list[Waiting] = []
        self._futures: list[Future[Waiting]] = []
        """What the callers of `_pending` wait for, in their order."""
        self._busy = False
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="overspill")

    def submit(self, command: Identified) -> Future[Waiting]:
        """Queues a command of the running loop; its batch starts as soon as the loop has run what is ready."""
        loop = get_running_loop()
        future: Future[Waiting] = loop.create_future()
        self._pending.append(Waiting(command))
        self._futures.append(future)
        if not self._busy:
            self._busy = True
            loop.call_soon(self._flush, loop)
        return future

    def close(self) -> None:
        self._executor.shutdown()

    def _flush(self, loop: AbstractEventLoop) -> None:
        batch, futures = self._pending, self._futures
        if not batch:
            self._busy = False
            return
        self._pending, self._futures = [], []
        running = loop.run_in_executor(self._executor, self._combiner.run_all, batch)
        running.add_done_callback(lambda _: self._deliver(loop, batch, futures))

    def _deliver(self, loop: AbstractEventLoop, batch: list[Waiting], futures: list[Future[Waiting]]) -> None:
        for waiting, future in zip(batch, futures, strict=True):
            if future.done():
                continue
            if waiting.failure is not None:
                future.set_exception(waiting.failure)
            else:
                future.set_result(waiting)
        self._flush(loop)
