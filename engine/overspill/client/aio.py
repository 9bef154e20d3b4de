"""The client for asyncio, over httpx2 (extra `client`): the same methods, the same scripts."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from copy import copy
from types import TracebackType
from typing import Any, Protocol, TypeVar, assert_never

import anyio
import httpx2
from anyio.to_thread import run_sync

from overspill.client import asking, calls, work
from overspill.client.answers import Answer, IfAway
from overspill.client.calls import Account, Call, Place, headers_of
from overspill.client.changes import Changes
from overspill.client.failures import ServiceFailure
from overspill.client.hold import HoldView, expect_journal
from overspill.client.journal import HoldJournal
from overspill.client.pace import jitter, monotonic_ms
from overspill.client.patience import Jitter, Patience
from overspill.client.replies import BYTES_MAX, Lost, Reply
from overspill.client.script import Came, Keep, Now, Script, Send, Step, Wait, Ways
from overspill.client.tracing import Trace, trace_of, traced
from overspill.client.work import Resolved, Work
from overspill.records.answers import Receipt
from overspill.records.explanation import Explanation
from overspill.records.purchases import PurchaseShown
from overspill.records.request import Request
from overspill.records.statement import Statement
from overspill.records.status import Status
from overspill.words.failures import Failure

T = TypeVar("T")
IDLE_SECONDS = 4
"""A connection that was idle for longer is not used again: the service lets go of it after five."""
CONNECTIONS, IDLE_CONNECTIONS = 256, 32


class AsyncTransport(Protocol):
    """Sends one call once."""

    async def send(self, call: Call, within: int) -> Reply | Lost:
        """Within so many milliseconds."""

    async def close(self) -> None: ...


class Connections:
    """Those of httpx2, which are pooled; of one event loop."""

    def __init__(self, place: Place, credential: str, tls: ssl.SSLContext | None) -> None:
        self._place, self._credential = place, credential
        limits = httpx2.Limits(
            max_connections=CONNECTIONS, max_keepalive_connections=IDLE_CONNECTIONS, keepalive_expiry=IDLE_SECONDS
        )
        verify = tls if tls is not None else place.secure
        self._client = httpx2.AsyncClient(verify=verify, limits=limits, trust_env=False, follow_redirects=False)

    async def send(self, call: Call, within: int) -> Reply | Lost:
        seconds = within / 1000
        url, headers = f"{self._place.url}{call.path}", headers_of(call, self._credential)
        limit = httpx2.Timeout(seconds)
        try:
            with anyio.fail_after(seconds):
                async with self._client.stream(
                    call.method, url, content=call.body, headers=headers, timeout=limit
                ) as response:
                    return await _reply(response)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            return Lost(_why(error), False)
        except (httpx2.TimeoutException, TimeoutError):
            return Lost("timed_out", True)
        except (httpx2.HTTPError, httpx2.StreamError, OSError):
            return Lost("cut", True)

    async def close(self) -> None:
        await self._client.aclose()


def _why(error: Exception) -> str:
    """There is no connection."""
    if not isinstance(error, httpx2.ConnectError):
        return "timed_out"
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    return "unreachable" if cause is None else "not_trusted"


async def _reply(response: httpx2.Response) -> Reply:
    parts, size = [], 0
    async for part in response.aiter_raw():
        parts.append(part)
        size += len(part)
        if size > BYTES_MAX:
            raise httpx2.RemoteProtocolError("too long")
    return Reply(
        response.status_code, {name.lower(): value for name, value in response.headers.items()}, b"".join(parts)
    )


async def sleep_ms(millis: int) -> None:
    await anyio.sleep(millis / 1000)


class AsyncClient(Changes[Coroutine[Any, Any, Receipt]]):
    """Asks a service from asyncio; otherwise as `Client`."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        patience: Patience | None = None,
        if_away: IfAway = "raise",
        tls: ssl.SSLContext | None = None,
        transport: AsyncTransport | None = None,
        now: Callable[[], int] = monotonic_ms,
        sleep: Callable[[int], Awaitable[None]] = sleep_ms,
        jitter: Jitter = jitter,
    ) -> None:
        asking.expect_if_away(if_away)
        place, credential = calls.place_of(url), calls.checked_credential(key)
        self._transport = transport or Connections(place, credential, tls)
        self._ways = Ways(patience or Patience(), jitter)
        self._if_away: IfAway = if_away
        self._now, self._sleep = now, sleep
        self._trace: Trace = {}

    def with_patience(self, patience: Patience) -> AsyncClient:
        """The same client, more or less patient; it shares the connections, and is closed with the first."""
        one = copy(self)
        one._ways = Ways(patience, self._ways.jitter)
        return one

    def with_traceparent(self, traceparent: str, tracestate: str = "") -> AsyncClient:
        """The same client for what is asked on behalf of a call that came with these fields (W3C Trace Context), which are
        passed on; without them those of OpenTelemetry's current span are. What is no `traceparent` is left out."""
        one = copy(self)
        one._trace = trace_of(traceparent, tracestate)
        return one

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._transport.close()

    # ---- decisions

    async def decide(self, request: Request, *, if_away: IfAway | None = None) -> Answer:
        """Decides a request and consumes what it grants. The same id again gives the same answer."""
        return await self._run(asking.decision("consume", request, self._ways, self._chosen(if_away)))

    async def preview(self, request: Request, *, if_away: IfAway | None = None) -> Answer:
        """The decision that `decide` would make now, without effect."""
        return await self._run(asking.decision("preview", request, self._ways, self._chosen(if_away)))

    async def reserve(self, request: Request, *, if_away: IfAway | None = None) -> Answer:
        """Decides an estimate and holds what it grants; `hold` names it for captures and a release. `holding` does all three."""
        return await self._run(asking.decision("reserve", request, self._ways, self._chosen(if_away)))

    async def decide_all(
        self, requests: Sequence[Request], *, if_away: IfAway | None = None
    ) -> list[Answer | ServiceFailure]:
        """`decide` for many in one call, in order; each has its answer or its failure."""
        return await self._run(asking.decisions("consume", requests, self._ways, self._chosen(if_away)))

    async def preview_all(
        self, requests: Sequence[Request], *, if_away: IfAway | None = None
    ) -> list[Answer | ServiceFailure]:
        """`preview` for many."""
        return await self._run(asking.decisions("preview", requests, self._ways, self._chosen(if_away)))

    async def reserve_all(
        self, requests: Sequence[Request], *, if_away: IfAway | None = None
    ) -> list[Answer | ServiceFailure]:
        """`reserve` for many."""
        return await self._run(asking.decisions("reserve", requests, self._ways, self._chosen(if_away)))

    async def decision(self, id: str) -> Explanation:
        """A decision with its trace, and what it had to choose from; so for a hold, a capture, a grant."""
        return await self._run(asking.shown(id, self._ways))

    async def explanation(self, id: str) -> str:
        """Why, in sentences."""
        return await self._run(asking.explained(id, self._ways))

    # ---- holds

    def holding(
        self, request: Request, *, journal: HoldJournal | None = None, if_away: IfAway | None = None
    ) -> AsyncHold:
        """A hold for the length of an `async with` block: reserved before, captured behind it with what was counted in it, also
        when its task is cancelled.

        With a journal each step is written down before it is done, so that nothing is lost with the process; one is needed
        to go on (`allow`) while the service is away.
        """
        chosen = self._chosen(if_away)
        expect_journal(journal, chosen)
        return AsyncHold(self, Work.of_request(request), journal, chosen)

    async def recover(self, journal: HoldJournal) -> list[Resolved]:
        """Resolves what was left in a journal by a process that died, or while the service was away; call it at the start, and
        now and then. Captures are asked again with their own keys; what was only asked for is left to time out."""
        return await self._run(work.resolved(journal.left(), self._ways), journal)

    # ---- accounts

    async def status(self, account: Account) -> Status:
        """How an account stands, as a decision would meet it now; `account` names one of each kind."""
        return await self._run(asking.status(account, self._ways))

    async def statement(self, account: Account, *, since: str | None = None, as_of: str | None = None) -> Statement:
        """Every entry of an account with its decision, from `since` up to `as_of` (RFC 3339 in UTC)."""
        return await self._run(asking.statement(account, since, as_of, self._ways))

    async def open_purchases(self) -> tuple[PurchaseShown, ...]:
        """The purchases that wait for a payment, the oldest first."""
        return await self._run(asking.purchases(self._ways))

    # ---- running

    async def _changed(self, call: Call) -> Receipt:
        return await self._run(asking.changed(call, self._ways))

    def _chosen(self, if_away: IfAway | None) -> IfAway:
        asking.expect_if_away(if_away or self._if_away)
        return if_away or self._if_away

    async def _run(self, script: Script[T], journal: HoldJournal | None = None) -> T:
        came: Came = None
        error: Failure | None = None
        while True:
            try:
                step = script.send(came) if error is None else script.throw(error)
            except StopIteration as done:
                found: T = done.value
                return found
            came, error = None, None
            try:
                came = await self._do(step, journal)
            except Failure as failure:  # of the journal
                error = failure

    async def _do(self, step: Step, journal: HoldJournal | None) -> Came:
        match step:
            case Send():
                return await self._transport.send(traced(step.call, self._trace), step.within)
            case Wait():
                await self._sleep(step.millis)
            case Now():
                return self._now()
            case Keep():
                if journal is None:
                    pass
                elif step.durable:  # a disk takes its time
                    await run_sync(journal.append, step.entry, True)
                else:
                    journal.append(step.entry, False)
            case _:
                assert_never(step)
        return None


class AsyncHold(HoldView):
    """A hold within an `async with` block: see `AsyncClient.holding`, and `HoldView` for what it tells and counts."""

    def __init__(self, client: AsyncClient, work: Work, journal: HoldJournal | None, if_away: IfAway) -> None:
        super().__init__(work, journal)
        self._client, self._if_away = client, if_away

    async def __aenter__(self) -> AsyncHold:
        with self._if_it_fails():
            await self._run(work.begun(self._work, self._client._ways, self._if_away))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._at_the_end(error), anyio.CancelScope(shield=True):
            await self._run(work.over(self._work, self._client._ways))

    async def capture(self, *, within: int | None = None) -> bool:
        """Books what was used so far, as a part: whether all of it is booked. What is not goes with the next part, or at the
        end. Asked once, for `within` milliseconds or a whole attempt; raises ServiceFailure for what is refused."""
        return await self._run(work.part(self._work, self._client._ways, within))

    async def extend(self, *, within: int | None = None) -> None:
        """Lets the hold last as long again from now. Asked once, as a part is; raises ServiceFailure."""
        await self._run(work.extended(self._work, self._client._ways, within))

    async def _run(self, script: Script[T]) -> T:
        return await self._client._run(script, self._journal)
