"""How a call goes, without doing it: a script gives steps to whoever runs it and is given what came of them.

Everything that is decided between two steps is decided here, once, for threads and for asyncio alike; who runs a script only
sends, waits, looks at the clock and writes into a journal. A script that is not run on has done nothing that it has not
given out as a step before.
"""

from __future__ import annotations

from collections.abc import Generator
from itertools import count
from typing import TypeVar

from overspill.client.calls import Call
from overspill.client.entries import Entry
from overspill.client.failures import ServiceFailure
from overspill.client.patience import Jitter, Patience, wait_before
from overspill.client.replies import Again, Done, Lost, Refused, Reply, meaning
from overspill.words.codec import Light

T = TypeVar("T")


class Send(Light, frozen=True):
    """Send the call and wait `within` milliseconds for its reply: gives Reply or Lost."""

    call: Call
    within: int


class Wait(Light, frozen=True):
    """Wait so many milliseconds: gives nothing."""

    millis: int


class Now(Light, frozen=True):
    """Gives the instant in milliseconds, since whenever, never backwards."""


class Keep(Light, frozen=True):
    """Write the entry into the journal, where there is one; `durable`: it is on the disk before anything else is done."""

    entry: Entry
    durable: bool


Step = Send | Wait | Now | Keep
Came = Reply | Lost | int | None
"""Of a step: a reply or none, an instant, nothing."""
Script = Generator[Step, Came, T]


class Ways(Light, frozen=True):
    """How patient, and by what chance; `once`: whatever comes of it, it is not asked again."""

    patience: Patience
    jitter: Jitter
    once: bool = False


def now() -> Script[int]:
    came = yield Now()
    assert isinstance(came, int)
    return came


def sent(call: Call, within: int) -> Script[Reply | Lost]:
    came = yield Send(call, within)
    assert isinstance(came, (Reply, Lost))
    return came


def asked(call: Call, ways: Ways, until: int | None = None) -> Script[Reply]:
    """The service's answer to a call, asked again as long as patience lasts, or up to the instant `until`. Raises
    ServiceFailure, which says whether the call may have been done."""
    patience = ways.patience
    start = yield from now()
    end = start + patience.total if until is None else until
    unknown = False
    left = end - start
    for attempt in count(1):
        within = max(min(patience.attempt, left), 1)
        means = meaning(call, (yield from sent(call, within)))
        if isinstance(means, Done):
            return means.reply
        if isinstance(means, Refused):
            means.failure.unknown = unknown and not means.failure.settled
            raise means.failure
        unknown = unknown or means.taken
        left = yield from _waited(means, attempt, end, ways, unknown)
    raise AssertionError("patience ends")


def _waited(means: Again, attempt: int, end: int, ways: Ways, unknown: bool) -> Script[int]:
    """Milliseconds that are left behind the wait. Raises the failure where there is no time for another attempt."""
    at = yield from now()
    wait = None if ways.once else wait_before(ways.patience, attempt, means.after, end - at, ways.jitter)
    if wait is None:
        raise given_up(means.failure, unknown)
    yield Wait(wait)
    at = yield from now()
    if at >= end:
        raise given_up(means.failure, unknown)
    return end - at


def given_up(failure: ServiceFailure, unknown: bool) -> ServiceFailure:
    """What patience ends with."""
    failure.away, failure.unknown = True, unknown
    return failure
