"""Rules that one example shows best, each through an engine (LANGUAGE.md section 3)."""

from __future__ import annotations

from pathlib import Path

import pytest

from account.test_layers import ANA, HEAD, NOON, POOL, Bench, _draws, _waterfall
from overspill import Decision, Engine, ManualClock, Request
from overspill.words.failures import PolicyFaults
from overspill.words.instants import DAY, HOUR, MINUTE

PRICED = """policy p version 7;
language 1;
unit credits: decimal(2);
account user { blocked: bool = false; level: int?; }
request { model: string; tokens: meter; }
rate_card card {
  price in credits per 1000 by request.model;
  round ROUND;
  from 2026-01-01T00:00:00Z { "m": tokens 5; "free": free; }
  from 2026-10-06T00:00:00Z { "m": tokens 50; "free": free; }
}
limit day { per user; unit credits; window w: calendar day in UTC; capacity 1 credits; }
waterfall w { serves true; priced by card; GUARD draw day; otherwise deny used_up; on error skip; }
"""


def _priced(rounding: str = "half_even", guard: str = "") -> tuple[Engine, ManualClock]:
    clock = ManualClock(NOON)
    text = PRICED.replace("ROUND", rounding).replace("GUARD", guard)
    return Engine.open({"p.spill": text.encode()}, clock=clock), clock


def _ask(engine: Engine, id: str, tokens: int, model: str = "m") -> Decision:
    return engine.decide(Request(id=id, account=ANA, fields={"model": model}, meters={"tokens": tokens}))


@pytest.mark.rule("M2")
@pytest.mark.parametrize(
    ("rounding", "amounts"),
    [
        ("half_even", ["0", "0", "0.01", "0.02", "0.02"]),
        ("half_up", ["0", "0.01", "0.01", "0.02", "0.03"]),
        ("down", ["0", "0", "0.01", "0.01", "0.02"]),
        ("up", ["0", "0.01", "0.01", "0.02", "0.03"]),
    ],
)
def test_the_base_amount_is_exact_and_rounded_once(rounding: str, amounts: list[str]) -> None:
    """0, 0.5, 1, 1.5 and 2.5 hundredths."""
    engine, _ = _priced(rounding)
    assert [_ask(engine, f"t{tokens}", tokens).requested for tokens in (0, 1, 2, 3, 5)] == amounts


@pytest.mark.rule("M4")
def test_what_costs_nothing_is_admitted_whatever_is_left_and_opens_nothing() -> None:
    engine, _ = _priced()
    free = _ask(engine, "f", 10**6, "free")
    assert free.reason is not None
    assert (free.outcome, free.reason.code, free.draws) == ("allow", "rate_zero", ())
    assert engine.account(ANA).windows == {}
    assert _ask(engine, "all", 200).allowed
    assert not _ask(engine, "more", 2).allowed
    assert _ask(engine, "g", 10**6, "free").allowed


@pytest.mark.rule("L1")
@pytest.mark.parametrize(
    ("attributes", "outcome", "verdict"),
    [({"level": 1}, "allow", "passed"), ({"level": 5}, "deny", "denied"), ({}, "deny", "error")],
)
def test_guards_come_first_and_one_that_errs_denies_whatever_on_error_says(
    attributes: dict[str, int], outcome: str, verdict: str
) -> None:
    engine, _ = _priced(guard="deny too_high when user.level > 3;")
    if attributes:
        engine.set_attributes(ANA, attributes, id="s")
    decision = _ask(engine, "r", 10)
    assert decision.outcome == outcome
    assert decision.trace[1].verdict == verdict  # type: ignore[union-attr]
    if decision.reason is not None:
        assert (decision.reason.code, decision.reason.layers, decision.record.available) == ("too_high", (), "0")


@pytest.mark.rule("L5")
def test_equality_suffices() -> None:
    engine, _ = _priced()
    assert _ask(engine, "all", 200).draws[0].windows[0].after == "1"
    assert _ask(engine, "more", 2).outcome == "deny"


@pytest.mark.rule("L9")
def test_a_layer_is_skipped_by_name_or_not_applicable() -> None:
    pool = 'pool money { per user; unit credits; skip on_hold when user.plan == "paused"; }'
    bench = Bench(pool, _waterfall('draw money when user.plan != "none";'))
    for plan, verdict, cause in (("none", "not_applicable", "not_applicable"), ("paused", "skipped", "on_hold")):
        bench.set(plan=plan)
        step = bench.ask(1).trace[1]
        assert (step.verdict, step.cause) == (verdict, cause)  # type: ignore[union-attr]
    bench.set(plan="any")
    assert bench.ask(1).allowed


@pytest.mark.rule("G1")
def test_a_lot_is_usable_until_the_instant_of_its_expiry() -> None:
    bench = Bench(POOL, _waterfall("draw money;"), lot=None)
    bench.engine.grant(ANA, "money", "5", id="L", expires_at="2026-10-05T13:00:00Z")
    bench.clock.set(NOON + HOUR - 1)
    assert bench.ask(1).allowed
    bench.clock.set(NOON + HOUR)
    assert not bench.ask(1).allowed


# (id, priority, expires_at, category) of four lots → the order that they are drawn in.
LOTS = [("d", 1, None, "paid"), ("c", 0, None, "paid"), ("b", 0, "2026-12-01T00:00:00Z", "paid"), ("a", 0, None, "promotional")]  # fmt: skip


@pytest.mark.rule("G2")
@pytest.mark.parametrize(
    ("order", "drawn"),
    [
        ("", ["b", "a", "c", "d"]),
        ("order id;", ["a", "b", "c", "d"]),
        ("order granted_at, id;", ["d", "c", "b", "a"]),
        ("order category, id;", ["a", "b", "c", "d"]),
        ("order expires_at, priority, id;", ["b", "a", "c", "d"]),
    ],
)
def test_lots_are_drawn_in_the_pools_order(order: str, drawn: list[str]) -> None:
    pool = f"pool money {{ per user; unit credits; {order} }}"
    bench = Bench(pool, _waterfall("draw money;"), lot=None)
    for index, (id, priority, expires_at, category) in enumerate(LOTS):
        bench.clock.set(NOON + index)
        bench.engine.grant(ANA, "money", "1", id=id, priority=priority, expires_at=expires_at, category=category)
    assert [lot.lot for lot in bench.ask(4).draws[0].lots] == drawn


@pytest.mark.rule("G4")
def test_a_lot_pays_for_whatever_draws_on_its_pool() -> None:
    first = _waterfall("draw money;").replace("serves true;", 'serves request.kind == "a";')
    second = first.replace("waterfall w", "waterfall v").replace('== "a"', '== "b"')
    bench = Bench(POOL, first, second, lot="10")
    assert [_draws(bench.ask(credits, kind=kind)) for credits, kind in ((4, "a"), (6, "b"))] == [
        {"money": "4"},
        {"money": "6"},
    ]
    assert not bench.ask(1, kind="a").allowed


@pytest.mark.rule("T2")
def test_a_settlement_is_by_the_admissions_prices_and_windows() -> None:
    engine, clock = _priced()
    clock.set(NOON + 12 * HOUR - 60_000_000)
    held = engine.reserve(Request(id="r", account=ANA, fields={"model": "m"}, meters={"tokens": 100})).hold
    assert held is not None
    clock.set(NOON + 12 * HOUR + 60_000_000)
    answer = engine.capture(held.id, {"tokens": 300})
    assert (answer["used"], answer["covered"], answer["absorbed"]) == ("1.5", "1", "0.5")
    assert _ask(engine, "new", 20).draws[0].windows[0].after == "1"


@pytest.mark.rule("T1")
@pytest.mark.rule("I3")
@pytest.mark.rule("V1")
def test_a_decision_is_made_of_what_is_given_and_names_it() -> None:
    decisions = []
    for _ in range(2):
        engine, clock = _priced()
        clock.set(NOON + DAY)
        decisions.append(_ask(engine, "r", 10))
    one, other = decisions
    assert one.json == other.json
    policy = one.record.policy
    assert (policy.name, policy.version, policy.rate_card) == ("p", 7, "card@2026-10-06")
    assert policy.digest.startswith("sha256:")
    assert (one.record.at, one.record.account_version) == ("2026-10-06T12:00:00.000000Z", 0)


@pytest.mark.rule("T2")
@pytest.mark.parametrize(
    ("between", "captured", "limit", "pool"),
    [
        (0, 5, "2", None),  # nobody has drawn on the next day: the day before is the window's last
        (1, 5, "2", None),
        (10, 5, "2", None),
        (1, 9, "6", None),
        (1, 14, "7", "4"),  # of ten seven were left
    ],
)
def test_the_excess_of_a_capture_counts_in_the_closed_day_of_its_admission_as_far_as_that_has_room(
    between: int, captured: int, limit: str, pool: str | None
) -> None:
    day = "limit day { per user; unit credits; window day: calendar day in UTC; capacity day 10 credits; }"
    holds = "holds expire after 2d, late capture 1h;"
    bench = Bench(day, POOL, _waterfall(holds, "draw day;", "draw money;"))
    hold = bench.engine.reserve(bench.request(3)).hold
    other = bench.engine.reserve(bench.request(0)).hold
    assert hold is not None and other is not None
    bench.clock.set(NOON + 24 * HOUR)
    if between:
        assert bench.ask(between).allowed
    answer = bench.engine.capture(hold.id, {"credits": captured})
    drawn = {draw["layer"]: draw["amount"] for draw in answer["draws"] if draw["from"] == "free"}
    assert drawn == {name: amount for name, amount in (("day", limit), ("money", pool)) if amount}
    state = bench.engine.account(ANA)
    assert state.windows["day.day"][3] == (between or min(captured, 10))  # the day that is open is as it was
    if between:
        assert state.closed["day.day@1"][3] == min(captured, 10)
    bench.engine.release(other.id)
    assert bench.engine.account(ANA).closed == {}


@pytest.mark.rule("T2")
def test_a_day_in_which_nothing_was_drawn_has_its_room_for_what_was_admitted_in_it() -> None:
    day = "limit day { per user; unit credits; window day: calendar day in UTC; capacity day 10 credits; }"
    bench = Bench(day, POOL, _waterfall("holds expire after 5d, late capture 1h;", "draw day;", "draw money;"))
    assert bench.ask(1).allowed
    bench.clock.set(NOON + 24 * HOUR)
    holds = [bench.engine.reserve(bench.request(0)).hold for _ in range(2)]
    bench.clock.set(NOON + 48 * HOUR)
    assert bench.ask(4).allowed
    drawn = []
    for hold, credits in zip(holds, (6, 7), strict=True):
        assert hold is not None
        answer = bench.engine.capture(hold.id, {"credits": credits})
        drawn.append({draw["layer"]: draw["amount"] for draw in answer["draws"]})
    assert drawn == [{"day": "6"}, {"day": "4", "money": "3"}]
    assert bench.engine.account(ANA).windows["day.day"][3] == 4


@pytest.mark.rule("W8")
@pytest.mark.parametrize("before", ["5h from first_use", "sliding 5h"])
def test_a_window_that_a_policy_makes_a_bucket_refills_at_once_whoever_looks(before: str, tmp_path: Path) -> None:
    """Ana has used 30 of a window since 12:00, and has a bucket of 20, 5 a minute, from 12:03 on."""
    limit = "limit rush { per user; unit credits; window w: WINDOW; CAPACITY }"
    clock, db = ManualClock(NOON), tmp_path / "x.db"

    def opened(window: str, capacity: str = "") -> Engine:
        text = HEAD + limit.replace("WINDOW", window).replace("CAPACITY", capacity) + _waterfall("draw rush;")
        return Engine.open({"p.spill": text.replace("add_money", "upgrade").encode()}, db=db, clock=clock)

    with opened(before, "capacity 30 credits;") as engine:
        engine.decide(Request(id="r1", account=ANA, meters={"credits": 30}))
    clock.set(NOON + 3 * MINUTE)
    with opened("bucket 5 credits per 1min burst 20 credits") as engine:
        denied = engine.decide(Request(id="r2", account=ANA, meters={"credits": 20}))
        assert (denied.record.available, denied.retry_at) == ("5", "2026-10-05T12:06:00Z")
        clock.set(NOON + 6 * MINUTE)
        assert engine.decide(Request(id="r3", account=ANA, meters={"credits": 20})).allowed


@pytest.mark.rule("V4")
@pytest.mark.parametrize(
    ("written", "message"),
    [("language 2;", "this version reads language 1, not 2"), ("", "no file of the bundle has a `language` line")],
)
def test_a_policy_names_the_version_of_its_language_and_another_is_not_read(written: str, message: str) -> None:
    text = (HEAD + POOL + _waterfall("draw money;")).replace("language 1;", written)
    with pytest.raises(PolicyFaults) as faults:
        Engine.open({"p.spill": text.encode()})
    assert message in str(faults.value)
