"""The asyncio front: commands of an event loop, gathered while a batch is under way, and committed in a thread beside it. They
are decided in the loop's own thread, where that waits for nobody: what they need is in its processor's cache, and whoever else
asks the loop waits for some microseconds a command, and for no disk.

Loaded with the first `adecide`: whoever awaits has asyncio already.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future, get_running_loop
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import SimpleQueue
from threading import Lock, Thread

from overspill.runtime.combiner import Combiner
from overspill.runtime.refusals import engine_closed, unanswered
from overspill.runtime.turns import Asker, Turns
from overspill.runtime.waiting import Waiting
from overspill.step.keys import name_all

QUIET_TURNS = 3
"""So many turns of its loop a batch waits for more before it is decided: who was answered in one turn asks again in the next
ones, and would else be a batch of his own beside all others, each with a commit of its own."""
BEGIN_SECONDS = 0.005
"""So long, at most, a loop waits for the other thread to begin."""


class AsyncFront:
    """Every loop gathers its own commands, for a future may be answered by its own loop alone; one thread decides for
    all. A queue leads to it: an executor's futures would cost each batch as much as one or two of its decisions do."""

    def __init__(self, combiner: Combiner) -> None:
        self._combiner, self.finish = combiner, combiner.finish
        self._lock = Lock()
        self._gatherings: dict[AbstractEventLoop, _Gathering] = {}
        self._batches: SimpleQueue[_Batch | None] = SimpleQueue()
        self._is_open = True
        self._unfinished = 0
        """Batches that were put and are not through."""
        self._thread = Thread(target=self._run, name="overspill", daemon=True)
        self._thread.start()

    def submit(self, commands: Sequence[Waiting], asker: Asker) -> None:
        """Queues commands of the running loop, which are decided in one batch with others, or in as few as they fit into; it
        starts as soon as the loop's turns bring no more."""
        loop = get_running_loop()
        (self._gatherings.get(loop) or self._opened(loop)).add(commands, asker)

    def decided(self, commands: Sequence[Waiting]) -> Future[None]:
        """`submit` for who awaits: what became of each stands in it then."""
        loop = get_running_loop()
        future: Future[None] = loop.create_future()
        (self._gatherings.get(loop) or self._opened(loop)).add(commands, _Awaiting(future))
        return future

    def _opened(self, loop: AbstractEventLoop) -> _Gathering:
        gathering = _Gathering(loop, self)
        with self._lock:
            open_ones = {loop: one for loop, one in self._gatherings.items() if not loop.is_closed()}
            self._gatherings = {**open_ones, loop: gathering}
        return gathering

    def put(self, batch: _Batch) -> bool:
        """Has the batch decided, here as far as that waits for nobody. Whether it will be: a front that is closed takes nothing
        any more."""
        with self._lock:
            if self._is_open:
                try:
                    if not self._unfinished:  # else what is before it would wait for the place that it takes
                        batch.commit = self._combiner.ahead(batch.commands)
                finally:  # whoever interrupts the loop takes no answer from those who wait
                    self._unfinished += 1
                    self._batches.put(batch)
            return self._is_open

    def _run(self) -> None:
        while (batch := self._batches.get()) is not None:
            self._carry_out(batch)
            loop, deliver = batch.gathering.loop, batch.deliver
            batch = None  # what it is made of is let go in the loop, whose processor has it in its cache
            with suppress(RuntimeError):  # a loop that is closed has nobody who waits
                loop.call_soon_threadsafe(deliver)
            del deliver

    def _carry_out(self, batch: _Batch) -> None:
        try:
            if batch.commit is None:
                self._combiner.run_all(batch.commands)
            else:
                batch.begun.release()
                batch.commit()
        except Exception as error:  # the thread outlasts a defect, and those who have no answer yet hear of it
            for waiting in batch.commands:
                waiting.failure = waiting.failure if waiting.done else unanswered(error)
        with self._lock:
            self._unfinished -= 1

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
        self._turns = Turns(loop.time)
        self._busy = False

    def add(self, commands: Sequence[Waiting], asker: Asker) -> None:
        self._turns.add(commands, asker)
        if not self._busy:
            self.gather()

    def gather(self) -> None:
        """The batch before is answered: the next one's turn, if there is any, as soon as the loop's turns bring no more."""
        count = self._turns.count
        self._busy = count > 0
        if self._busy:
            self.loop.call_soon(self._turn, count, QUIET_TURNS)

    def answered(self) -> None:
        """Whoever was answered may ask again while what the commit has left is done here, where it is in the processor's cache."""
        self._front.finish()
        self.gather()

    def _turn(self, before: int, quiet: int) -> None:
        count = self._turns.count
        if (count == before and not quiet) or self._turns.is_full:
            self._start()
        else:
            self.loop.call_soon(self._turn, count, QUIET_TURNS if count > before else quiet - 1)

    def _start(self) -> None:
        batch = _Batch(self, *self._turns.take())
        name_all([waiting.command for waiting in batch.commands])
        if self._front.put(batch):
            batch.expect()
        else:
            for waiting in batch.commands:
                waiting.failure = engine_closed()
            batch.deliver()


class _Awaiting:
    """Who awaits learns it when it is done."""

    expects = False

    def __init__(self, future: Future[None]) -> None:
        self._future = future

    def expect(self) -> None:
        pass

    def answer(self) -> None:
        if not self._future.done():  # whoever awaited has gone
            self._future.set_result(None)


class _Batch:
    """The `askers` are those whose `commands` these are; `commit` is left to do where they are decided already."""

    __slots__ = ("askers", "begun", "commands", "commit", "gathering")

    def __init__(self, gathering: _Gathering, commands: list[Waiting], askers: list[Asker]) -> None:
        self.gathering, self.commands, self.askers = gathering, commands, askers
        self.commit: Callable[[], None] | None = None
        self.begun = Lock()
        self.begun.acquire()

    def expect(self) -> None:
        """In the loop, while the commit waits for the disk: askers make ready what they will answer. First of all the other thread
        needs the interpreter, to begin its commit: else it would wait for as long as all this takes."""
        expecting = [asker for asker in self.askers if asker.expects] if self.commit is not None else ()
        if expecting:
            self.begun.acquire(timeout=BEGIN_SECONDS)
            for asker in expecting:
                asker.expect()

    def deliver(self) -> None:
        """In the loop."""
        for asker in self.askers:
            asker.answer()
        self.gathering.answered()
