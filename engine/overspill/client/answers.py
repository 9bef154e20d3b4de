"""What a caller sees of an answer: a decision, or what stands for one while the service cannot be asked, and always which."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Literal, TypeVar

from overspill.client.failures import ServiceFailure
from overspill.client.replies import Reply
from overspill.records.answers import Decision, HeldUntil, Offer, Reason, Receipt
from overspill.records.written import Written
from overspill.words.codec import JsonFault, Light, json_decoder
from overspill.words.failures import Failure

T = TypeVar("T")
IfAway = Literal["raise", "allow", "deny"]
"""What is answered while the service cannot be asked: nothing, or what the caller has chosen."""
Source = Literal["decided", "failed_open", "failed_closed"]
REPLAYED = "idempotency-replayed"


class Seen(Light, frozen=True, kw_only=True):
    """What a caller mostly looks at. A trace is passed over unread: a newer service may know steps that we do not."""

    decision: str
    at: str
    outcome: Literal["allow", "partial", "deny"]
    requested: str
    granted: str
    unit: str
    reason: Reason | None = None
    offers: tuple[Offer, ...] = ()
    retry_at: str | None = None
    hold: HeldUntil | None = None


_seen = json_decoder(Seen).decode


class Answer:
    """How much is allowed. `source` says who says so: `decided` by the service, or `failed_open`, `failed_closed` by this
    caller's own choice, because the service could not be asked: then `failure` says why, and there is no decision.

    `json` are the decision's exact bytes; `replayed` says that they had been given before.
    """

    def __init__(
        self, json: bytes | None, *, replayed: bool = False, source: Source, failure: ServiceFailure | None = None
    ) -> None:
        self.json = json
        self.seen = None if json is None else readable(_seen, json)
        """What is mostly looked at, typed; None without a decision."""
        self.replayed = replayed
        self.source: Source = source
        self.failure = failure

    @cached_property
    def decision(self) -> Decision:
        """All of it, with draws and trace. Raises the failure where there is none, and ServiceFailure `unreadable` for a trace
        with a step that this client does not know."""
        if self.json is None:
            raise self.failure or Failure("no_decision", "there is no decision")
        found = Decision(Written(self.json), self.replayed)
        readable(lambda _: found.record, self.json)
        return found

    @property
    def outcome(self) -> Literal["allow", "partial", "deny"]:
        if self.seen is not None:
            return self.seen.outcome
        return "allow" if self.source == "failed_open" else "deny"

    @property
    def allowed(self) -> bool:
        """Whether anything was granted; without a decision, what the caller has chosen."""
        return self.outcome != "deny"

    @property
    def granted(self) -> str:
        """`0` without a decision: nobody has said that anything was drawn; `failure.unknown` says whether it may have been."""
        return "0" if self.seen is None else self.seen.granted

    @property
    def hold(self) -> HeldUntil | None:
        """For a reservation: what captures and a release name."""
        return None if self.seen is None else self.seen.hold

    @property
    def reason(self) -> Reason | None:
        return None if self.seen is None else self.seen.reason

    @property
    def offers(self) -> tuple[Offer, ...]:
        return () if self.seen is None else self.seen.offers

    @property
    def retry_at(self) -> str | None:
        return None if self.seen is None else self.seen.retry_at

    def __repr__(self) -> str:
        if self.seen is None:
            return f"<Answer {self.source}: {self.failure}>"
        return f"<Answer {self.seen.decision} {self.seen.outcome} {self.granted} of {self.seen.requested} {self.seen.unit}>"


def readable(decode: Callable[[bytes], T], body: bytes) -> T:
    """What an answer says. Raises ServiceFailure for what is none, though it was said to be one."""
    try:
        return decode(body)
    except JsonFault as fault:
        what = f"the service's answer cannot be read: {fault}"
        failure = ServiceFailure("unreadable", what, help="see that client and service are of one version", status=200)
        failure.unknown = True
        raise failure from None


def decided(reply: Reply) -> Answer:
    return Answer(reply.body, replayed=_is_replayed(reply), source="decided")


def failed(failure: ServiceFailure, if_away: IfAway) -> Answer:
    """What stands for an answer of a service that is away. Raises the failure where nothing does, and any other."""
    if not failure.away or if_away == "raise":
        raise failure
    return Answer(None, source="failed_open" if if_away == "allow" else "failed_closed", failure=failure)


def receipt(reply: Reply) -> Receipt:
    return Receipt(Written(reply.body), _is_replayed(reply))


def _is_replayed(reply: Reply) -> bool:
    return reply.headers.get(REPLAYED) == "true"
