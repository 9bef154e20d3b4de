"""A way to a server that can break: at a commit before it arrives, before its reply does, or so that it arrives late."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from select import select
from urllib.parse import urlsplit

COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
"""The message of the wire protocol."""
APPEND = b"WITH moved AS"
"""How the statement begins that appends: outside a transaction it is one by itself, and commits."""


class Spoken:
    """What a client has said so far, as far as it tells which of its messages commits."""

    def __init__(self) -> None:
        self._inside = False
        self._appends: set[bytes] = set()
        """The names of prepared statements that append."""

    def commits(self, data: bytes) -> bool:
        """Whether these bytes do, which begin with a message."""
        found = data == COMMIT
        for kind, body in _messages(data):
            if kind == b"Q":
                self._inside = body.startswith(b"BEGIN")
            elif kind == b"P":
                name, _, statement = body.partition(b"\0")
                (self._appends.add if APPEND in statement else self._appends.discard)(name)
            elif kind == b"B":
                found = found or (not self._inside and body.split(b"\0", 2)[1] in self._appends)
        return found


def _messages(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(kind, body) of each whole message."""
    while len(data) > 5:
        length = int.from_bytes(data[1:5])
        yield data[:1], data[5 : 1 + length]
        data = data[1 + length :]


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
        spoken = Spoken()
        with client, server:
            while True:
                for one in select([client, server], [], [])[0]:
                    data = one.recv(65536)
                    commits = one is client and spoken.commits(data)
                    how = (self.at_commit or self.choose()) if commits else None
                    if how is not None:
                        return self._break(how, data, client, server)
                    if not data:
                        return None
                    (server if one is client else client).sendall(data)

    def _break(self, how: str, data: bytes, client: socket.socket, server: socket.socket) -> None:
        """Whatever the server says from here on, nobody hears it."""
        self.at_commit, self.down, self.seen = None, self.then_down, self.seen + 1
        if how == "unanswered":
            server.sendall(data)
            while server not in select([client, server], [], [])[0]:  # what is said may not have come whole
                server.sendall(client.recv(65536))
            server.recv(65536)
        client.shutdown(socket.SHUT_RDWR)
        if how == "late":
            self.arrived.wait(10)
            server.sendall(data)
            server.recv(65536)

    def close(self) -> None:
        self.arrived.set()
        for one in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        self._listener.close()
