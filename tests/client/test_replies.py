"""What a reply means, and when to ask again: tables."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill.client import Patience, calls
from overspill.client.patience import wait_before
from overspill.client.replies import Again, Done, Lost, Refused, Reply, meaning, retry_after
from overspill.serve.problems import problem_bytes, status_of
from overspill.serve.problems import retry_after as told_after
from overspill.words.failures import Failure, StoreFailure

CALL = calls.release("hold_a", "1")
TEXT = calls.explain("dec_a")
JSON = {"content-type": "application/json"}


def of_service(failure: Failure) -> Reply:
    """The service's own reply to a failure."""
    after = told_after(failure)
    headers = {"content-type": "application/problem+json"} | ({} if after is None else {"retry-after": str(after)})
    return Reply(status_of(failure), headers, problem_bytes(failure, "req_1"))


def page(status: int, **headers: str) -> Reply:
    """Somebody else's."""
    return Reply(status, {"content-type": "text/html", **headers}, b"<p>no</p>")


MEANS: dict[str, tuple[Reply | Lost, type, dict[str, Any]]] = {
    "an answer": (Reply(200, JSON, b"{}"), Done, {}),
    "an answer with its charset": (Reply(200, {"content-type": "Application/JSON; charset=utf-8"}, b"{}"), Done, {}),
    "nobody there": (Lost("unreachable", False), Again, {"code": "unreachable", "taken": False, "after": None}),
    "nothing in time": (Lost("timed_out", True), Again, {"code": "timed_out", "taken": True, "after": None}),
    "cut": (Lost("cut", True), Again, {"code": "cut", "taken": True, "after": None}),
    "busy": (
        of_service(Failure("busy", "as many as may be")),
        Again,
        {"code": "busy", "status": 503, "after": 1000, "taken": True},
    ),
    "a store that is away": (
        of_service(StoreFailure("unavailable", "away")),
        Again,
        {"code": "unavailable", "status": 503, "after": 1000},
    ),
    "a defect": (of_service(Failure("internal_error", "inside")), Again, {"status": 500, "after": None}),
    "the same under way": (of_service(Failure("in_flight", "wait")), Again, {"status": 409, "after": 1000}),
    "a hold that is over": (
        of_service(Failure("hold_closed", "over")),
        Refused,
        {"code": "hold_closed", "status": 409, "settled": True},
    ),
    "another payload": (
        of_service(Failure("idempotency_conflict", "other", help="a new id", pointer="/meters/a")),
        Refused,
        {"status": 422, "settled": True, "pointer": "/meters/a", "help": "a new id", "request_id": "req_1"},
    ),
    "no such hold": (of_service(Failure("unknown_hold", "none")), Refused, {"status": 404, "settled": True}),
    "unreadable": (of_service(Failure("invalid_json", "no")), Refused, {"status": 400, "settled": True}),
    "a key that has ended": (
        of_service(Failure("unauthenticated", "no")),
        Refused,
        {"status": 401, "settled": False, "code": "unauthenticated"},
    ),
    "a key that may not": (of_service(Failure("not_allowed", "no")), Refused, {"status": 403, "settled": False}),
    "a gateway's 502": (page(502), Again, {"code": "unavailable", "status": 502, "taken": True}),
    "a gateway's 504": (page(504), Again, {"status": 504, "taken": True}),
    "a gateway's 429": (page(429, **{"retry-after": "7"}), Again, {"after": 7000, "taken": False}),
    "a gateway's 404": (page(404), Refused, {"code": "refused", "status": 404, "settled": False}),
    "a login page": (page(200), Again, {"code": "unreadable", "taken": True}),
    "a redirect": (page(307, location="http://elsewhere"), Refused, {"code": "refused", "settled": False}),
    "a problem of somebody else": (
        Reply(404, {"content-type": "application/problem+json"}, b'{"title":"Not Found"}'),
        Refused,
        {"code": "refused", "settled": False},
    ),
    "a problem that is torn": (
        Reply(422, {"content-type": "application/problem+json"}, b'{"code":"x"'),
        Refused,
        {"settled": False},
    ),
}


@pytest.mark.parametrize("got, kind, fields", MEANS.values(), ids=MEANS)
def test_a_reply_means(got: Reply | Lost, kind: type, fields: dict[str, Any]) -> None:
    means = meaning(CALL, got)
    assert type(means) is kind
    for name, value in fields.items():
        of = means if name in ("after", "taken") else means.failure  # type: ignore[union-attr]
        assert (name, getattr(of, name)) == (name, value)


def test_an_answer_is_of_the_kind_that_was_asked_for() -> None:
    assert isinstance(meaning(TEXT, Reply(200, {"content-type": "text/plain; charset=utf-8"}, b"x")), Done)
    assert isinstance(meaning(TEXT, Reply(200, JSON, b"{}")), Again)


DATED = {"date": "Tue, 06 Oct 2026 12:00:00 GMT"}
AFTER: dict[str, tuple[dict[str, str], int | None]] = {
    "seconds": ({"retry-after": "3"}, 3000),
    "at once": ({"retry-after": "0"}, 0),
    "an instant": ({"retry-after": "Tue, 06 Oct 2026 12:00:30 GMT", **DATED}, 30_000),
    "an instant that is over": ({"retry-after": "Tue, 06 Oct 2026 11:00:00 GMT", **DATED}, 0),
    "an instant beside no date": ({"retry-after": "Tue, 06 Oct 2026 12:00:30 GMT"}, None),
    "an instant that is none": ({"retry-after": "soon", **DATED}, None),
    "a fraction": ({"retry-after": "1.5"}, None),
    "less than nothing": ({"retry-after": "-1"}, None),
    "digits of another script": ({"retry-after": "٣"}, None),
    "nothing": ({}, None),
}


@pytest.mark.parametrize("headers, millis", AFTER.values(), ids=AFTER)
def test_retry_after_is_read(headers: dict[str, str], millis: int | None) -> None:
    assert retry_after(headers) == millis


def test_a_retry_after_of_a_thousand_digits_is_no_fault() -> None:
    assert (retry_after({"retry-after": "9" * 1000}) or 0) > 10**9


ONE = Patience(total=10_000, attempt=1_000, first_wait=100, longest_wait=800)
WAITS: dict[str, tuple[int, int | None, int, int, int | None]] = {
    # (asked so often, told to wait, left, chance in percent) → wait
    "the first": (1, None, 10_000, 0, 50),
    "the first, with all chance": (1, None, 10_000, 100, 100),
    "the second": (2, None, 10_000, 0, 100),
    "the longest": (9, None, 10_000, 100, 800),
    "after a very long time": (10_000, None, 10_000, 100, 800),
    "what was asked for": (1, 1000, 10_000, 0, 1000),
    "and half more": (1, 1000, 10_000, 100, 1500),
    "no more than there is time": (1, 1000, 1200, 100, 1199),
    "longer than there is time": (1, 1000, 1000, 0, None),
    "no time": (1, None, 50, 0, None),
    "at once": (1, 0, 10_000, 100, 0),
    "at once, and again": (2, 0, 10_000, 100, 200),
}


@pytest.mark.parametrize("asked, after, left, percent, wait", WAITS.values(), ids=WAITS)
def test_it_is_waited(asked: int, after: int | None, left: int, percent: int, wait: int | None) -> None:
    assert wait_before(ONE, asked, after, left, lambda most: most * percent // 100) == wait


@given(
    st.integers(1, 40),
    st.none() | st.integers(0, 100_000),
    st.integers(-10, 20_000),
    st.integers(0, 2**32),
    st.integers(1, 5_000),
    st.integers(1, 5_000),
)
def test_it_is_never_waited_less_than_asked_for_nor_longer_than_there_is_time(
    asked: int, after: int | None, left: int, chance: int, first: int, longest: int
) -> None:
    patience = Patience(total=10_000, first_wait=first, longest_wait=longest)
    wait = wait_before(patience, asked, after, left, lambda most: chance % (most + 1))
    if wait is not None:
        assert (after or 0) <= wait < left
        assert after is not None or 1 <= wait <= longest
        assert wait > 0 or asked == 1
    elif after:
        assert after >= left


def test_a_problem_has_all_that_the_service_tells() -> None:
    failure = Failure("invalid_meter", "`a` is no count", help="send one", pointer="/meters/a")
    told = json.loads(problem_bytes(failure, "req_1"))
    means = meaning(CALL, of_service(failure))
    assert isinstance(means, Refused)
    found = means.failure
    assert (found.code, found.message, found.help) == (told["code"], told["detail"], told["help"])
    assert (found.pointer, found.status, found.request_id) == ("/meters/a", 422, "req_1")
