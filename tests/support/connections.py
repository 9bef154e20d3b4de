"""A connection to a service without a socket: bytes in, bytes out, in one loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import uvicorn
from uvicorn.server import ServerState

DATE = (b"date", b"Tue, 06 Oct 2026 12:00:00 GMT")


class Out(asyncio.Transport):
    """What was written, and whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[bytes] = []
        self.closed = self.paused = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.parts.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def get_write_buffer_size(self) -> int:
        return 7


class Connection:
    """One connection of a running loop; `protocol` is a factory as uvicorn has it, `timers` have the time in the loop's place."""

    def __init__(self, app: Any, protocol: Callable[..., Any], timers: Any = None) -> None:
        config = uvicorn.Config(app, ws="none", lifespan="off", log_config=None, access_log=False)
        config.load()
        state = ServerState()
        state.default_headers = [DATE]
        self.out, self.state = Out(), state
        self.protocol = protocol(config=config, server_state=state, app_state={})
        self.protocol.loop = timers or self.protocol.loop
        self.protocol.connection_made(self.out)

    async def said(self, parts: Sequence[bytes], answers: int) -> bytes:
        """Sends the parts, and waits until there are so many answers or the connection ends; where each part has an answer of its
        own it waits for that first."""
        for number, part in enumerate(parts, 1):
            if not self.out.closed:
                self.protocol.data_received(part)
                await self._answered(number if answers == len(parts) else 0)
        await self._answered(answers)
        return self.sent

    async def _answered(self, count: int) -> None:
        await asyncio.sleep(0)
        async with asyncio.timeout(60):
            while self.sent.count(b"HTTP/1.1 ") < count and not self.out.closed:
                await asyncio.sleep(0)

    @property
    def sent(self) -> bytes:
        return b"".join(self.out.parts)
