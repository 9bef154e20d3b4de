"""What came back, and what it means: it is done, it is refused, or it is to be asked again. Pure.

Refused for good is only what the service itself says in a problem of its own: under this key nothing was done, and nothing
will be. Whatever else is no answer (no reply at all, a gateway's page, a credential that is not good any more) leaves open
what became of the call, and whoever wants to know asks again with the same key.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from overspill.client.calls import Call
from overspill.client.failures import ServiceFailure
from overspill.words.codec import JsonFault, Light, json_decoder

PROBLEM = "application/problem+json"
BYTES_MAX = 32 << 20
"""Of a reply's body."""


class Reply(Light, frozen=True):
    """Headers by lower-case name; the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Lost(Light, frozen=True):
    """No reply. `code` is one of `LOST`; `taken`: the service may have had all of the call."""

    code: str
    taken: bool


class Done(Light, frozen=True):
    reply: Reply


class Refused(Light, frozen=True):
    failure: ServiceFailure


class Again(Light, frozen=True):
    """`after` is what the service asked for, in milliseconds; None: nothing. `taken`: it may have been done."""

    failure: ServiceFailure
    after: int | None
    taken: bool


Meaning = Done | Refused | Again

AGAIN = (408, 425, 429, 500, 502, 503, 504)
NOT_TAKEN = (425, 429)
SETTLES = (400, 404, 405, 409, 413, 415, 422)
UNDER_WAY = "in_flight"
LOST = {
    "unreachable": ("the service cannot be reached", "see whether it runs, and whether its URL is right"),
    "not_trusted": (
        "the service does not prove who it is by TLS",
        "give `tls`, a context that trusts who signs its certificate, and see that the URL has the name in it",
    ),
    "timed_out": ("the service has not answered in time", "ask again, with the same key"),
    "cut": ("the connection was cut before the answer had come", "ask again, with the same key"),
}


class Told(Light, frozen=True):
    pointer: str = ""


class Problem(Light, frozen=True):
    """What is read of a problem (RFC 9457)."""

    code: str
    detail: str
    status: int = 0
    help: str | None = None
    errors: tuple[Told, ...] = ()
    request_id: str | None = None


_problem = json_decoder(Problem).decode


def meaning(call: Call, got: Reply | Lost) -> Meaning:
    """What a call's reply, or its want of one, means."""
    if isinstance(got, Lost):
        what, help = LOST[got.code]
        return Again(ServiceFailure(got.code, what, help=help), None, got.taken)
    media = got.headers.get("content-type", "").partition(";")[0].strip().lower()
    if got.status == 200 and media == call.media:
        return Done(got)
    problem = _problem_of(got.body) if media == PROBLEM else None
    if problem is not None:
        return _told(problem, got)
    return _untold(got)


def of_problem(problem: Problem, after: int | None = None) -> Refused | Again:
    """What a problem says, whether it is a reply's or of one request in many."""
    again = problem.status in AGAIN or problem.code == UNDER_WAY
    failure = ServiceFailure(
        problem.code,
        problem.detail,
        help=problem.help,
        pointer=problem.errors[0].pointer.removeprefix("#") if problem.errors else None,
        status=problem.status,
        settled=not again and problem.status in SETTLES,
        retry_ms=after,
        request_id=problem.request_id,
    )
    return Again(failure, after, problem.status not in NOT_TAKEN) if again else Refused(failure)


def _told(problem: Problem, got: Reply) -> Refused | Again:
    told = Problem(problem.code, problem.detail, got.status, problem.help, problem.errors, problem.request_id)
    return of_problem(told, retry_after(got.headers))


def _untold(got: Reply) -> Refused | Again:
    """A reply that is none of the service's: of whatever stands between."""
    after = retry_after(got.headers)
    if got.status in AGAIN or got.status == 200:
        code = "unreadable" if got.status == 200 else "unavailable"
        what = f"there is no answer of the service in what came with status {got.status}"
        failure = ServiceFailure(
            code, what, help="see what stands between here and it", status=got.status, retry_ms=after
        )
        return Again(failure, after, got.status not in NOT_TAKEN)
    what = f"something refused with status {got.status} and did not say why"
    help = "see whether the URL is the service's, and what stands between here and it"
    return Refused(ServiceFailure("refused", what, help=help, status=got.status))


def _problem_of(body: bytes) -> Problem | None:
    try:
        return _problem(body)
    except JsonFault:
        return None


def retry_after(headers: Mapping[str, str]) -> int | None:
    """Milliseconds of `Retry-After` (RFC 9110, 10.2.3): seconds, or an instant beside the reply's own `Date`, so that no
    clock of this machine has a part in it."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return int(text[:9]) * 1000
    try:
        until, date = parsedate_to_datetime(text), parsedate_to_datetime(headers.get("date", ""))
        return max(int((until - date).total_seconds()), 0) * 1000
    except (TypeError, ValueError):
        return None
