"""Calls of an ASGI application without a server: what goes in, what comes out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def acall(
    app: Any,
    method: str,
    path: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    query: str = "",
    whole: bool = True,
    receive: Callable[[], Awaitable[dict[str, Any]]] | None = None,
) -> Answer:
    """`body` is bytes, or what becomes JSON; JSON is said to be JSON. One that is not `whole` ends with the connection. `receive` is
    asked for it in the place of both."""
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {name.lower(): value for name, value in (headers or {}).items()}
    if data:
        sent.setdefault("content-type", "application/json")
        sent.setdefault("content-length", str(len(data)))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in sent.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    coming = [{"type": "http.request", "body": data, "more_body": not whole}]
    out: list[dict[str, Any]] = []

    async def coming_next() -> dict[str, Any]:
        return coming.pop() if coming else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        out.append(message)

    await app(scope, receive or coming_next, send)
    start = out[0]
    found = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
    return Answer(start["status"], found, b"".join(part.get("body", b"") for part in out[1:]))


def call(
    app: Any, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, query: str = ""
) -> Answer:
    return asyncio.run(acall(app, method, path, body, headers, query))
