"""A service that listens on loopback, in a thread of this process, and a way to it that can break."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import uvicorn

from overspill.audit.findings import Finding
from overspill.cli.reconcile import of_store
from overspill.client.calls import Call, headers_of
from overspill.client.replies import Lost, Reply
from overspill.serve.service import Limits
from overspill.words.instants import HOUR
from support.asgi import call
from support.services import Served, served


class Listening(uvicorn.Server):
    """An ASGI application under uvicorn, on a port that the system has chosen. `errors` are those that it has raised."""

    def __init__(self, app: Any, lifespan: str = "on", ssl_certfile: str | None = None) -> None:
        self.errors: list[Exception] = []
        self._calls, self._changed = 0, threading.Condition()

        async def watched(scope: Any, receive: Any, send: Any) -> None:
            is_call = scope["type"] == "http"
            self._count(int(is_call))
            try:
                await app(scope, receive, send)
            except Exception as error:
                self.errors.append(error)
                raise
            finally:
                self._count(-int(is_call))

        super().__init__(
            uvicorn.Config(
                watched,
                loop="asyncio",
                http="httptools",
                ws="none",
                lifespan=lifespan,
                log_config=None,
                access_log=False,
                ssl_certfile=ssl_certfile,
            )
        )
        logging.getLogger("uvicorn.error").disabled = True
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self.run, args=([self._listener],), daemon=True)

    def _count(self, change: int) -> None:
        with self._changed:
            self._calls += change
            self._changed.notify_all()

    def quiet(self) -> None:
        """Waits until the application has done with every call, which it may have after its answer has gone out."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._calls == 0, 60)

    def __enter__(self) -> Listening:
        self._thread.start()  # whoever connects before it listens waits in the socket's backlog
        return self

    def __exit__(self, *error: object) -> None:
        self.should_exit = True
        self._thread.join(20)
        self._listener.close()


@contextmanager
def serving(limits: Limits | None = None, policy: Any = "codex_sora") -> Iterator[tuple[Served, str]]:
    """(the service with its engine and clock, its URL)."""
    with served(limits, policy) as one, Listening(one.app) as server:
        yield one, server.url


def findings(one: Served) -> Sequence[Finding]:
    """What the auditor finds, once all that is held has timed out: of a right client's day nothing."""
    one.clock.advance(3 * HOUR)
    one.engine.sweep()
    one.engine.settle()
    return one.engine._combiner.exclusively(lambda: of_store(one.engine._store, one.clock.now()).findings)


# ---- a way that can break, between sockets


class Cutting:
    """Forwards HTTP to a service, one connection after the other or many at once.

    `faults` says for each request that begins, in their order, what becomes of it: `pass`, `before` (the connection is cut and
    the service hears nothing), `after` (the service answers and nobody hears it), `half` (only the first half of the answer is
    heard). What is not said passes.
    """

    def __init__(self, port: int) -> None:
        self._server = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.faults: list[str] = []
        self.seen: list[tuple[str, str]] = []
        """(what became of it, its request line)."""
        self._sockets: list[socket.socket] = []
        self._spawn(self._accept)

    def _spawn(self, work: Callable[..., None], *arguments: object) -> None:
        def quietly() -> None:
            with contextlib.suppress(OSError):
                work(*arguments)

        threading.Thread(target=quietly, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            self._sockets.append(client)
            self._spawn(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._server) as server:
            self._sockets.append(server)
            while request := _message(client):
                fault = self.faults.pop(0) if self.faults else "pass"
                self.seen.append((fault, request.split(b"\r\n", 1)[0].decode()))
                if fault == "before":
                    return
                server.sendall(request)
                answer = _message(server)
                if fault == "after":
                    return
                client.sendall(answer[: len(answer) // 2] if fault == "half" else answer)
                if fault == "half":
                    return

    def end_all(self) -> None:
        """Every connection ends, and new ones may be made."""
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._sockets.append(self._listener)
        self.end_all()
        for one in self._sockets:
            one.close()


def _message(one: socket.socket) -> bytes:
    """The next HTTP message with a length, whole; nothing when the other side has ended."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = one.recv(65536)
        if not part:
            return b""
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while len(body) < int(lengths[0] if lengths else 0):
        body += one.recv(65536)
    return head + b"\r\n\r\n" + body


@contextmanager
def cutting(port: int) -> Iterator[Cutting]:
    one = Cutting(port)
    try:
        yield one
    finally:
        one.close()


# ---- a way that can break, without sockets


class Died(BaseException):
    """The process that asked has died at this step."""


class Scripted:
    """Calls an application in this process. `faults` says for each call, in order, what becomes of it: `pass`, `before`, `after`,
    a status (`503`), or `die` and `die_after`, which raise Died. `calls` are those that were made."""

    def __init__(self, app: Any, credential: str, faults: Iterator[str] | None = None) -> None:
        self.app, self.credential = app, credential
        self.faults = faults or iter(())
        self.calls: list[tuple[str, Call]] = []

    def send(self, one: Call, within: int) -> Reply | Lost:
        fault = next(self.faults, "pass")
        self.calls.append((fault, one))
        if fault == "die":
            raise Died
        if fault == "before":
            return Lost("cut", True)
        if fault == "unreachable":
            return Lost("unreachable", False)
        if fault.isdigit():
            return Reply(int(fault), {"content-type": "text/html"}, b"<p>a gateway</p>")
        path, _, query = one.path.partition("?")
        answer = call(self.app, one.method, path, one.body or None, headers_of(one, self.credential), query)
        if fault == "die_after":
            raise Died
        return Lost("timed_out", True) if fault == "after" else Reply(answer.status, answer.headers, answer.body)

    def close(self) -> None:
        pass


class Time:
    """Milliseconds that pass when somebody waits, and `each` with every look."""

    def __init__(self, each: int = 0) -> None:
        self.at, self.each = 0, each
        self.waits: list[int] = []

    def now(self) -> int:
        self.at += self.each
        return self.at

    def sleep(self, millis: int) -> None:
        self.waits.append(millis)
        self.at += millis
