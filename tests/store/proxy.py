"""A way to a server that can break: at a commit before it arrives, before its reply does, or so that it arrives late."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from select import select
from urllib.parse import urlsplit

COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
"""The message of the wire protocol."""


class Proxy:
    """Forwards bytes. `at_commit` says what happens to the next commit: `lost`, `unanswered` or `late`; while `down` nobody
    is let in."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.port is not None
        self._server = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = url.replace(f":{parts.port}/", f":{self._listener.getsockname()[1]}/")
        self.at_commit: str | None = None
        self.then_down = False
        self.down = False
        self.arrived = threading.Event()
        """When a late commit may arrive."""
        self.seen = 0
        """Commits that were broken."""
        self.choose: Callable[[], str | None] = lambda: None
        """What happens to a commit that nobody has said anything about."""
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._spawn(self._accept)

    def _spawn(self, work: Callable[..., None], *arguments: object) -> None:
        def quietly() -> None:
            with contextlib.suppress(OSError):
                work(*arguments)

        thread = threading.Thread(target=quietly, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            if self.down:
                client.close()
                continue
            server = socket.create_connection(self._server)
            self._sockets += [client, server]
            self._spawn(self._serve, client, server)

    def _serve(self, client: socket.socket, server: socket.socket) -> None:
        with client, server:
            while True:
                for one in select([client, server], [], [])[0]:
                    data = one.recv(65536)
                    how = (self.at_commit or self.choose()) if data == COMMIT else None
                    if how is not None:
                        return self._break(how, client, server)
                    if not data:
                        return None
                    (server if one is client else client).sendall(data)

    def _break(self, how: str, client: socket.socket, server: socket.socket) -> None:
        """Whatever the server says from here on, nobody hears it."""
        self.at_commit, self.down, self.seen = None, self.then_down, self.seen + 1
        if how == "unanswered":
            server.sendall(COMMIT)
            server.recv(65536)
        client.shutdown(socket.SHUT_RDWR)
        if how == "late":
            self.arrived.wait(10)
            server.sendall(COMMIT)
            server.recv(65536)

    def close(self) -> None:
        self.arrived.set()
        for one in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        self._listener.close()
