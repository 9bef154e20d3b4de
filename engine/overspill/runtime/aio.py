"""The asyncio front: commands of an event loop, gathered while a batch is under way, and decided in a thread beside it.

Loaded with the first `adecide`: whoever awaits has asyncio already.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future, get_running_loop
from contextlib import suppress
from queue import SimpleQueue
from threading import Lock, Thread

from overspill.runtime.combiner import Combiner, Waiting
from overspill.step.keys import Identified
from overspill.words.failures import Failure


class AsyncFront:
    """Every loop gathers its own commands, for a future may be answered by its own loop alone; one thread decides for
    all. A queue leads to it: an executor's futures would cost each batch as much as one or two of its decisions do."""

    def __init__(self, combiner: Combiner) -> None:
        self._combiner = combiner
        self._lock = Lock()
        self._gatherings: dict[AbstractEventLoop, _Gathering] = {}
        self._batches: SimpleQueue[_Batch | None] = SimpleQueue()
        self._is_open = True
        self._thread = Thread(target=self._run, name="overspill", daemon=True)
        self._thread.start()

    def submit(self, command: Identified) -> Future[Waiting]:
        """Queues a command of the running loop; its batch starts as soon as the loop has run what is ready."""
        loop = get_running_loop()
        return (self._gatherings.get(loop) or self._opened(loop)).add(command)

    def _opened(self, loop: AbstractEventLoop) -> _Gathering:
        gathering = _Gathering(loop, self)
        with self._lock:
            open_ones = {loop: one for loop, one in self._gatherings.items() if not loop.is_closed()}
            self._gatherings = {**open_ones, loop: gathering}
        return gathering

    def put(self, batch: _Batch) -> bool:
        """Has the batch decided. Whether it will be: a front that is closed takes nothing any more."""
        with self._lock:
            if self._is_open:
                self._batches.put(batch)
            return self._is_open

    def _run(self) -> None:
        while (batch := self._batches.get()) is not None:
            try:
                self._combiner.run_all(batch.commands)
            except Exception as error:  # the thread outlasts a defect, and those who have no answer yet hear of it
                for waiting in batch.commands:
                    waiting.failure = waiting.failure if waiting.done else _unanswered(error)
            with suppress(RuntimeError):  # a loop that is closed has nobody who waits
                batch.gathering.loop.call_soon_threadsafe(batch.deliver)

    def close(self) -> None:
        """Behind what was put."""
        with self._lock:
            self._is_open = False
        self._batches.put(None)
        self._thread.join()


class _Gathering:
    """The commands of one loop: one batch is under way at a time; what arrives meanwhile is the next."""

    def __init__(self, loop: AbstractEventLoop, front: AsyncFront) -> None:
        self.loop = loop
        self._front = front
        self._next = _Batch(self)
        self._busy = False

    def add(self, command: Identified) -> Future[Waiting]:
        future: Future[Waiting] = self.loop.create_future()
        self._next.commands.append(Waiting(command))
        self._next.futures.append(future)
        if not self._busy:
            self._busy = True
            self.loop.call_soon(self.flush)
        return future

    def flush(self) -> None:
        """The batch before is answered: the next one's turn, if there is any."""
        batch, self._next = self._next, _Batch(self)
        self._busy = bool(batch.commands)
        if self._busy and not self._front.put(batch):
            for waiting in batch.commands:
                waiting.failure = Failure("engine_closed", "the engine is closed", help="open it again")
            batch.deliver()


class _Batch:
    """`futures` are what the callers of `commands` wait for, in their order."""

    __slots__ = ("commands", "futures", "gathering")

    def __init__(self, gathering: _Gathering) -> None:
        self.gathering = gathering
        self.commands: list[Waiting] = []
        self.futures: list[Future[Waiting]] = []

    def deliver(self) -> None:
        """In the loop."""
        for waiting, future in zip(self.commands, self.futures, strict=True):
            if future.done():
                continue
            if waiting.failure is not None:
                future.set_exception(waiting.failure)
            else:
                future.set_result(waiting)
        self.gathering.flush()


def _unanswered(error: Exception) -> Failure:
    """It may have come behind the commit."""
    return Failure(
        "internal_error",
        f"the engine failed inside ({type(error).__name__}), and what became of the command is not told",
        help="ask again with the same id: it is answered once and for all; report it with the policy and the request",
    )
