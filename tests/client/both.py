"""Both clients, asked in one way: what holds for one holds for the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from anyio import to_thread

from overspill import Request
from overspill.client import AsyncClient, Client, HoldJournal, Patience
from overspill.client.calls import Call
from overspill.client.replies import Lost, Reply
from overspill.client.work import Resolved
from support.services import ANA, TURN
from support.serving import Scripted, Time

NAMES = ("threads", "asyncio")
SHORT = Patience(total=1_000, attempt=400, first_wait=100, longest_wait=300)
WHERE = "http://service.test"
Do = tuple[str, Any]
"""(`use`, meters), (`total`, meters), (`capture`, None), (`extend`, None), (`raise`, an exception),
(`call`, what nobody here knows)."""


def turn(id: str, **changed: Any) -> Request:
    """8.5 credits of the shipped policy."""
    return Request(id=id, **{**TURN, **changed})


HUGE = {"meters": {"input_tokens": 10**9, "cached_input_tokens": 0, "output_tokens": 0}}
__all__ = ["ANA", "HUGE", "NAMES", "SHORT", "TURN", "Both", "turn"]


class Awaited:
    """A transport of threads for asyncio."""

    def __init__(self, one: Any) -> None:
        self.one = one

    async def send(self, call: Call, within: int) -> Reply | Lost:
        found: Reply | Lost = await to_thread.run_sync(self.one.send, call, within)
        return found

    async def close(self) -> None:
        self.one.close()


class Both:
    """One of the two, by name. Without a transport it connects to the URL."""

    def __init__(
        self,
        name: str,
        transport: Scripted | None = None,
        *,
        url: str = WHERE,
        key: str = "osk_test",
        time: Time | None = None,
        patience: Patience = SHORT,
        **options: Any,
    ) -> None:
        self.name, self.url, self.key, self.transport = name, url, key, transport
        self.time = time
        self.options = {"patience": patience, **options}

    def call(self, method: str, *arguments: Any, **options: Any) -> Any:
        """One call with a client of its own."""
        if self.name == "threads":
            with self._threads() as client:
                return getattr(client, method)(*arguments, **options)
        return asyncio.run(self._with(lambda client: getattr(client, method)(*arguments, **options)))

    def recover(self, journal: HoldJournal) -> list[Resolved]:
        found: list[Resolved] = self.call("recover", journal)
        return found

    def hold(self, request: Request, body: Iterable[Do] = (), **options: Any) -> Any:
        """The hold, behind its block; with `holds` a list it is put there as soon as there is one."""
        seen = options.pop("seen", [])
        if self.name == "threads":
            with self._threads() as client, client.holding(request, **options) as hold:
                seen.append(hold)
                for what, given in body:
                    _do(hold, what, given)
            return hold

        async def held(client: AsyncClient) -> Any:
            async with client.holding(request, **options) as hold:
                seen.append(hold)
                for what, given in body:
                    done = _do(hold, what, given)
                    if done is not None:
                        await done
            return hold

        return asyncio.run(self._with(held))

    async def _with(self, act: Callable[[AsyncClient], Awaitable[Any]]) -> Any:
        time = self.time

        async def sleep(millis: int) -> None:
            assert time is not None
            time.sleep(millis)

        options = self.options | ({} if time is None else {"now": time.now, "sleep": sleep, "jitter": lambda most: 0})
        transport = None if self.transport is None else Awaited(self.transport)
        async with AsyncClient(self.url, self.key, transport=transport, **options) as client:
            return await act(client)

    def _threads(self) -> Client:
        time = self.time
        timed: Mapping[str, Any] = (
            {} if time is None else {"now": time.now, "sleep": time.sleep, "jitter": lambda most: 0}
        )
        return Client(self.url, self.key, transport=self.transport, **self.options, **timed)


def _do(hold: Any, what: str, given: Any) -> Any:
    if what == "raise":
        raise given
    if what == "call":
        given()
        return None
    if what in ("use", "total"):
        return getattr(hold, what)(**given)
    return getattr(hold, what)()
