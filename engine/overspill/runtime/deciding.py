"""What is asked of an engine most: requests, one or many, for threads, for tasks of asyncio and for callbacks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from overspill.records.answers import Decision
from overspill.records.request import Request
from overspill.runtime.combiner import Combiner
from overspill.runtime.heard import Heard, HeardAlone, Hears, decision_of, outcome_of
from overspill.runtime.waiting import Waiting
from overspill.step.commands import Command, Consume, Preview, Reserve
from overspill.step.keys import Asking, asked, identified_all
from overspill.words.failures import Failure
from overspill.words.typed import expect

if TYPE_CHECKING:
    from asyncio import Future

    from overspill.runtime.aio import AsyncFront


class Deciding:
    """The part of `Engine` that decides. All of it raises Failure."""

    _tenant: str
    _combiner: Combiner
    _front: AsyncFront | None

    @abstractmethod
    def _run(self, command: Command) -> Waiting:
        """Runs a command."""

    @abstractmethod
    def _opened_front(self) -> AsyncFront:
        """The front that loops submit to."""

    def decide(self, request: Request) -> Decision:
        """Decides a request and consumes what it grants, durably. The same id again gives the same bytes."""
        return decision_of(self._run(Consume(tenant=self._tenant, request=request)))

    def preview(self, request: Request) -> Decision:
        """The decision that `decide` would make now, without effect."""
        return decision_of(self._run(Preview(tenant=self._tenant, request=request)))

    def reserve(self, request: Request) -> Decision:
        """Decides an estimate and holds what it grants; `hold` names it for captures and a release."""
        return decision_of(self._run(Reserve(tenant=self._tenant, request=request)))

    def decide_all(self, requests: Sequence[Request]) -> list[Decision | Failure]:
        """`decide` for many, in order, in as few commits as they fit into; each has its decision or its failure."""
        return self._run_all(Consume, requests)

    def preview_all(self, requests: Sequence[Request]) -> list[Decision | Failure]:
        """`preview` for many."""
        return self._run_all(Preview, requests)

    def reserve_all(self, requests: Sequence[Request]) -> list[Decision | Failure]:
        """`reserve` for many."""
        return self._run_all(Reserve, requests)

    async def adecide(self, request: Request) -> Decision:
        """`decide` for asyncio: many waiting tasks share one commit."""
        waiting, done = self._begun(Consume, request)
        await done
        return decision_of(waiting)

    async def areserve(self, request: Request) -> Decision:
        """`reserve` for asyncio."""
        waiting, done = self._begun(Reserve, request)
        await done
        return decision_of(waiting)

    async def apreview(self, request: Request) -> Decision:
        """`preview` for asyncio."""
        waiting, done = self._begun(Preview, request)
        await done
        return decision_of(waiting)

    async def adecide_all(self, requests: Sequence[Request]) -> list[Decision | Failure]:
        """`decide_all` for asyncio."""
        return await self._await_all(Consume, requests)

    async def areserve_all(self, requests: Sequence[Request]) -> list[Decision | Failure]:
        """`reserve_all` for asyncio."""
        return await self._await_all(Reserve, requests)

    async def apreview_all(self, requests: Sequence[Request]) -> list[Decision | Failure]:
        """`preview_all` for asyncio."""
        return await self._await_all(Preview, requests)

    def soon(self, kind: Asking, request: Request, hears: Hears) -> None:
        """`decide` and its like for who has a loop and no task of his own: `hears` learns in the running loop what became of it."""
        waiting = Waiting(asked(kind, self._tenant, request))
        (self._front or self._opened_front()).submit((waiting,), HeardAlone(waiting, hears))

    def soon_all(self, kind: Asking, requests: Sequence[Request], hears: Hears) -> None:
        """`soon` for many."""
        found = self._asked(kind, requests)
        heard = Heard(found, hears)
        if commands := [one for one in found if isinstance(one, Waiting)]:
            (self._front or self._opened_front()).submit(commands, heard)
        else:
            heard.answer()

    # ---- how

    def _begun(self, kind: Asking, request: Request) -> tuple[Waiting, Future[None]]:
        """For who awaits; no coroutine of its own, which each decision would pay for."""
        waiting = Waiting(asked(kind, self._tenant, request))
        return waiting, (self._front or self._opened_front()).decided((waiting,))

    def _run_all(self, kind: Asking, requests: Sequence[Request]) -> list[Decision | Failure]:
        found = self._asked(kind, requests)
        self._combiner.run_all([waiting for waiting in found if isinstance(waiting, Waiting)])
        return list(map(outcome_of, found))

    async def _await_all(self, kind: Asking, requests: Sequence[Request]) -> list[Decision | Failure]:
        found = self._asked(kind, requests)
        if commands := [waiting for waiting in found if isinstance(waiting, Waiting)]:
            await (self._front or self._opened_front()).decided(commands)
        return list(map(outcome_of, found))

    def _asked(self, kind: Asking, requests: Sequence[Request]) -> list[Waiting | Failure]:
        """Each as a command, or what is wrong with it."""
        if isinstance(requests, str) or not isinstance(requests, Iterable):
            expect(requests, tuple[Request, ...], "/requests")
        found = identified_all(kind, self._tenant, list(requests))
        return [one if isinstance(one, Failure) else Waiting(one) for one in found]
