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
Outcome = Decision | list[Decision | Failure] | Exception
"""What became of one, of many, or of the call."""


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
    answer: Answer
    began: int
    ticks: int
    id: str
    asked: Asked
    key: str

    def ask(self) -> None:
        service, tenant, asked = self.lane.app.service, self.caller.tenant, self.asked
        try:
            service.admit(tenant)
        except Failure as failure:
            if wait := service.refused(tenant):
                get_running_loop().call_later(wait, self._reply, failure)
            else:
                self._reply(failure)
            return
        try:
            if self.key:
                service.begin((tenant, PATH, self.key))
        except Failure as failure:
            service.leave(tenant)
            self._reply(failure)
            return
        try:
            requests: Sequence[Any] = asked.requests  # no failures: what is plain is as it should be
            if asked.mode == "reserve":
                expect_room(service, asked.mode, tenant, len(requests))
            if asked.is_batch:
                self.engine.soon_all(KINDS[asked.mode], requests, self._decided)
            else:
                self.engine.soon(KINDS[asked.mode], requests[0], self._decided)
        except Exception as error:
            self._decided(error)

    def _decided(self, outcome: Outcome) -> None:
        service, tenant = self.lane.app.service, self.caller.tenant
        if self.key:
            service.end((tenant, PATH, self.key))
        service.leave(tenant)
        self._reply(outcome)

    def _reply(self, outcome: Outcome) -> None:
        app, tenant, asked = self.lane.app, self.caller.tenant, self.asked
        try:
            if isinstance(outcome, Exception):
                raise outcome
            if isinstance(outcome, Decision):
                if asked.mode == "reserve":
                    note(app.service, asked.mode, tenant, (outcome,))
                reply = reply_of(outcome, self.engine)
            else:
                note(app.service, asked.mode, tenant, outcome)
                reply = reply_of_all(asked, outcome, self.id)
        except Exception as error:
            reply = problem_reply(told(error, self.id), self.id, self.lane.operation)
        self.answer(reply, self.id)
        app.tell(self.lane.operation, self.caller, METHOD, self.headers, self.id, reply, self.began, self.ticks)
