"""A hold as this process knows it, and the scripts of its life: begun, booked in parts, ended, or found by who comes after.

What is used is captured, never guessed: as long as the outcome of a capture is unknown it is asked again with the same key, and
what follows it waits. Released is a hold of which nothing was used, and only when the service has said that it is one. What can
be told neither way is left to time out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Literal

from overspill.client import calls
from overspill.client.answers import Answer, IfAway, receipt
from overspill.client.asking import decision_of
from overspill.client.entries import Asked, Booked, Ended, Held, How, Left, Releasing, Used
from overspill.client.failures import ServiceFailure
from overspill.client.script import Keep, Script, Ways, asked, now
from overspill.records.answers import Receipt
from overspill.records.request import Request
from overspill.words.codec import Raw, Struct, replace
from overspill.words.failures import Failure

Outcome = Literal["open", "pending"] | How
"""`pending`: what was used is not known to be booked; the journal has it, and who recovers goes on."""


class Work:
    """What is counted and known of one hold. No I/O here; one thread or task at a time."""

    def __init__(self, of: str, id: str, request: bytes, meters: Iterable[str] = ()) -> None:
        self.of, self.id, self.request = of, id, request
        self.meters = tuple(meters)
        """Those of the estimate: each capture has them all."""
        self.answer: Answer | None = None
        self.hold: str | None = None
        self.used: dict[str, int] = {}
        """Since the last capture."""
        self.taken: dict[str, int] = {}
        """In captures, booked or not."""
        self.said = False
        """Whether anybody has told what was used, be it nothing."""
        self.captures: deque[Used] = deque()
        """Those that are not known to be booked, in their order."""
        self.refused: list[Used] = []
        """Those that the service has refused for good: `refusal` is the first one's."""
        self.refusal: ServiceFailure | None = None
        self.is_written = True
        """Whether the journal, where there is one, has every capture."""
        self.number = 0
        self.extensions = 0
        self.receipts: list[Receipt] = []
        self.outcome: Outcome = "open"

    @classmethod
    def of_request(cls, request: Request) -> Work:
        """Raises Failure for a request that cannot be asked."""
        call = calls.decision("reserve", request)
        of = f"{calls.owner_of(request.account)}/{request.id}"
        return cls(of, call.key, calls.request_json(request), request.meters)

    @classmethod
    def of_left(cls, left: Left) -> Work:
        """One that another process has left."""
        work = cls(left.of, left.id, left.request)
        work.hold = left.hold
        work.captures = deque(left.captures)
        return work

    @property
    def admitted(self) -> bool:
        """Whether anything may be used: by a hold, or open for want of a service."""
        answer = self.answer
        return answer is not None and answer.allowed and (self.hold is not None or answer.source == "failed_open")

    def use(self, meters: Mapping[str, int]) -> None:
        """Counts what was used. Raises Failure for what is no count, and where nothing may be used."""
        self._expect_open()
        for name, amount in meters.items():
            _expect_count(name, amount)
        self.said = True
        for name, amount in meters.items():
            self.used[name] = self.used.get(name, 0) + amount

    def total(self, meters: Mapping[str, int]) -> None:
        """Counts these as all that was used of their meters, in the place of what was counted so far. What is captured
        already stays: where that is more, nothing is added."""
        self._expect_open()
        for name, amount in meters.items():
            _expect_count(name, amount)
        self.said = True
        for name, amount in meters.items():
            self.used[name] = max(amount - self.taken.get(name, 0), 0)

    def _expect_open(self) -> None:
        if not self.admitted or self.outcome != "open":
            what = "nothing is held, so nothing can be used" if self.outcome == "open" else "the hold is over"
            raise Failure("not_held", what, help="look at `allowed` first, and count before the hold ends")

    @property
    def anything(self) -> bool:
        """Whether something was used that no capture has."""
        return any(self.used.values())

    def take(self, final: bool) -> Used:
        """The next capture: all that was used since the last one."""
        self.number += 1
        meters = {name: self.used.get(name, 0) for name in {**dict.fromkeys(self.meters), **self.used}}
        for name, amount in meters.items():
            self.taken[name] = self.taken.get(name, 0) + amount
        self.used = {}
        one = Used(of=self.of, number=self.number, meters=meters, final=final)
        self.captures.append(one)
        return one


def _expect_count(name: str, amount: object) -> None:
    if type(amount) is not int or amount < 0:
        what = f"`{name}` is {amount!r}, which is no count"
        raise Failure("invalid_meter", what, help="give a whole number, 0 or more", pointer=f"/meters/{name}")


# ---- its life


def begun(work: Work, ways: Ways, if_away: IfAway) -> Script[None]:
    """Asks for the hold, once it is written down that it is asked for. Raises ServiceFailure, and Failure of the journal:
    then nothing was asked."""
    yield Keep(Asked(of=work.of, id=work.id, request=Raw(work.request)), True)
    call = calls.decision_again("reserve", work.id, work.request)
    try:
        work.answer = yield from decision_of(call, ways, if_away)
    except ServiceFailure as failure:
        yield from ended(work, "refused" if failure.settled else "left")
        raise
    if work.answer.source == "failed_closed":
        yield from ended(work, "left")
    elif work.answer.hold is not None:
        work.hold = work.answer.hold.id
        yield Keep(Held(of=work.of, hold=work.hold), False)
    elif work.answer.source == "decided":
        yield from ended(work, "denied")


def ended(work: Work, how: How) -> Script[None]:
    work.outcome = how
    yield Keep(Ended(of=work.of, how=how), False)


def booked(work: Work, ways: Ways) -> Script[None]:
    """Every capture that is not known to be booked, in order, all within one patience; one that is refused for good keeps
    those behind it from nothing. Raises ServiceFailure at the first that is still unknown, or behind all for the first that
    was refused."""
    end = (yield from now()) + ways.patience.total
    refusal: ServiceFailure | None = None
    while work.captures:
        hold = work.hold or (yield from _found(work, ways, end))
        one = work.captures[0]
        call = calls.capture(hold, one.meters, str(one.number), one.final)
        try:
            work.receipts.append(receipt((yield from asked(call, ways, end))))
        except ServiceFailure as failure:
            if not failure.settled:
                raise
            refusal = refusal or failure
            work.refused.append(work.captures.popleft())
            continue
        work.captures.popleft()
        yield Keep(Booked(of=work.of, number=one.number), False)
    work.refusal = work.refusal or refusal
    if refusal is not None:
        raise refusal


def _found(work: Work, ways: Ways, end: int) -> Script[str]:
    """The hold of work that was admitted without the service: asked for by the key that it was asked for with first. Raises
    ServiceFailure where it is denied now, for then what was used can be booked nowhere."""
    call = calls.decision_again("reserve", work.id, work.request)
    answer = yield from decision_of(call, ways, "raise", end)
    if answer.hold is None:
        what = f"{work.of} was admitted while the service was away, which denies it now"
        raise ServiceFailure("unbooked", what, help="grant what it used and record it as a new request", settled=True)
    work.hold = answer.hold.id
    yield Keep(Held(of=work.of, hold=work.hold), False)
    return work.hold


def part(work: Work, ways: Ways, within: int | None) -> Script[bool]:
    """Captures what was used so far, and leaves the hold open; asked once, for so many milliseconds at most. What is not
    answered is asked again with the next part. Whether all is booked. Raises ServiceFailure for what is refused."""
    if work.anything:
        yield from _taken(work, final=False)
    try:
        yield from booked(work, _once(ways, within))
    except ServiceFailure as failure:
        if not failure.away:
            raise
    return not work.captures


def extended(work: Work, ways: Ways, within: int | None) -> Script[None]:
    """Lets the hold last as long again from now; asked once. Raises ServiceFailure."""
    if work.hold is None:
        return
    work.extensions += 1
    yield from asked(calls.extend(work.hold, f"x{work.extensions}"), _once(ways, within))


def _once(ways: Ways, within: int | None) -> Ways:
    patience = ways.patience
    attempt = patience.attempt if within is None else min(within, patience.attempt)
    return Ways(replace(patience, attempt=attempt), ways.jitter, once=True)


def over(work: Work, ways: Ways) -> Script[None]:
    """The end: what was used is captured; of what nothing was used is released. Raises ServiceFailure where what was used is
    not booked, and Failure of a journal that could not write it down, though it is booked."""
    if work.outcome != "open":
        return
    if not (work.number or work.anything):
        yield from _unused(work, ways)
        return
    try:
        yield from _taken(work, final=True)
    except Failure:
        yield from captured(work, ways)
        raise
    yield from captured(work, ways)


def _taken(work: Work, final: bool) -> Script[None]:
    """Raises Failure of the journal; the capture is to be booked all the same."""
    try:
        yield Keep(work.take(final), True)
    except Failure:
        work.is_written = False
        raise


def captured(work: Work, ways: Ways) -> Script[None]:
    """Books what is to be booked, and says how that ended. Raises ServiceFailure."""
    failure = yield from _settled(work, ways)
    if failure is not None:
        raise failure
    yield from ended(work, "captured")


def _settled(work: Work, ways: Ways) -> Script[ServiceFailure | None]:
    """Books what is to be booked: why not all of it is, and the outcome says whether it ever will be."""
    try:
        yield from booked(work, ways)
    except ServiceFailure as failure:
        if not failure.settled:
            work.outcome = "pending"
            return failure
        work.refusal = work.refusal or failure
    if work.refusal is not None:
        yield from ended(work, "unbooked")
    return work.refusal


def _unused(work: Work, ways: Ways) -> Script[None]:
    if work.hold is None:
        yield from ended(work, "unused")
        return
    yield Keep(Releasing(of=work.of), False)
    yield from released(work, ways)


def released(work: Work, ways: Ways) -> Script[ServiceFailure | None]:
    """What is held goes back, or times out by itself: that it does not go back now harms nobody, and is raised to nobody."""
    assert work.hold is not None
    try:
        yield from asked(calls.release(work.hold, calls.ONLY), ways)
    except ServiceFailure as failure:
        if not failure.settled:
            work.outcome = "pending"
            return failure
        yield from ended(work, "left")
        return None
    yield from ended(work, "released")
    return None


# ---- what was left


class Resolved(Struct, frozen=True, kw_only=True):
    """What became of a hold that was left. `pending`: the service could not be asked, and it is still to be resolved; `unbooked`:
    `meters` were used and can no longer be booked, and `failure` says why."""

    of: str
    hold: str | None
    outcome: Outcome
    meters: tuple[Mapping[str, int], ...] = ()
    receipts: tuple[Receipt, ...] = ()
    failure: Failure | None = None


def resolved(left: Iterable[Left], ways: Ways) -> Script[list[Resolved]]:
    """Goes on with each hold where its process ended: captures, and releases, that it had begun are asked again with their own
    keys. What was only asked for is not asked for again; if the service has it, it times out. Nothing is invented."""
    found = []
    away: ServiceFailure | None = None
    for one in left:
        work = Work.of_left(one)
        if away is None:
            away = failure = yield from _resolved(work, one, ways)
            away = failure if failure is not None and failure.away else None
        else:
            work.outcome, failure = "pending", away
        found.append(
            Resolved(
                of=work.of,
                hold=work.hold,
                outcome=work.outcome,
                meters=tuple([one.meters for one in (*work.refused, *work.captures)]),
                receipts=tuple(work.receipts),
                failure=failure,
            )
        )
    return found


def _resolved(work: Work, left: Left, ways: Ways) -> Script[ServiceFailure | None]:
    if left.releasing and work.hold is not None:
        return (yield from released(work, ways))
    failure = yield from _settled(work, ways)
    if failure is not None:
        return failure
    yield from ended(work, "captured" if left.final else "left")
    return None
