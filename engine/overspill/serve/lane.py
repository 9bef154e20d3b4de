"""A lane of its own for what is asked most: decisions, one or many, in plain form, of a caller who is known already. Whatever
else there is about a call, the application looks into.

Both ways give the same bytes: what is read, decided and replied are the same functions.
"""

from __future__ import annotations

from asyncio import get_running_loop
from collections.abc import Callable, Sequence
from time import perf_counter_ns, time_ns
from typing import TYPE_CHECKING, Any, Protocol

from overspill.records.answers import Decision
from overspill.runtime.heard import Outcomes
from overspill.serve.app import App, problem_reply
from overspill.serve.asked import Asked, plain_from
from overspill.serve.call import Method, Reply
from overspill.serve.credentials import Caller
from overspill.serve.deciding import KINDS, expect_room, note
from overspill.serve.decisions import reply_of, reply_of_all
from overspill.serve.heads import Headers, is_json, key_of
from overspill.serve.problems import told
from overspill.words.codec import Light, Struct
from overspill.words.failures import Failure

if TYPE_CHECKING:
    from overspill.runtime.engine import Engine

METHOD: Method = "POST"
PATH = "/v1/decisions"
SCOPE = "decide"
Answer = Callable[[Reply, str], object]
"""Takes the reply, and the id of the call."""


class Known(Light, frozen=True):
    """Whose credential a connection has brought last, and until when that is believed (`perf_counter`, nanoseconds)."""

    authorization: bytes
    caller: Caller
    until: int


class Connection(Protocol):
    """What a connection remembers from one call to the next."""

    known: Known | None


class Lane:
    """In front of an application."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.operation = app.direct(METHOD, PATH)

    def takes(
        self, connection: Connection, headers: Headers, body: bytes, answer: Answer, key: str | None = None
    ) -> bool:
        """Whether the call is answered here, now or in a later turn of the loop. Else nothing has happened yet. `key` is the
        Idempotency-Key in `headers`, where that has been read."""
        began, ticks = time_ns(), perf_counter_ns()
        try:
            known = connection.known
            if known is None or known.authorization != headers.get(b"authorization") or known.until < ticks:
                known = connection.known = self._known(headers, ticks)
            if known is None or SCOPE not in known.caller.scopes or not is_json(headers):
                return False
            if key is None:
                key = key_of(self.operation, headers)
            service = self.app.service
            asked = plain_from(body, key, service.limits.batch)
            engine = service.engine_of(known.caller.tenant)
        except Failure:
            return False
        if asked is None:
            return False
        id = self.app.request_ids.of(headers)
        _Call(self, known.caller, engine, headers, answer, began, ticks, id, asked, key).ask()
        return True

    def _known(self, headers: Headers, ticks: int) -> Known | None:
        remembered = self.app.remembered(headers)
        if remembered is None:
            return None
        return Known(headers[b"authorization"], remembered.caller, ticks + remembered.micros * 1000)


class _Call(Struct, eq=False):
    """One that the lane takes, from its head to its answer."""

    lane: Lane
    caller: Caller
    engine: Engine
    headers: Headers
    send: Answer
    began: int
    ticks: int
    id: str
    asked: Asked
    key: str
    ready: tuple[Outcomes, Reply] | None = None
    """What is expected, and the reply to it."""

    def ask(self) -> None:
        service, tenant, asked = self.lane.app.service, self.caller.tenant, self.asked
        try:
            service.admit(tenant)
        except Failure as failure:
            if wait := service.refused(tenant):
                get_running_loop().call_later(wait, self._refuse, failure)
            else:
                self._refuse(failure)
            return
        try:
            if self.key:
                service.begin((tenant, PATH, self.key))
        except Failure as failure:
            service.leave(tenant)
            self._refuse(failure)
            return
        try:
            requests: Sequence[Any] = asked.requests  # no failures: what is plain is as it should be
            if asked.mode == "reserve":
                expect_room(service, asked.mode, tenant, len(requests))
            if asked.is_batch:
                self.engine.soon_all(KINDS[asked.mode], requests, self)
            else:
                self.engine.soon(KINDS[asked.mode], requests[0], self)
        except Exception as error:
            self._end()
            self._refuse(error)

    def expect(self, outcomes: Sequence[Decision]) -> None:
        """Makes the reply ready (`runtime.heard.Hears`)."""
        self.ready = outcomes, self._reply_of(outcomes)

    def answer(self, outcomes: Outcomes) -> None:
        self._end()
        ready, mode = self.ready, self.asked.mode
        reply = ready[1] if ready is not None and ready[0] is outcomes else self._reply_of(outcomes)
        if mode == "reserve":
            try:
                note(self.lane.app.service, mode, self.caller.tenant, outcomes)
            except Exception as error:
                reply = self._problem(error)
        self._send(reply)

    def _end(self) -> None:
        service, tenant = self.lane.app.service, self.caller.tenant
        if self.key:
            service.end((tenant, PATH, self.key))
        service.leave(tenant)

    def _reply_of(self, outcomes: Outcomes) -> Reply:
        try:
            if self.asked.is_batch:
                return reply_of_all(self.asked, outcomes, self.id)
            [outcome] = outcomes
            if isinstance(outcome, Failure):
                return self._problem(outcome)
            return reply_of(outcome, self.engine)
        except Exception as error:
            return self._problem(error)

    def _problem(self, error: Exception) -> Reply:
        return problem_reply(told(error, self.id), self.id, self.lane.operation)

    def _refuse(self, error: Exception) -> None:
        self._send(self._problem(error))

    def _send(self, reply: Reply) -> None:
        self.send(reply, self.id)
        app = self.lane.app
        app.tell(self.lane.operation, self.caller, METHOD, self.headers, self.id, reply, self.began, self.ticks)
