"""A settler of a stream that dies between its commit and its acknowledgement."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from overspill.stream.broker import Pull
from stream.scenes import settling


async def _dies(self: Pull, *_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def main(url: str, db: str, stream: str) -> None:
    async with settling(url, db, stream, every=30) as settler:
        await settler.step()


if __name__ == "__main__":
    Pull.answer = _dies  # type: ignore[method-assign]
    asyncio.run(main(*sys.argv[1:4]))
