"""The client for threads: the standard library alone."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from copy import copy
from types import TracebackType
from typing import Protocol, TypeVar, assert_never

from overspill.client import asking, calls, work
from overspill.client.answers import Answer, IfAway
from overspill.client.calls import Account, Call
from overspill.client.changes import Changes
from overspill.client.failures import ServiceFailure
from overspill.client.hold import HoldView, expect_journal
from overspill.client.journal import HoldJournal
from overspill.client.pace import jitter, monotonic_ms, sleep_ms
from overspill.client.patience import Jitter, Patience
from overspill.client.pool import Pool
from overspill.client.replies import Lost, Reply
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


class Transport(Protocol):
    """Sends one call once."""

    def send(self, call: Call, within: int) -> Reply | Lost:
        """Within so many milliseconds."""

    def close(self) -> None: ...


class Client(Changes[Receipt]):
    """Asks a service; may be used from many threads at once.

    `key` is the credential. Each call is bounded by `patience` and asked again with its key as long as that lasts; `if_away`
    is what decisions answer when the service cannot be asked then: `raise` a ServiceFailure, or `allow`, or `deny`, which the
    answer's `source` says. Everything else raises. `now`, `sleep` and `jitter` are of milliseconds; `transport` stands for
    connections of another kind.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        patience: Patience | None = None,
        if_away: IfAway = "raise",
        tls: ssl.SSLContext | None = None,
        transport: Transport | None = None,
        now: Callable[[], int] = monotonic_ms,
        sleep: Callable[[int], None] = sleep_ms,
        jitter: Jitter = jitter,
    ) -> None:
        asking.expect_if_away(if_away)
        place, credential = calls.place_of(url), calls.checked_credential(key)
        self._transport = transport or Pool(place, credential, now, tls=tls)
        self._ways = Ways(patience or Patience(), jitter)
        self._if_away: IfAway = if_away
        self._now, self._sleep = now, sleep
        self._trace: Trace = {}

    def with_patience(self, patience: Patience) -> Client:
        """The same client, more or less patient; it shares the connections, and is closed with the first."""
        one = copy(self)
        one._ways = Ways(patience, self._ways.jitter)
        return one

    def with_traceparent(self, traceparent: str, tracestate: str = "") -> Client:
        """The same client for what is asked on behalf of a call that came with these fields (W3C Trace Context), which are
        passed on; without them those of OpenTelemetry's current span are. What is no `traceparent` is left out."""
        one = copy(self)
        one._trace = trace_of(traceparent, tracestate)
        return one

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._transport.close()

    # ---- decisions

    def decide(self, request: Request, *, if_away: IfAway | None = None) -> Answer:
        """Decides a request and consumes what it grants. The same id again gives the same answer."""
        return self._run(asking.decision("consume", request, self._ways, self._chosen(if_away)))

    def preview(self, request: Request, *, if_away: IfAway | None = None) -> Answer:
        """The decision that `decide` would make now, without effect."""
        return self._run(asking.decision("preview", request, self._ways, self._chosen(if_away)))

    def reserve(self, request: Request, *, if_away: IfAway | None = None) -> Answer:
        """Decides an estimate and holds what it grants; `hold` names it for captures and a release. `holding` does all three."""
        return self._run(asking.decision("reserve", request, self._ways, self._chosen(if_away)))

    def decide_all(
        self, requests: Sequence[Request], *, if_away: IfAway | None = None
    ) -> list[Answer | ServiceFailure]:
        """`decide` for many in one call, in order; each has its answer or its failure."""
        return self._run(asking.decisions("consume", requests, self._ways, self._chosen(if_away)))

    def preview_all(
        self, requests: Sequence[Request], *, if_away: IfAway | None = None
    ) -> list[Answer | ServiceFailure]:
        """`preview` for many."""
        return self._run(asking.decisions("preview", requests, self._ways, self._chosen(if_away)))

    def reserve_all(
        self, requests: Sequence[Request], *, if_away: IfAway | None = None
    ) -> list[Answer | ServiceFailure]:
        """`reserve` for many."""
        return self._run(asking.decisions("reserve", requests, self._ways, self._chosen(if_away)))

    def decision(self, id: str) -> Explanation:
        """A decision with its trace, and what it had to choose from; so for a hold, a capture, a grant."""
        return self._run(asking.shown(id, self._ways))

    def explanation(self, id: str) -> str:
        """Why, in sentences."""
        return self._run(asking.explained(id, self._ways))

    # ---- holds

    def holding(self, request: Request, *, journal: HoldJournal | None = None, if_away: IfAway | None = None) -> Hold:
        """A hold for the length of a `with` block: reserved before, captured behind it with what was counted in it.

        With a journal each step is written down before it is done, so that nothing is lost with the process; one is needed
        to go on (`allow`) while the service is away.
        """
        chosen = self._chosen(if_away)
        expect_journal(journal, chosen)
        return Hold(self, Work.of_request(request), journal, chosen)

    def recover(self, journal: HoldJournal) -> list[Resolved]:
        """Resolves what was left in a journal by a process that died, or while the service was away; call it at the start, and
        now and then. Captures are asked again with their own keys; what was only asked for is left to time out."""
        return self._run(work.resolved(journal.left(), self._ways), journal)

    # ---- accounts

    def status(self, account: Account) -> Status:
        """How an account stands, as a decision would meet it now; `account` names one of each kind."""
        return self._run(asking.status(account, self._ways))

    def statement(self, account: Account, *, since: str | None = None, as_of: str | None = None) -> Statement:
        """Every entry of an account with its decision, from `since` up to `as_of` (RFC 3339 in UTC)."""
        return self._run(asking.statement(account, since, as_of, self._ways))

    def open_purchases(self) -> tuple[PurchaseShown, ...]:
        """The purchases that wait for a payment, the oldest first."""
        return self._run(asking.purchases(self._ways))

    # ---- running

    def _changed(self, call: Call) -> Receipt:
        return self._run(asking.changed(call, self._ways))

    def _chosen(self, if_away: IfAway | None) -> IfAway:
        asking.expect_if_away(if_away or self._if_away)
        return if_away or self._if_away

    def _run(self, script: Script[T], journal: HoldJournal | None = None) -> T:
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
                came = self._do(step, journal)
            except Failure as failure:  # of the journal
                error = failure

    def _do(self, step: Step, journal: HoldJournal | None) -> Came:
        match step:
            case Send():
                return self._transport.send(traced(step.call, self._trace), step.within)
            case Wait():
                self._sleep(step.millis)
            case Now():
                return self._now()
            case Keep():
                if journal is not None:
                    journal.append(step.entry, step.durable)
            case _:
                assert_never(step)
        return None


class Hold(HoldView):
    """A hold within a `with` block: see `Client.holding`, and `HoldView` for what it tells and counts."""

    def __init__(self, client: Client, work: Work, journal: HoldJournal | None, if_away: IfAway) -> None:
        super().__init__(work, journal)
        self._client, self._if_away = client, if_away

    def __enter__(self) -> Hold:
        with self._if_it_fails():
            self._run(work.begun(self._work, self._client._ways, self._if_away))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._at_the_end(error):
            self._run(work.over(self._work, self._client._ways))

    def capture(self, *, within: int | None = None) -> bool:
        """Books what was used so far, as a part: whether all of it is booked. What is not goes with the next part, or at the
        end. Asked once, for `within` milliseconds or a whole attempt; raises ServiceFailure for what is refused."""
        return self._run(work.part(self._work, self._client._ways, within))

    def extend(self, *, within: int | None = None) -> None:
        """Lets the hold last as long again from now. Asked once, as a part is; raises ServiceFailure."""
        self._run(work.extended(self._work, self._client._ways, within))

    def _run(self, script: Script[T]) -> T:
        return self._client._run(script, self._journal)
