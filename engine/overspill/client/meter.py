"""A meter for the routes of an ASGI application: reserved before a request is answered, captured behind it.

What is captured is what the application has counted with `scope["overspill"].use(…)`, and what `sent` counts of each part of the
body that has gone out. Where neither has told anything, the estimate stands: it is captured for an answer that began and is no
error (below 400), also when the client went away before it was whole; an error, an exception, or a client that went before
there was an answer cost nothing, and the hold is released. What was counted is captured whatever happens.

A stream is captured in parts, so that a crash costs little and a balance is not far behind: with a part of the body that goes out
`part_ms` after the last one or later. A hold is extended once half of its time is over.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from typing import Any

import anyio

from overspill.client.aio import AsyncClient, AsyncHold
from overspill.client.answers import Answer, IfAway
from overspill.client.denials import Denial, denial_of
from overspill.client.failures import ServiceFailure
from overspill.client.journal import HoldJournal
from overspill.client.pace import fresh_id
from overspill.client.tracing import current
from overspill.records.request import Request
from overspill.words.instants import instant_from_text

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Ask = Callable[[Scope, str], Request | None]
"""(scope, a fresh id) → the estimate, under that id; None: the route is not metered."""
Count = Callable[[bytes], Mapping[str, int]]
"""A part of the body that was sent → what it used, by meter."""
PART_WITHIN_MS = 500
"""A stream waits no longer for a part to be booked."""
KEY = "overspill"
"""Where the application finds its hold in the scope."""


class Meter:
    """An ASGI application around another one.

    `ask` makes the request for what is metered, with the id that it is given: an id that a client may choose would let it have
    an old hold again. `if_away` is what happens while the service cannot be asked: `deny` answers 503, `allow` goes on and needs
    a journal. `denied` makes the answer to a denial.
    """

    def __init__(
        self,
        app: App,
        client: AsyncClient,
        ask: Ask,
        *,
        sent: Count | None = None,
        journal: HoldJournal | None = None,
        if_away: IfAway = "deny",
        part_ms: int = 10_000,
        denied: Callable[[Answer], Denial] = denial_of,
        ids: Callable[[], str] = fresh_id,
    ) -> None:
        self._app, self._client, self._ask, self._sent = app, client, ask, sent
        self._journal, self._if_away, self._part_ms = journal, if_away, part_ms
        self._denied, self._ids = denied, ids

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = self._ask(scope, self._ids()) if scope["type"] == "http" else None
        if request is None:
            await self._app(scope, receive, send)
            return
        async with _traced(self._client, scope).holding(request, journal=self._journal, if_away=self._if_away) as hold:
            if hold.allowed:
                metered = Metered(hold, self._client, request, self._sent, self._part_ms)
                scope[KEY] = hold
                await metered.run(self._app, scope, receive, send)
                return
        await _answer(self._denied(hold.answer), send)


class Metered:
    """One request that was admitted, on its way through the application."""

    def __init__(
        self, hold: AsyncHold, client: AsyncClient, request: Request, sent: Count | None, part_ms: int
    ) -> None:
        self._hold, self._request, self._count, self._part_ms = hold, request, sent, part_ms
        self._now = client._now
        self._part_at = self._held_at = self._now()
        self._status = 0
        self._gone = False

    async def run(self, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        async def receiving() -> Message:
            message = await receive()
            self._gone = self._gone or message["type"] == "http.disconnect"
            return message

        async def sending(message: Message) -> None:
            try:
                await send(message)
            except OSError:  # as a server says it that knows (ASGI 2.4)
                self._gone = True
                raise
            await self._went_out(message)

        whole = False
        try:
            await app(scope, receiving, sending)
            whole = True
        except anyio.get_cancelled_exc_class():  # as other servers say it
            self._gone = True
            raise
        finally:
            if whole or self._gone:
                self._take_the_estimate()

    def _take_the_estimate(self) -> None:
        """Where nobody has told what was used by an answer that is no error."""
        if 0 < self._status < 400 and not self._hold.told and self._count is None:
            self._hold.use(**self._request.meters)

    async def _went_out(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
        if message["type"] != "http.response.body" or self._gone:
            return
        if self._count is not None and message.get("body"):
            self._hold.use(**self._count(message["body"]))
        if message.get("more_body"):
            await self._book_a_part()

    async def _book_a_part(self) -> None:
        at = self._now()
        if at - self._part_at >= self._part_ms:
            self._part_at = at
            with suppress(ServiceFailure):  # the end asks again, and says so
                await self._hold.capture(within=PART_WITHIN_MS)
        if (length := _length(self._hold)) is not None and at - self._held_at >= length // 2:
            self._held_at = at
            with suppress(ServiceFailure):  # it may be captured late too
                await self._hold.extend(within=PART_WITHIN_MS)


def _traced(client: AsyncClient, scope: Scope) -> AsyncClient:
    """In the trace of whoever asks, unless a span of the application's own stands between."""
    if current():
        return client
    sent = {name: value.decode("latin-1") for name, value in scope["headers"]}
    return client.with_traceparent(sent.get(b"traceparent", ""), sent.get(b"tracestate", ""))


def _length(hold: AsyncHold) -> int | None:
    """Milliseconds that the hold lasts, where it ends."""
    seen = hold.answer.seen
    if seen is None or seen.hold is None or seen.hold.expires_at is None:
        return None
    return (instant_from_text(seen.hold.expires_at) - instant_from_text(seen.at)) // 1000


async def _answer(denial: Denial, send: Send) -> None:
    await send({"type": "http.response.start", "status": denial.status, "headers": list(denial.headers)})
    await send({"type": "http.response.body", "body": denial.body})
