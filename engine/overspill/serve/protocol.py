"""HTTP/1.1 as uvicorn speaks it, with a way beside it for the calls of `serve.lane`, which need no scope, no task and no
messages: together these cost as much as deciding does.
"""

from __future__ import annotations

import asyncio
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from overspill.serve.call import Header, Reply
from overspill.serve.joined import KEPT_MAX, Joined
from overspill.serve.lane import METHOD, PATH, Known, Lane

HEAD_MAX = 64 * 1024
"""Bytes of a head that has no end yet. Each part of one is copied behind all that came before it, and whoever connects may send it."""
_METHOD, _URL = METHOD.encode(), PATH.encode()


class LaneProtocol(HttpToolsProtocol):
    """For `uvicorn.Config(http=…)`, with its lane. A call of the lane stands where uvicorn keeps a cycle of its own: calls that
    come behind it on its connection wait for its answer, and a service that stops waits for it too."""

    def __init__(self, lane: Lane, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._lane = lane
        self._unfinished = 0
        """Bytes that came behind the last whole head, or part of a body."""
        self._idle_since = 0.0
        self._idle_timer: asyncio.TimerHandle | None = None
        self.known: Known | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(Joined(transport, self.loop))  # type: ignore[arg-type]

    def connection_lost(self, exc: Exception | None) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """What uvicorn does, with a bound on heads; to call its method from here would cost each call six times as much as the bound."""
        self._unfinished += len(data)
        if self.timeout_keep_alive_task is not None:
            self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except HttpParserError:
            self._refuse("Invalid HTTP request received.")
        except HttpParserUpgrade:
            self._unsupported_upgrade_warning()
        if self._unfinished > HEAD_MAX and not self.transport.is_closing():
            self._refuse(f"A head has {HEAD_MAX} bytes at most.")

    def _refuse(self, what: str) -> None:
        self.logger.warning(what)
        self.send_400_response(what)

    # ---- what the parser finds

    def on_message_begin(self) -> None:
        self.url, self.headers = b"", []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._unfinished = 0
        if self.url == _URL and self._is_free() and self.parser.get_method() == _METHOD:
            headers = dict(self.headers)
            length = headers.get(b"content-length")
            is_plain = b"expect" not in headers and len(headers) == len(self.headers)
            if is_plain and length is not None and int(length) <= self._lane.app.service.limits.body:
                self.cycle = _LaneCycle(self, headers)  # type: ignore[assignment]
                return
        self._to_application()

    def _is_free(self) -> bool:
        """Whether no call is under way on this connection, and this one asks for nothing out of the ordinary of it."""
        parser, before = self.parser, self.cycle
        is_first = before is None or before.response_complete
        return is_first and parser.get_http_version() == "1.1" and not parser.should_upgrade()

    def on_body(self, body: bytes) -> None:
        self._unfinished = 0
        cycle: object = self.cycle
        if isinstance(cycle, _LaneCycle):
            cycle.body += body
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        cycle: object = self.cycle
        if isinstance(cycle, _LaneCycle):
            if self._lane.takes(self, cycle.headers, cycle.body, cycle.answer):
                return
            self.cycle = None  # type: ignore[assignment]
            self._to_application()
            super().on_body(cycle.body)
        super().on_message_complete()

    # ---- behind an answer

    def answered(self) -> None:
        """What comes behind a call of the lane: whoever waited, or nothing for a while. One timer watches over that as long as the
        connection lasts: to set one for each call would cost more than to write its answer."""
        if self.pipeline:
            self.on_response_complete()
            return
        self.server_state.total_requests += 1
        self._idle_since = self.loop.time()
        if self._idle_timer is None:
            self._watch(self.timeout_keep_alive)

    def on_response_complete(self) -> None:
        """Behind a call of the application: its answer ends the pause too."""
        self._idle_since = self.loop.time()
        super().on_response_complete()

    def _watch(self, seconds: float) -> None:
        self._idle_timer = self.loop.call_later(seconds, self._look)

    def _look(self) -> None:
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        is_busy = not self.cycle.response_complete
        if is_busy or left > 0:
            self._watch(self.timeout_keep_alive if is_busy else left)
        else:
            self.timeout_keep_alive_handler()

    def _to_application(self) -> None:
        url, headers = self.url, self.headers
        super().on_message_begin()
        self.url = url
        for name, value in headers:
            super().on_header(name, value)
        super().on_headers_complete()
        self.headers = []  # what comes behind the body is no part of the head (RFC 9110 section 6.5.1)


class _LaneCycle:
    """One call of the lane on its connection. The rest is what uvicorn asks a cycle for, and tells it."""

    __slots__ = ("_protocol", "body", "disconnected", "headers", "keep_alive", "message_event", "response_complete")

    def __init__(self, protocol: LaneProtocol, headers: dict[bytes, bytes]) -> None:
        self._protocol, self.headers, self.body = protocol, headers, b""
        self.keep_alive = protocol.parser.should_keep_alive()
        self.response_complete = self.disconnected = False
        self.message_event = _NOBODY_WAITS

    def answer(self, reply: Reply, request_id: str) -> None:
        self.response_complete = True
        if self.disconnected:
            return
        protocol, body = self._protocol, reply.body
        head = _head_of(reply.status, reply.media, protocol.server_state.default_headers)
        fields = b"".join([b"%b: %b\r\n" % one for one in reply.headers])
        end = b"" if self.keep_alive else b"connection: close\r\n"
        is_small = len(body) <= KEPT_MAX
        whole = b"%b%d\r\nx-request-id: %b\r\n%b%b\r\n%b"
        parts = (head, len(body), request_id.encode(), fields, end, body if is_small else b"")
        protocol.transport.write(whole % parts)
        if not is_small:
            protocol.transport.write(body)
        if self.keep_alive:
            protocol.answered()
        else:
            protocol.transport.close()


def _head_of(status: int, media: Header, default: list[Header]) -> bytes:
    """The head of an answer up to its length; `default` are the fields of every answer of this second."""
    known = _heads.get((status, media))
    if known is None or known[0] is not default:
        fields = b"".join([b"%b: %b\r\n" % one for one in (*default, media)])
        known = _heads[status, media] = default, b"%b%bcontent-length: " % (STATUS_LINE[status], fields)
    return known[1]


_heads: dict[tuple[int, Header], tuple[list[Header], bytes]] = {}


class _NobodyWaits:
    def set(self) -> None:
        """For messages to an application."""


_NOBODY_WAITS = _NobodyWaits()
