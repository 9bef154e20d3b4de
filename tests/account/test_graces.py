"""Graces: what lets work end that began while there was something to pay for it (LANGUAGE.md L12)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from account.test_layers import ANA, NOON, POOL, Bench, _causes, _draws, _waterfall
from overspill import Request
from overspill.words.instants import DAY, HOUR

GRACE = "grace finish { per request.turn; unit credits; up to 6 credits; only_if started_funded; }"
LINES = ("draw money;", "draw finish;", "holds expire after 15min, late capture 1h;")
Before = Callable[[Bench], object]


def _bench(*lines: str, lot: str = "10", grace: str = GRACE) -> Bench:
    return Bench(POOL, grace, _waterfall(*(lines or LINES)), lot=lot)


def _reserve(bench: Bench, credits: int, turn: str | None = "t1") -> str:
    hold = bench.engine.reserve(bench.request(credits, **({} if turn is None else {"turn": turn}))).hold
    assert hold is not None
    return hold.id


def _captured(bench: Bench, hold: str, credits: int, **more: Any) -> tuple[dict[str, str], str]:
    """(what each layer gave, what nobody did)."""
    answer: Any = bench.engine.capture(hold, {"credits": credits}, **more)
    given = {f"{draw['layer']} {draw['from']}": draw["amount"] for draw in answer["draws"]}
    return given, answer["absorbed"]


@pytest.mark.rule("L12")
def test_a_grace_covers_a_key_that_was_funded_before_and_is_never_charged() -> None:
    bench = _bench()
    assert _causes(bench.ask(11, turn="t1")) == {"money": "empty", "finish": "not_eligible"}
    assert bench.ask(8, turn="t1").allowed
    finished = bench.ask(5, turn="t1")
    assert (_draws(finished), finished.charge) == ({"money": "2", "finish": "3"}, {"credits": "2"})
    assert _causes(bench.ask(4, turn="t1")) == {"money": "empty", "finish": "finish"}
    assert _draws(bench.ask(3, turn="t1")) == {"finish": "3"}
    assert _causes(bench.ask(1, turn="t2")) == {"money": "empty", "finish": "not_eligible"}
    assert _causes(bench.ask(1)) == {"money": "empty", "finish": "not_eligible"}


@pytest.mark.rule("L12")
@pytest.mark.rule("S1")
def test_what_a_hold_captures_beyond_itself_is_no_later_request() -> None:
    bench = _bench()
    assert _captured(bench, _reserve(bench, 8), 13) == ({"money hold": "8", "money free": "2"}, "3")


@pytest.mark.rule("L12")
@pytest.mark.rule("S2")
def test_nor_is_the_next_capture_of_the_same_hold() -> None:
    bench = _bench()
    hold = _reserve(bench, 8)
    assert _captured(bench, hold, 9, id="c1", final=False) == ({"money hold": "8", "money free": "1"}, "0")
    assert _captured(bench, hold, 4, id="c2") == ({"money hold": "0", "money free": "1"}, "3")


def _released(bench: Bench) -> None:
    bench.engine.release(_reserve(bench, 1))


def _reversed(bench: Bench) -> None:
    request = bench.request(1, turn="t1")
    bench.engine.reverse(bench.engine.decide(request).id, id="undo")


def _timed_out(bench: Bench) -> None:
    _reserve(bench, 1)
    bench.clock.set(NOON + 2 * HOUR)


@pytest.mark.rule("L12")
@pytest.mark.parametrize(
    ("before", "left", "finished"),
    [
        pytest.param(lambda bench: bench.ask(1, turn="t1"), "1", "6", id="was drawn"),
        pytest.param(lambda bench: _reserve(bench, 1), "1", "6", id="is held"),
        pytest.param(_released, "2", "5", id="was released"),
        pytest.param(_reversed, "2", "5", id="was reversed"),
        pytest.param(_timed_out, "2", "5", id="timed out"),
    ],
)
def test_an_earlier_request_funds_its_key_whatever_became_of_what_it_drew(
    before: Before, left: str, finished: str
) -> None:
    bench = _bench()
    before(bench)
    given = {"money hold": "8", "money free": left, "finish free": finished}
    assert _captured(bench, _reserve(bench, 8), 15) == (given, "0")


@pytest.mark.rule("L12")
@pytest.mark.parametrize(
    "before",
    [
        pytest.param(lambda bench: None, id="there is none"),
        pytest.param(lambda bench: bench.ask(1), id="has no key"),
        pytest.param(lambda bench: bench.ask(1, turn="t2"), id="has another key"),
        pytest.param(lambda bench: bench.ask(11, turn="t1"), id="was denied"),
        pytest.param(lambda bench: bench.ask(0, turn="t1"), id="asked for nothing"),
        pytest.param(lambda bench: bench.engine.preview(bench.request(1, turn="t1")), id="was a preview"),
        pytest.param(lambda bench: bench.ask(1, turn="t1", only=("finish",)), id="asked the grace alone"),
    ],
)
def test_nothing_else_funds_a_key(before: Before) -> None:
    bench = _bench()
    before(bench)
    assert _causes(bench.ask(11, turn="t1"))["finish"] == "not_eligible"


@pytest.mark.rule("L12")
@pytest.mark.rule("T2")
def test_a_capture_finds_its_key_as_its_admission_did() -> None:
    """A request that comes between a hold and its capture is later than the hold, not earlier."""
    bench = _bench()
    hold = _reserve(bench, 4)
    assert bench.ask(2, turn="t1").allowed
    assert _captured(bench, hold, 10) == ({"money hold": "4", "money free": "4"}, "2")
    assert _draws(bench.ask(5, turn="t1")) == {"finish": "5"}


@pytest.mark.rule("L12")
@pytest.mark.rule("T2")
def test_a_key_is_remembered_for_30_days_and_by_what_was_admitted_within_them() -> None:
    bench = _bench("draw money;", "draw finish;", "holds expire after 60d;", lot="10")
    assert bench.ask(1, turn="t1").allowed
    bench.clock.set(NOON + 30 * DAY - HOUR)
    hold = _reserve(bench, 8)
    bench.clock.set(NOON + 30 * DAY)
    assert _causes(bench.ask(2, turn="t1"))["finish"] == "not_eligible"
    assert _captured(bench, hold, 12) == ({"money hold": "8", "money free": "1", "finish free": "3"}, "0")


@pytest.mark.rule("L12")
def test_a_part_that_was_granted_from_other_layers_funds_its_key() -> None:
    bench = _bench("draw money;", "draw finish;", "on shortfall partial;")
    assert _draws(bench.ask(12, turn="t1")) == {"money": "10"}
    assert _draws(bench.ask(2, turn="t1")) == {"finish": "2"}


@pytest.mark.rule("L12")
def test_a_draw_on_the_grace_itself_funds_nothing_and_one_on_another_grace_does() -> None:
    start = "grace start { per request.turn; unit credits; up to 3 credits; }"
    bench = Bench(POOL, start, GRACE, _waterfall("draw start;", "draw finish;", "draw money;"), lot="1")
    assert _causes(bench.ask(5, turn="t1")) == {"start": "start", "finish": "not_eligible", "money": "empty"}
    assert _draws(bench.ask(4, turn="t1")) == {"start": "3", "money": "1"}
    assert _draws(bench.ask(2, turn="t1")) == {"finish": "2"}


@pytest.mark.rule("L12")
@pytest.mark.rule("S5")
def test_what_was_only_verified_was_admitted_too() -> None:
    bench = _bench("draw money;", "draw finish;", "admission verify_only;")
    first, second = _reserve(bench, 4), _reserve(bench, 4)
    assert _captured(bench, first, 12) == ({"money free": "10"}, "2")
    assert _captured(bench, second, 4) == ({"finish free": "4"}, "0")


@pytest.mark.rule("L12")
def test_a_key_is_its_account_s_own() -> None:
    bench = _bench()
    assert bench.ask(10, turn="t1").allowed
    bench.engine.grant({"user": "bob"}, "money", "1", id="B")
    other = Request(id="b1", account={"user": "bob"}, fields={"turn": "t1"}, meters={"credits": 2})
    assert _causes(bench.engine.decide(other))["finish"] == "not_eligible"
    assert _draws(bench.ask(2, turn="t1")) == {"finish": "2"}
    assert bench.engine.account(ANA).windows["finish.grace|t1"][3] == 2
