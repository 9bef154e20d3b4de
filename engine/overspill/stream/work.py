"""What a relay and a settler of a stream share: a thread for their store, patience, and an end that somebody asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from overspill.runtime import outage
from overspill.runtime.alarms import alarm
from overspill.words.failures import StoreFailure, StreamFailure

T = TypeVar("T")

POLL_SECONDS = 0.2
"""How long whoever has nothing to do waits before it looks again."""
_PASSING = {*outage.PASSING, outage.COMMIT_UNKNOWN, "stream_away", "no_stream"}
PAUSE_SECONDS = 1
"""How long it waits behind a failure."""


def may_pass(failure: StoreFailure | StreamFailure) -> bool:
    """Whether it may be over by itself."""
    return failure.code in _PASSING


class Work:
    """One loop of steps. A step gives whether there may be more to do at once."""

    def __init__(self, alarm: Callable[..., None] = alarm) -> None:
        self._alarm = alarm
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="overspill-store")
        self._stop = asyncio.Event()
        self._failing = ""
        """The code of the failure that was told and is not over."""

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    def stop(self) -> None:
        """Asks for the end: the step that is under way is the last."""
        self._stop.set()

    async def do(self, act: Callable[..., T], *arguments: Any) -> T:
        """Runs what asks the store, one after the other, beside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, act, *arguments)

    async def unless_stopped(self, waiting: Coroutine[Any, Any, T], otherwise: T) -> T:
        """What is waited for, or `otherwise` as soon as the end is asked for."""
        task, stop = asyncio.ensure_future(waiting), asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait((task, stop), return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else otherwise
        finally:
            task.cancel()
            stop.cancel()

    async def run(self, step: Callable[[], Awaitable[bool]]) -> None:
        """Steps until it is stopped. A failure of the stream, or one of the store that may pass, is told once and outlasted:
        whatever it left undone is done again. Raises StoreFailure."""
        while not self.stopped:
            try:
                more = await step()
                self._failing = ""
            except (StoreFailure, StreamFailure) as failure:
                if isinstance(failure, StoreFailure) and not may_pass(failure):
                    raise
                self._tell(failure)
                await self.unless_stopped(asyncio.sleep(PAUSE_SECONDS), None)
                continue
            if not more:
                await self.unless_stopped(asyncio.sleep(POLL_SECONDS), None)

    def _tell(self, failure: StoreFailure | StreamFailure) -> None:
        if failure.code != self._failing:
            self._failing = failure.code
            self._alarm(failure.code, message=failure.message, help=failure.help or "")

    def close(self) -> None:
        self._thread.shutdown()
