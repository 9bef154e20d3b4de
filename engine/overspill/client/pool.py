"""Calls over `http.client`: connections that are kept for the next call, from any number of threads at once."""

from __future__ import annotations

import http.client
import os
import select
import socket
import ssl
from collections import deque
from collections.abc import Callable
from threading import Lock

from overspill.client.calls import Call, Place, headers_of
from overspill.client.replies import BYTES_MAX, Lost, Reply

IDLE_MS = 4_000
"""A connection that was idle for longer is not used again: the service lets go of it after five seconds."""
BLOCK = 1 << 16


class Pool:
    """`send` may be called from many threads. `kept` connections wait for the next call at most."""

    def __init__(
        self,
        place: Place,
        credential: str,
        now: Callable[[], int],
        *,
        kept: int = 32,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._place, self._credential, self._now, self._kept = place, credential, now, kept
        self._tls = tls
        self._idle: deque[tuple[http.client.HTTPConnection, int]] = deque()
        self._lock = Lock()
        self._process = os.getpid()

    def send(self, call: Call, within: int) -> Reply | Lost:
        """One attempt, `within` milliseconds."""
        end = self._now() + within
        connection = self._taken() or self._made()
        try:
            return self._sent(connection, call, end)
        except BaseException as error:
            connection.close()
            if isinstance(error, (OSError, http.client.HTTPException)):
                return Lost("timed_out" if isinstance(error, TimeoutError) else "cut", True)
            raise

    def _sent(self, connection: http.client.HTTPConnection, call: Call, end: int) -> Reply | Lost:
        if connection.sock is None:
            connection.timeout = self._left(end)
            try:
                connection.connect()
            except OSError as error:
                connection.close()
                return Lost(_why(error), False)
        connection.sock.settimeout(self._left(end))
        headers = headers_of(call, self._credential)
        connection.request(call.method, self._place.prefix + call.path, call.body, headers)
        response = connection.getresponse()
        body = self._body(connection, response, end)
        found = {name.lower(): value for name, value in response.getheaders()}
        if response.will_close:
            connection.close()
        else:
            self._put_back(connection)
        return Reply(response.status, found, body)

    def _body(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse, end: int) -> bytes:
        parts, size = [], 0
        while part := response.read1(BLOCK):
            parts.append(part)
            size += len(part)
            if size > BYTES_MAX:
                raise http.client.HTTPException("too long")
            if connection.sock is not None:
                connection.sock.settimeout(self._left(end))
        if response.length:  # fewer bytes than were said
            raise http.client.IncompleteRead(b"", response.length)
        response.close()
        return b"".join(parts)

    def _left(self, end: int) -> float:
        """Seconds, as sockets want them."""
        left = end - self._now()
        if left <= 0:
            raise TimeoutError
        return left / 1000

    # ---- connections

    def _made(self) -> http.client.HTTPConnection:
        if not self._place.secure:
            return http.client.HTTPConnection(self._place.host, self._place.port)
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return http.client.HTTPSConnection(self._place.host, self._place.port, context=self._tls)

    def _taken(self) -> http.client.HTTPConnection | None:
        """One that is idle and still good, the one used last first."""
        with self._lock:
            if self._process != os.getpid():  # sockets of the process that forked this one
                self._process, self._idle = os.getpid(), deque()
            fresh = self._now() - IDLE_MS
            while self._idle:
                connection, at = self._idle.pop()
                if at >= fresh and connection.sock is not None and not _has_ended(connection.sock):
                    return connection
                connection.close()
        return None

    def _put_back(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            self._idle.append((connection, self._now()))
            oldest = self._idle.popleft()[0] if len(self._idle) > self._kept else None
        if oldest is not None:
            oldest.close()

    def close(self) -> None:
        """Lets all idle connections go."""
        with self._lock:
            idle, self._idle = self._idle, deque()
        for connection, _ in idle:
            connection.close()


def _why(error: OSError) -> str:
    """There is no connection."""
    if isinstance(error, TimeoutError):
        return "timed_out"
    return "not_trusted" if isinstance(error, ssl.SSLError) else "unreachable"


def _has_ended(sock: socket.socket) -> bool:
    """Whether the other side has closed it, or says something that nobody asked for."""
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        return bool(poll.poll(0))
    return bool(select.select([sock], [], [], 0)[0])
