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
from overspill.serve.last_head import LastHead, last_head

HEAD_MAX = 64 * 1024
"""Bytes of a head that has no end yet. Each part of one is copied behind all that came before it, and whoever connects may send it."""
PARSED_MAX = 8
"""Whose calls differ so many times in a row is not expected to send two that are alike: to know a head costs more than to
parse it."""
_KEPT, _CLOSED = b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"
"""The ends of a head."""
_METHOD, _URL = METHOD.encode(), PATH.encode()
_FIRST = b"%b %b HTTP/1.1" % (_METHOD, _URL)


class LaneProtocol(HttpToolsProtocol):
    """For `uvicorn.Config(http=…)`, with its lane. A call of the lane stands where uvicorn keeps a cycle of its own: calls that
    come behind it on its connection wait for its answer, and a service that stops waits for it too."""

    def __init__(self, lane: Lane, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._lane = lane
        self._last: LastHead | None = None
        """Of the call behind whose end the parser stands, where the lane took that and what comes next may be like it."""
        self._parsed = 0
        """Calls of the lane in a row that needed the parser."""
        self._is_taken = False
        """Whether the parser stands behind the end of a call that the lane took."""
        self._unfinished = 0
        """Bytes that came behind the last whole head, or part of a body."""
        self._idle_since = 0.0
        """When the last answer was given, or what came behind it began."""
        self._idle_timer: asyncio.TimerHandle | None = None
        self.known: Known | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(Joined(transport, self.loop))  # type: ignore[arg-type]
        self._idle_since = self.loop.time()
        self._watch(self.timeout_keep_alive)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """What uvicorn does, with a bound on heads; to call its method from here would cost each call six times as much as the bound."""
        if self.timeout_keep_alive_task is not None:
            self._unset_keepalive_if_required()
        if self._last is not None:
            if self._takes_whole(self._last, data):
                self._parsed = 0
                return
            self._last = None
        self._unfinished += len(data)
        try:
            self.parser.feed_data(data)
            if self._is_taken:
                self._parsed += 1
                if 1 < self._parsed <= PARSED_MAX and self.cycle.keep_alive:
                    self._last = last_head(data, _FIRST, self.headers)
        except HttpParserError:
            self._refuse("Invalid HTTP request received.")
        except HttpParserUpgrade:
            self._unsupported_upgrade_warning()
        if self._unfinished > HEAD_MAX and not self.transport.is_closing():
            self._refuse(f"A head has {HEAD_MAX} bytes at most.")

    def _takes_whole(self, last: LastHead, data: bytes) -> bool:
        """Whether a packet is a call like the last one, and the lane has taken it. Else nothing has happened yet."""
        if not self.cycle.response_complete or (call := last.call_in(data)) is None:
            return False
        headers, body, key = call
        if len(body) > self._lane.app.service.limits.body:
            return False
        cycle: Any = self.cycle  # that of the last one, whose connection goes on
        cycle.response_complete = False
        if self._lane.takes(self, headers, body, cycle.answer, key):
            return True
        cycle.response_complete = True
        return False

    def _refuse(self, what: str) -> None:
        self.logger.warning(what)
        self.send_400_response(what)

    # ---- what the parser finds

    def on_message_begin(self) -> None:
        self.url, self.headers, self._is_taken = b"", [], False
        self._idle_since = self.loop.time()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._unfinished = 0
        if self.url == _URL and self._is_free() and self.parser.get_method() == _METHOD:
            headers = dict(self.headers)
            length = headers.get(b"content-length")
            is_plain = b"expect" not in headers and len(headers) == len(self.headers)
            if is_plain and length is not None and int(length) <= self._lane.app.service.limits.body:
                self.cycle = _LaneCycle(self, headers, self.parser.should_keep_alive())  # type: ignore[assignment]
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
            cycle.is_whole = True
            self._is_taken = self._lane.takes(self, cycle.headers, cycle.body, cycle.answer)
            if self._is_taken:
                return
            self.cycle = None  # type: ignore[assignment]
            self._to_application()
            super().on_body(cycle.body)
        super().on_message_complete()

    # ---- behind an answer

    def answered(self) -> None:
        """What comes behind a call of the lane: whoever waited, or nothing for a while."""
        if self.pipeline:
            self.on_response_complete()
            return
        self.server_state.total_requests += 1
        self._idle_since = self.loop.time()

    def on_response_complete(self) -> None:
        """Behind a call of the application: its answer ends the pause too."""
        self._idle_since = self.loop.time()
        super().on_response_complete()

    def _watch(self, seconds: float) -> None:
        """One timer watches over a connection as long as it lasts: to set one for each call would cost more than to write its answer."""
        self._idle_timer = self.loop.call_later(seconds, self._look)

    def _look(self) -> None:
        left: float = self.timeout_keep_alive
        if not self._is_busy():
            left -= self.loop.time() - self._idle_since
        if left > 0:
            self._watch(left)
        else:
            self.timeout_keep_alive_handler()

    def _is_busy(self) -> bool:
        """Whether a call is under way: one of the lane, all of which has come, or one of the application's, which looks at the time
        itself."""
        cycle: Any = self.cycle
        if cycle is None or cycle.response_complete:
            return False
        return not isinstance(cycle, _LaneCycle) or cycle.is_whole

    def _to_application(self) -> None:
        url, headers = self.url, self.headers
        super().on_message_begin()
        self.url = url
        for name, value in headers:
            super().on_header(name, value)
        super().on_headers_complete()
        self.headers = []  # what comes behind the body is no part of the head (RFC 9110 section 6.5.1)


class _LaneCycle:
    """A call of the lane on its connection, and others behind it one by one. The rest is what uvicorn asks a cycle for, and tells it."""

    __slots__ = (
        "_protocol",
        "body",
        "disconnected",
        "headers",
        "is_whole",
        "keep_alive",
        "message_event",
        "response_complete",
    )

    def __init__(self, protocol: LaneProtocol, headers: dict[bytes, bytes], is_kept: bool) -> None:
        self._protocol, self.headers, self.body = protocol, headers, b""
        self.keep_alive = is_kept
        self.response_complete = self.disconnected = self.is_whole = False
        self.message_event = _NOBODY_WAITS

    def answer(self, reply: Reply, request_id: str) -> None:
        self.response_complete = True
        if self.disconnected:
            return
        protocol, body = self._protocol, reply.body
        default = protocol.server_state.default_headers
        parts = [_head_of(reply.status, reply.media, default), f"{len(body)}\r\nx-request-id: {request_id}".encode()]
        for name, value in reply.headers:
            parts += b"\r\n", name, b": ", value
        parts.append(_KEPT if self.keep_alive else _CLOSED)
        is_small = len(body) <= KEPT_MAX
        if is_small:
            parts.append(body)
        protocol.transport.write(b"".join(parts))
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
