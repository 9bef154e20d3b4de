"""Capacities times a factor: when they are in force, how they multiply and round, and what becomes of use beyond them."""

from __future__ import annotations

import pytest

from overspill import Engine, ManualClock, Request
from overspill.plan.interpret import capacities_at
from overspill.plan.plan import CapacityTimes
from overspill.words.amounts import STEPS_MAX, UNLIMITED
from overspill.words.instants import DAY, HOUR, instant_from_text
from support.texts import DSL

TWICE = CapacityTimes(starts=10, ends=20, factor=(2, 1))
THIRD = CapacityTimes(starts=15, ends=30, factor=(333, 1000))
HALF = CapacityTimes(starts=10, ends=20, factor=(1, 2))

# in force, now, capacities, what they are then
CASES = [
    ((TWICE,), 9, (5, UNLIMITED), (5, UNLIMITED)),
    ((TWICE,), 10, (5, UNLIMITED), (10, UNLIMITED)),
    ((TWICE,), 19, (5, 0), (10, 0)),
    ((TWICE,), 20, (5, 0), (5, 0)),
    ((TWICE, THIRD), 15, (10,), (6,)),
    ((TWICE, THIRD), 20, (10,), (3,)),
    ((TWICE, HALF), 10, (5,), (5,)),
    ((HALF,), 10, (5, 1), (2, 0)),
    ((TWICE,), 10, (STEPS_MAX,), (STEPS_MAX,)),
]


@pytest.mark.rule("W5")
@pytest.mark.parametrize(("times", "now", "capacities", "expected"), CASES)
def test_what_is_in_force_multiplies_and_is_rounded_down_once(
    times: tuple[CapacityTimes, ...], now: int, capacities: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    assert capacities_at(capacities, times, now) == expected


@pytest.mark.rule("W5")
def test_a_capacity_that_ends_leaves_nothing_and_charges_nothing_back() -> None:
    times = "capacity times 2 from 2026-10-05T00:00:00Z until 2026-10-05T12:00:00Z;"
    text = DSL.replace("limit plan_limit {", f"limit plan_limit {{ {times}").replace(
        "draw money when", "draw money on error skip when"
    )
    clock = ManualClock(instant_from_text("2026-10-05T11:00:00Z"))
    ana = {"user": "u"}
    with Engine.open({"t.spill": text.encode()}, clock=clock) as engine:
        engine.set_attributes(ana, {"plan": "plus"}, id="s")

        def ask(id: str, tokens: int) -> tuple[str, list[str], str | None]:
            fields = {"product": "text", "model": "m1"}
            decision = engine.decide(Request(id=id, account=ana, fields=fields, meters={"tokens": tokens}))
            return decision.outcome, [draw.amount for draw in decision.draws], decision.retry_at

        assert ask("r1", 10_000) == ("allow", ["15"], None)
        clock.advance(HOUR)
        assert ask("r2", 1_000) == ("deny", [], "2026-10-06T00:00:00Z")
        clock.advance(DAY)
        assert ask("r3", 6_000) == ("allow", ["9"], None)


@pytest.mark.rule("L6")
def test_a_request_that_a_greater_capacity_would_cover_passes_when_it_begins() -> None:
    times = "capacity times 2 from 2026-10-05T12:00:00Z until 2026-10-06T00:00:00Z;"
    text = DSL.replace("limit plan_limit {", f"limit plan_limit {{ {times}")
    clock = ManualClock(instant_from_text("2026-10-05T11:00:00Z"))
    with Engine.open({"t.spill": text.encode()}, clock=clock) as engine:
        engine.set_attributes({"user": "u"}, {"plan": "plus"}, id="s")
        fields = {"product": "text", "model": "m1"}
        request = Request(id="r", account={"user": "u"}, fields=fields, meters={"tokens": 10_000})
        assert engine.decide(request).retry_at == "2026-10-05T12:00:00Z"
