"""What waits for the store runs in a thread, so that the loop goes on."""

from __future__ import annotations

from collections.abc import Callable

from starlette.concurrency import run_in_threadpool

from overspill.serve.call import Act, Call, Reply


def blocking(act: Callable[[Call], Reply]) -> Act:
    """An operation that waits, as one that is awaited."""

    async def run(call: Call) -> Reply:
        return await run_in_threadpool(act, call)

    return run
