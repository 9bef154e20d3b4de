"""An endpoint on loopback: keeps what it is sent, and answers by its script."""

from __future__ import annotations

import json
import socket
import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple

HANG, CLOSE = "hang", "close"
OK = b"HTTP/1.1 204 No Content\r\n\r\n"


def status(code: int, *fields: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {code} Whatever", *fields, "", ""]).encode()


class Got(NamedTuple):
    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Answer = bytes | str | int


class Receiver:
    """`script` is what it does next: bytes or a status to answer, `hang`, `close`; behind its end, and where `judge` has no
    other opinion of what came, it takes everything. A connection that hangs ends with the receiver."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.script: deque[Answer] = deque()
        self.judge: Callable[[Got], Answer | None] = lambda got: None
        self.more = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/in?x=1"

    def __enter__(self) -> Receiver:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        for one in self._open:
            one.close()

    def wait(self, until: Callable[[list[Got]], bool]) -> None:
        """For what comes in."""
        with self.more:
            assert self.more.wait_for(lambda: until(self.got), 60), "nothing more comes"

    @property
    def ids(self) -> list[str]:
        return [one.id for one in self.got]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        got = _read(connection)
        if got is None:
            connection.close()
            return
        with self.more:
            self.got.append(got)
            answer = self.script.popleft() if self.script else self.judge(got)
            self.more.notify_all()
        if answer == HANG:
            return
        if answer != CLOSE:
            connection.sendall(OK if answer is None else status(answer) if isinstance(answer, int) else answer)  # type: ignore[arg-type]
        connection.close()


def _read(connection: socket.socket) -> Got | None:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65_536)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
    while len(body) < int(headers["content-length"]):
        more = connection.recv(65_536)
        if not more:
            return None
        body += more
    return Got(line, headers, body)
