"""What is written in one turn of the loop leaves at its end: head and body of an answer as one packet, and the answers of a batch
behind each other. Each by itself would be a system call more, and would wake a caller that sleeps, which costs as much as a
fifth of a decision does.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

KEPT_MAX = 64 * 1024
"""Of more the transport itself must know, which says when a caller does not keep up."""
PASSED_ON = (
    "abort",
    "get_extra_info",
    "get_protocol",
    "get_write_buffer_limits",
    "get_write_buffer_size",
    "is_closing",
    "is_reading",
    "pause_reading",
    "resume_reading",
    "set_protocol",
    "set_write_buffer_limits",
)
"""What else a transport can do, but for what would go ahead of what is kept."""


class Joined:
    """A transport that keeps what is written until the loop's next turn, up to `KEPT_MAX` bytes. What is more goes by itself."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._kept = b""
        # With a `__getattr__`, which each look at an attribute passes, to write would take half as long again.
        for name in PASSED_ON:
            setattr(self, name, getattr(transport, name))

    def write(self, data: bytes) -> None:
        if not data:
            return
        if len(data) > KEPT_MAX:  # to put it behind something else would cost more than a packet does
            self._flush()
            if not self.is_closing():
                self._transport.write(data)
            return
        if not self._kept:
            self._loop.call_soon(self._flush)
        self._kept += data
        if len(self._kept) > KEPT_MAX:
            self._flush()

    def _flush(self) -> None:
        kept, self._kept = self._kept, b""
        if kept and not self.is_closing():
            self._transport.write(kept)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...
