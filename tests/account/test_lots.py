"""Lots beside draws: voided, transferred, each once and as an entry of its own (LANGUAGE.md G3, G4)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from account.test_layers import ANA, NOON, Bench, _waterfall
from overspill import Engine, Failure, Request
from overspill.cli.reconcile import of_store
from overspill.plan.lots import default_order, in_order
from overspill.words.instants import HOUR

BOB = {"user": "bob"}


PRICED = "unit usd: decimal(2); pool money { per user; unit credits; price 0.04 usd per 1 credits; }"


def _bench() -> Bench:
    return Bench(PRICED, _waterfall("draw money;"), lot="10")


def _reconciles(engine: Engine) -> bool:
    """Whether an audit of what was decided, and of what it was settled to, finds nothing: states of accounts included."""
    engine.settle()
    engine._combiner.exclusively(engine._combiner.snapshots.write_all)
    return of_store(engine._store, engine._combiner.now()).is_clean


@pytest.mark.rule("G3")
def test_a_voided_lot_is_gone_once_and_for_all() -> None:
    bench = _bench()
    assert bench.ask(3).allowed
    receipt = bench.engine.void(ANA, "money", "L", id="v")
    assert receipt["amount"] == "7"
    assert bench.engine.void(ANA, "money", "L", id="v").json == receipt.json
    assert not bench.ask(1).allowed
    assert _reconciles(bench.engine)


@pytest.mark.rule("G3")
def test_a_transferred_part_is_a_lot_of_the_same_kind_elsewhere() -> None:
    bench = _bench()
    engine = bench.engine
    engine.grant(ANA, "money", "5", id="P", priority=3, category="promotional", expires_at="2026-12-01T00:00:00Z")
    receipt = engine.transfer(ANA, "money", "P", BOB, id="t", amount="2")
    [lot] = engine.account(BOB).pools["money"]
    [source] = [one for one in engine.account(ANA).pools["money"] if one[0] == "P"]
    assert (lot[0], lot[1], lot[2], lot[3:6]) == (receipt["to_lot"], 2, NOON, source[3:6])
    assert source[1] == 3
    assert engine.decide(Request(id="b", account=BOB, meters={"credits": 2})).allowed
    assert engine.transfer(ANA, "money", "P", BOB, id="u")["amount"] == "3"
    assert _reconciles(engine)


@pytest.mark.rule("G3")
def test_a_transfer_repays_a_debt_first() -> None:
    bench = Bench(
        "pool money { per user; unit credits; on overshoot debt up to 5 credits; }", _waterfall("draw money;"), lot="10"
    )
    engine = bench.engine
    engine.grant(BOB, "money", "1", id="B")
    hold = engine.reserve(Request(id="b", account=BOB, meters={"credits": 1})).hold
    assert hold is not None
    engine.capture(hold.id, {"credits": 4})
    receipt = engine.transfer(ANA, "money", "L", BOB, id="t", amount="4")
    assert (receipt["repaid"], engine.account(BOB).debts) == ("3", {})
    assert [lot[1] for lot in engine.account(BOB).pools["money"]] == [1]
    assert _reconciles(engine)


@pytest.mark.rule("G1")
def test_a_lot_is_usable_from_its_effective_date_on() -> None:
    bench = _bench()
    receipt = bench.engine.grant(ANA, "money", "5", id="later", effective_at="2026-10-06T12:00:00Z")
    assert (receipt["effective_at"], receipt["balance"]) == ("2026-10-06T12:00:00Z", "15")
    assert not bench.ask(11).allowed
    moved = bench.engine.transfer(ANA, "money", "later", BOB, id="t", amount="2")["to_lot"]
    assert not bench.engine.decide(Request(id="b", account=BOB, meters={"credits": 2})).allowed
    bench.clock.set(NOON + 24 * HOUR)
    assert bench.ask(11).allowed
    assert [
        lot.lot for lot in bench.engine.decide(Request(id="c", account=BOB, meters={"credits": 2})).draws[0].lots
    ] == [moved]
    assert _reconciles(bench.engine)


@pytest.mark.rule("G3")
@pytest.mark.parametrize(("spent", "money"), [(0, "1.25"), (1, "0.83"), (2, "0.42")])
def test_what_is_left_of_a_purchase_is_refunded_by_what_was_paid(spent: int, money: str) -> None:
    bench = Bench(PRICED, _waterfall("draw money;"), lot=None)
    bench.engine.grant(ANA, "money", "3", id="P", cost="1.25 usd")
    assert not spent or bench.ask(spent).allowed
    receipt = bench.engine.refund(ANA, "money", "P", id="f")
    assert (receipt["amount"], receipt["money"]) == (str(3 - spent), {"usd": money})
    assert bench.engine.refund(ANA, "money", "P", id="f").json == receipt.json
    assert bench.engine.account(ANA).pools["money"] == ()
    assert _reconciles(bench.engine)


@pytest.mark.rule("G3")
def test_a_transferred_part_is_refunded_by_what_was_paid_for_the_whole() -> None:
    bench = Bench(PRICED, _waterfall("draw money;"), lot=None)
    bench.engine.grant(ANA, "money", "10", id="P", cost="4 usd")
    moved = bench.engine.transfer(ANA, "money", "P", BOB, id="t", amount="3")["to_lot"]
    assert bench.engine.refund(BOB, "money", moved, id="f")["money"] == {"usd": "1.2"}
    assert bench.engine.refund(ANA, "money", "P", id="f")["money"] == {"usd": "2.8"}
    assert _reconciles(bench.engine)


def _paid(bench: Bench) -> None:
    bench.engine.grant(ANA, "money", "5", id="P", cost="1 usd")


def _hold(bench: Bench) -> None:
    bench.engine.reserve(bench.request(2))


def _moved(bench: Bench) -> None:
    bench.engine.transfer(ANA, "money", "L", BOB, id="t", amount="1")


def _later(bench: Bench) -> None:
    bench.engine.grant(ANA, "money", "1", id="short", expires_at="2026-10-05T12:30:00Z")
    bench.clock.set(NOON + HOUR)


# What comes before, what is asked, and the code that it is refused with.
REFUSED: list[tuple[Callable[[Bench], None] | None, Callable[[Engine], object], str]] = [
    (None, lambda engine: engine.void(ANA, "money", "M", id="v"), "unknown_lot"),
    (None, lambda engine: engine.void(BOB, "money", "L", id="v"), "unknown_lot"),
    (None, lambda engine: engine.void(ANA, "mony", "L", id="v"), "unknown_pool"),
    (None, lambda engine: engine.void({"team": "red"}, "money", "L", id="v"), "wrong_account"),
    (_hold, lambda engine: engine.void(ANA, "money", "L", id="v"), "lot_held"),
    (None, lambda engine: engine.transfer(ANA, "money", "L", ANA, id="t"), "same_account"),
    (None, lambda engine: engine.transfer(ANA, "money", "L", {"team": "red"}, id="t"), "wrong_account"),
    (None, lambda engine: engine.transfer(ANA, "money", "L", BOB, id="t", amount="11"), "not_enough"),
    (None, lambda engine: engine.transfer(ANA, "money", "L", BOB, id="t", amount="0"), "invalid_amount"),
    (None, lambda engine: engine.transfer(ANA, "money", "L", BOB, id="t", amount="x"), "invalid_amount"),
    (_hold, lambda engine: engine.transfer(ANA, "money", "L", BOB, id="t", amount="9"), "not_enough"),
    (_later, lambda engine: engine.transfer(ANA, "money", "short", BOB, id="t"), "unknown_lot"),
    (None, lambda engine: engine.refund(ANA, "money", "L", id="f"), "not_paid"),
    (_paid, lambda engine: engine.refund(ANA, "money", "P", id="f", per={"kind": "a"}), "wrong_per"),
    (None, lambda engine: engine.grant(ANA, "money", "1", id="P", cost="1 eur"), "invalid_amount"),
    (None, lambda engine: engine.grant(ANA, "money", "1", id="P", cost="0.001 usd"), "invalid_amount"),
    (_moved, lambda engine: engine.grant(BOB, "money", "1", id=engine.account(BOB).pools["money"][0][0]), "invalid_id"),
    (None, lambda engine: engine.grant(ANA, "money", "1", id="P", effective_at="soon"), "invalid_instant"),
    (
        None,
        lambda engine: engine.grant(
            ANA, "money", "1", id="P", effective_at="2026-11-01T00:00:00Z", expires_at="2026-10-06T00:00:00Z"
        ),
        "already_expired",
    ),
]


@pytest.mark.parametrize(("before", "asked", "code"), REFUSED)
def test_what_cannot_be_done_is_named_and_changes_nothing(
    before: Callable[[Bench], None] | None, asked: Callable[[Engine], object], code: str
) -> None:
    bench = _bench()
    if before is not None:
        before(bench)
    states = [bench.engine.account(account).pools for account in (ANA, BOB)]
    with pytest.raises(Failure) as failure:
        asked(bench.engine)
    assert failure.value.code == code
    assert [bench.engine.account(account).pools for account in (ANA, BOB)] == states


@pytest.mark.rule("G2")
@pytest.mark.parametrize("order", ["order granted_at, id;", "order category, expires_at, id;", ""])
def test_an_account_keeps_its_lots_in_the_order_that_the_policy_declares(order: str) -> None:
    pool = f"unit usd: decimal(2); pool money {{ per user; unit credits; price 1 usd per 1 credits; {order} }}"
    bench = Bench(pool, _waterfall("draw money;"), lot=None)
    declared = tuple(order.removeprefix("order ").removesuffix(";").split(", ")) if order else ()
    ends = ("2026-12-01T00:00:00Z", None, "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z", None)
    for number, (category, end) in enumerate(zip(("paid", "promotional") * 3, ends, strict=False)):
        bench.engine.grant(ANA, "money", "10", id=f"L{number}", category=category, expires_at=end, priority=number % 2)
        bench.clock.advance(HOUR)
    assert bench.ask(23).allowed
    bench.engine.void(ANA, "money", "L4", id="v")
    account = bench.engine.account(ANA)
    lots = account.pools["money"]
    assert list(lots) == sorted(lots, key=default_order)
    assert account.ordered == ({"money": (declared, tuple(in_order(lots, declared)))} if declared else {})
    assert [lot.lot for lot in bench.ask(15).draws[0].lots] == [lot[0] for lot in in_order(lots, declared)][:2]
    assert _reconciles(bench.engine)
