"""What a capture uses beyond all that there is (LANGUAGE.md S3): refunded or owed, always booked, repaid first."""

from __future__ import annotations

from typing import Any

import pytest

from account.test_layers import ANA, Bench, _waterfall
from account.test_lots import _reconciles
from overspill.words.instants import MINUTE

DEBT = "pool money { per user; unit credits; on overshoot debt up to 5 credits; }"
REFUND = "pool money { per user; unit credits; on overshoot refund; }"

# (pool, lot, held, used) → (covered, absorbed, charge, refunded, owed afterwards)
CASES = [
    (REFUND, "10", 6, 6, ("6", "0", {"credits": "6"}, None, None)),
    (REFUND, "10", 6, 13, ("10", "3", {"credits": "13"}, "3", None)),
    (DEBT, "10", 6, 13, ("13", "0", {"credits": "13"}, None, 3)),
    (DEBT, "10", 6, 17, ("15", "2", {"credits": "17"}, "2", 5)),
    (REFUND.replace("on overshoot", "free; on overshoot"), "10", 6, 13, ("10", "3", {}, "3", None)),
]


@pytest.mark.rule("S3")
@pytest.mark.rule("S7")
@pytest.mark.parametrize(("pool", "lot", "held", "used", "expected"), CASES)
def test_an_overshoot_is_booked_in_full(
    pool: str, lot: str, held: int, used: int, expected: tuple[str, str, dict[str, str], str | None, int | None]
) -> None:
    bench = Bench(pool, _waterfall("draw money;"), lot=lot)
    hold = bench.engine.reserve(bench.request(held)).hold
    assert hold is not None
    answer = bench.engine.capture(hold.id, {"credits": used})
    refund = answer.fields.get("refunded")
    owed = bench.engine.account(ANA).debts.get("money")
    shown = (answer["covered"], answer["absorbed"], answer["charge"], refund and refund["amount"], owed)
    assert shown == expected


FIVE = "limit five { per user; unit credits; window w: 5h from first_use; capacity 5 credits; }"
# (pool, what the request bounds itself by, held, parts that are used) → (covered, absorbed, left in the lot, owed)
BOUNDED = [
    (REFUND, {}, 3, [12], ("12", "0", 93, None)),
    (REFUND, {"only": ("five",)}, 3, [12], ("5", "7", 100, None)),
    (REFUND, {"only": ("money",)}, 3, [12], ("12", "0", 88, None)),
    (REFUND, {"max_charge": {"credits": "4"}}, 8, [12], ("9", "3", 96, None)),
    (REFUND, {"max_charge": {"credits": "4"}}, 6, [7, 1, 4], ("9", "3", 96, None)),
    (DEBT, {"only": ("five",)}, 3, [112], ("5", "107", 100, None)),
    (DEBT, {"max_charge": {"credits": "103"}}, 3, [112], ("108", "4", None, 3)),
    (DEBT, {"max_charge": {"credits": "103"}}, 3, [107, 1, 4], ("108", "4", None, 3)),
    (DEBT, {"max_charge": {"credits": "200"}}, 3, [112], ("110", "2", None, 5)),
    (
        DEBT.replace("on overshoot", "free; on overshoot"),
        {"max_charge": {"credits": "1"}},
        3,
        [112],
        ("110", "2", None, 5),
    ),
]


@pytest.mark.rule("L10")
@pytest.mark.rule("S3")
@pytest.mark.parametrize("admission", ["hold", "verify_only"])
@pytest.mark.parametrize(("pool", "bounds", "held", "used", "expected"), BOUNDED)
def test_what_a_request_bounds_itself_by_bounds_its_captures(
    pool: str,
    bounds: dict[str, Any],
    held: int,
    used: list[int],
    expected: tuple[str, str, int | None, int | None],
    admission: str,
) -> None:
    bench = Bench(FIVE, pool, _waterfall("draw five;", "draw money;", f"admission {admission};"))
    hold = bench.engine.reserve(bench.request(held, **bounds)).hold
    assert hold is not None
    parts = [
        bench.engine.capture(hold.id, {"credits": part}, id=str(number), final=number == len(used))
        for number, part in enumerate(used, 1)
    ]
    account = bench.engine.account(ANA)
    covered, absorbed = (str(sum(int(part[name]) for part in parts)) for name in ("covered", "absorbed"))
    left = next((lot[1] for lot in account.pools["money"]), None)
    assert (covered, absorbed, left, account.debts.get("money")) == expected
    assert _reconciles(bench.engine)


@pytest.mark.rule("S3")
def test_a_debt_is_bounded_over_all_holds_and_the_next_purchase_repays_it_first() -> None:
    bench = Bench(DEBT, _waterfall("draw money;"), lot="2")
    holds = [bench.engine.reserve(bench.request(1)).hold for _ in range(2)]
    owed = []
    for hold in holds:
        assert hold is not None
        bench.engine.capture(hold.id, {"credits": 5})
        owed.append(bench.engine.account(ANA).debts["money"])
    assert owed == [4, 5]
    denied = bench.ask(3)
    assert [(offer.offer, offer.amount) for offer in denied.offers] == [("add_money", "8")]
    receipt = bench.engine.grant(ANA, "money", "8", id="M")
    assert (receipt["repaid"], receipt["balance"]) == ("5", "3")
    assert bench.engine.account(ANA).debts == {}
    assert bench.ask(3).allowed


@pytest.mark.rule("S3")
def test_a_purchase_below_the_debt_leaves_a_debt_and_no_lot() -> None:
    bench = Bench(DEBT, _waterfall("draw money;"), lot="2")
    hold = bench.engine.reserve(bench.request(1)).hold
    assert hold is not None
    bench.engine.capture(hold.id, {"credits": 6})
    receipt = bench.engine.grant(ANA, "money", "3", id="M")
    state = bench.engine.account(ANA)
    assert (receipt["repaid"], receipt["balance"], state.debts, state.pools["money"]) == ("3", "-1", {"money": 1}, ())


@pytest.mark.rule("S3")
def test_the_parts_of_a_stream_owe_together() -> None:
    bench = Bench(DEBT, _waterfall("draw money;"), lot="2")
    hold = bench.engine.reserve(bench.request(1)).hold
    assert hold is not None
    parts = [bench.engine.capture(hold.id, {"credits": 3}, id=str(part), final=part == 2) for part in range(3)]
    assert [part["covered"] for part in parts] == ["3", "3", "1"]
    assert [part["absorbed"] for part in parts] == ["0", "0", "2"]
    assert bench.engine.account(ANA).debts == {"money": 5}


@pytest.mark.rule("S3")
def test_without_a_lot_or_a_pool_it_is_absorbed() -> None:
    limit = "limit five { per user; unit credits; window w: 5h from first_use; capacity 3 credits; }"
    alone = "waterfall w { serves true; counts credits; draw five; otherwise deny used_up; }"
    for lines in ((limit, alone), (limit, REFUND, _waterfall("draw five;", "draw money;"))):
        bench = Bench(*lines, lot=None)
        hold = bench.engine.reserve(bench.request(3)).hold
        assert hold is not None
        answer = bench.engine.capture(hold.id, {"credits": 5})
        assert (answer["covered"], answer["absorbed"], answer["charge"]) == ("3", "2", {})


@pytest.mark.rule("S2")
@pytest.mark.rule("S3")
def test_a_debt_goes_with_a_stream_that_turns_out_cheaper() -> None:
    text = DEBT + "rate_card card { price in credits per 1 by request.kind; meter fresh = credits - spared; "
    text += 'from 2026-01-01T00:00:00Z { "a": fresh 1; } }'
    bench = Bench(text, _waterfall("draw money;").replace("counts credits;", "priced by card;"), lot="2")
    hold = bench.engine.reserve(bench.request(1)).hold
    assert hold is not None
    first = bench.engine.capture(hold.id, {"credits": 6}, id="1", final=False)
    assert (first["charge"], bench.engine.account(ANA).debts) == ({"credits": "6"}, {"money": 4})
    last = bench.engine.capture(hold.id, {"credits": 0, "spared": 5}, id="2")
    assert (last["used"], last["total"], last["charge"]) == ("-5", "1", {"credits": "-5"})
    state = bench.engine.account(ANA)
    assert (state.debts, state.pools["money"][0][1]) == ({}, 1)


@pytest.mark.rule("S2")
@pytest.mark.parametrize("last", [True, False], ids=["in its last part", "in a further part"])
def test_what_a_late_stream_turns_out_not_to_use_goes_back_at_once(last: bool) -> None:
    """A hold that has timed out holds nothing."""
    text = REFUND + "rate_card card { price in credits per 1 by request.kind; meter fresh = credits - spared; "
    text += 'from 2026-01-01T00:00:00Z { "a": fresh 1; } }'
    bench = Bench(text, _waterfall("draw money;").replace("counts credits;", "priced by card;"), lot="10")
    hold = bench.engine.reserve(bench.request(1)).hold
    assert hold is not None
    bench.clock.advance(20 * MINUTE)
    bench.engine.capture(hold.id, {"credits": 6}, id="1", final=False)
    assert bench.engine.account(ANA).pools["money"][0][1] == 4
    part = bench.engine.capture(hold.id, {"credits": 0, "spared": 3}, id="2", final=last)
    assert (part["late"], part["used"], part["total"]) == (True, "-3", "3")
    assert [draw["returned"] for draw in part["draws"]] == ["3"]
    assert bench.engine.account(ANA).pools["money"][0][1] == 7
    if not last:
        bench.engine.capture(hold.id, {"credits": 2}, id="3")
        assert bench.engine.account(ANA).pools["money"][0][1] == 5
    assert _reconciles(bench.engine)


@pytest.mark.rule("S3")
def test_what_was_repaid_of_a_debt_that_is_none_after_all_comes_back() -> None:
    text = DEBT + "rate_card card { price in credits per 1 by request.kind; meter fresh = credits - spared; "
    text += 'from 2026-01-01T00:00:00Z { "a": fresh 1; } }'
    bench = Bench(text, _waterfall("draw money;").replace("counts credits;", "priced by card;"), lot="2")
    hold = bench.engine.reserve(bench.request(1)).hold
    assert hold is not None
    bench.engine.capture(hold.id, {"credits": 6}, id="1", final=False)
    bench.engine.grant(ANA, "money", "3", id="M")
    assert bench.engine.account(ANA).debts == {"money": 1}
    last = bench.engine.capture(hold.id, {"credits": 0, "spared": 5}, id="2")
    assert (last["repaid_back"]["amount"], last["repaid_back"]["lot"][:4]) == ("3", "lot_")
    state = bench.engine.account(ANA)
    assert (state.debts, sorted(lot[1] for lot in state.pools["money"])) == ({}, [1, 3])
    assert _reconciles(bench.engine)
