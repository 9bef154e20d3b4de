"""A finished request undone: everything back where it came from, once, by the record of what it drew (LANGUAGE.md S4)."""

from __future__ import annotations

from typing import Any

import pytest

from account.test_expiry import _lots
from account.test_layers import ANA, NOON, Bench, _waterfall
from account.test_lots import _reconciles
from overspill import Failure
from overspill.account.state import Account
from overspill.words.codec import replace
from overspill.words.instants import DAY, HOUR, instant_text

LIMIT = "limit day { per user; unit credits; window hours: 5h from first_use; capacity hours 4 credits; }"
POOL = "pool money { per user; unit credits; overage up to 5 credits per calendar month in UTC; on overshoot debt up to 3 credits; }"
CAP = "cap seat { per user; unit credits; window month: calendar month in UTC; up to 50 credits; mode strict; }"
DRAWS = ("holds expire after 3h, late capture 1h;", "draw day;", "draw money within seat;")


def _bench(*words: str, lot: str = "10") -> Bench:
    return Bench(LIMIT, POOL, CAP, _waterfall(*DRAWS, *words), lot=lot)


def _state(bench: Bench) -> Account:
    return replace(bench.engine.account(ANA), version=0, at=0)


def _free(bench: Bench) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """(use by window, what lots have left, debts)."""
    state = _state(bench)
    return {key: window[3] for key, window in state.windows.items()}, _lots(bench), state.debts


def _ask(bench: Bench, credits: int) -> str:
    return bench.ask(credits).id


def _capture(bench: Bench, credits: int) -> str:
    hold = bench.engine.reserve(bench.request(6)).hold
    assert hold is not None
    bench.engine.capture(hold.id, {"credits": credits})
    return hold.id


def _stream(bench: Bench, credits: int) -> str:
    hold = bench.engine.reserve(bench.request(6)).hold
    assert hold is not None
    for number in range(4):
        bench.engine.capture(hold.id, {"credits": number}, id=f"p{number}", final=False)
    bench.engine.capture(hold.id, {"credits": max(credits - 6, 0)}, id="last")
    return hold.id


def _let_go(bench: Bench, credits: int) -> str:
    hold = bench.engine.reserve(bench.request(credits + 2)).hold
    assert hold is not None
    bench.engine.capture(hold.id, {"credits": credits}, id="part", final=False)
    bench.engine.release(hold.id)
    return hold.id


@pytest.mark.rule("S4")
@pytest.mark.parametrize("credits", [3, 9, 14, 16, 22])
@pytest.mark.parametrize("use", [_ask, _capture, _stream, _let_go])
def test_all_of_a_request_goes_back_to_where_it_came_from(use: Any, credits: int) -> None:
    bench = _bench()
    assert bench.ask(1).allowed
    before = _free(bench)
    try:
        done = use(bench, credits)
        receipt = bench.engine.reverse(done, id="undo")
    except (Failure, AssertionError):  # more than there is: denied, and nothing to undo
        assert credits > 17
        return
    used, lots, debts = _free(bench)
    assert {key: used[key] for key in before[0]} == before[0]
    assert not any(amount for key, amount in used.items() if key not in before[0])
    assert (lots, debts) == before[1:]
    assert bench.engine.reverse(done, id="undo").json == receipt.json
    with pytest.raises(Failure, match="was reversed before, by `undo`") as refused:
        bench.engine.reverse(done, id="again")
    assert refused.value.code == "already_reversed"
    assert _reconciles(bench.engine)


@pytest.mark.rule("S4")
@pytest.mark.parametrize(
    ("word", "later", "then", "used", "to"),
    [
        ("", 4 * HOUR, 0, 0, "open"),
        ("", 6 * HOUR, 2, 2, "nothing"),
        ("on reversal closed_window transfer;", 6 * HOUR, 2, 0, "present"),
        ("on reversal closed_window transfer;", 6 * HOUR, 4, 1, "present"),
        ("on reversal closed_window transfer;", 6 * HOUR, 0, 3, "nothing"),
    ],
)
def test_a_closed_window_takes_nothing_back_unless_the_policy_says_so(
    word: str, later: int, then: int, used: int, to: str
) -> None:
    bench = _bench(word)
    done = bench.ask(3)
    bench.clock.set(NOON + later)
    if then:
        assert bench.ask(then).allowed
    receipt = bench.engine.reverse(done.id, id="undo")
    assert [one["to"] for one in receipt["returned"]] == [to]
    assert _free(bench)[0]["day.hours"] == used


@pytest.mark.rule("S4")
@pytest.mark.parametrize(
    ("word", "to", "left"), [("", "expired", []), ("on reversal expired_lot reissue 7d;", "reissued", [5])]
)
def test_an_expired_lot_takes_nothing_back_and_may_be_reissued(word: str, to: str, left: list[int]) -> None:
    bench = Bench(POOL, _waterfall("draw money;", word), lot=None)
    bench.engine.grant(
        ANA, "money", "5", id="G", category="promotional", priority=3, expires_at=instant_text(NOON + DAY)
    )
    done = bench.ask(5)
    bench.clock.set(NOON + 2 * DAY)
    receipt = bench.engine.reverse(done.id, id="undo")
    [back] = receipt["returned"]
    assert (back["to"], back["amount"]) == (to, "5")
    lots = bench.engine.account(ANA).pools.get("money", ())
    assert [lot[1] for lot in lots] == left
    for lot in lots:  # its category and priority, and a week from now
        assert lot[0] == back["reissued"]["lot"]
        assert lot[2:6] == (NOON + 2 * DAY, NOON + 9 * DAY, 3, 0)
    assert _reconciles(bench.engine)


@pytest.mark.rule("S4")
def test_a_live_lot_keeps_its_end_and_a_voided_one_takes_nothing_back() -> None:
    bench = Bench(POOL, _waterfall("draw money;"), lot=None)
    bench.engine.grant(ANA, "money", "5", id="G", expires_at=instant_text(NOON + DAY))
    bench.engine.grant(ANA, "money", "5", id="V")
    first, second = bench.ask(5), bench.ask(3)
    bench.engine.void(ANA, "money", "V", id="v")
    assert [one["to"] for one in bench.engine.reverse(second.id, id="u2")["returned"]] == ["voided"]
    bench.engine.reverse(first.id, id="u1")
    assert [lot[:4] for lot in bench.engine.account(ANA).pools["money"]] == [("G", 5, NOON, NOON + DAY)]
    assert _reconciles(bench.engine)


@pytest.mark.rule("S4")
def test_a_debt_is_owed_no_more_and_what_was_repaid_of_it_is_paid_back() -> None:
    bench = Bench(
        POOL.replace("overage up to 5 credits per calendar month in UTC;", ""), _waterfall("draw money;"), lot="2"
    )
    hold = bench.engine.reserve(bench.request(2)).hold
    assert hold is not None
    bench.engine.capture(hold.id, {"credits": 5})
    assert bench.engine.account(ANA).debts == {"money": 3}
    bench.engine.grant(ANA, "money", "1", id="M")
    receipt = bench.engine.reverse(hold.id, id="undo")
    assert [(one["to"], one["amount"]) for one in receipt["returned"]] == [
        ("lot", "2"),
        ("debt", "2"),
        ("reissued", "1"),
    ]
    assert bench.engine.account(ANA).debts == {}
    assert sorted(_lots(bench).values()) == [1, 2]
    assert _reconciles(bench.engine)


@pytest.mark.rule("S4")
@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("open", "hold_open"),
        ("late", "hold_open"),
        ("released", "nothing_to_reverse"),
        ("denied", "nothing_to_reverse"),
        ("unknown", "unknown_request"),
    ],
)
def test_only_a_finished_request_is_reversed(state: str, code: str) -> None:
    bench = _bench()
    if state == "denied":
        done = bench.ask(99).id
    elif state == "unknown":
        done = "dec_" + "a" * 26
    else:
        hold = bench.engine.reserve(bench.request(6)).hold
        assert hold is not None
        done = hold.id
        if state == "released":
            bench.engine.release(done)
        if state == "late":
            bench.clock.set(NOON + 3 * HOUR + HOUR // 2)
    version = bench.engine.account(ANA).version
    with pytest.raises(Failure) as refused:
        bench.engine.reverse(done, id="undo")
    assert refused.value.code == code
    assert bench.engine.account(ANA).version == version
