"""Coverage: what there is to see of a policy, and what decisions show of it."""

from __future__ import annotations

import pytest
from hypothesis import given

from overspill.plan.program import Program
from overspill.review.cases import run_steps
from overspill.review.coverage import Coverage, Point, coverage_of, percent, points_of, seen_by
from overspill.review.report import coverage_object, coverage_text, named
from overspill.step.commands import Consume
from overspill.step.keys import identify
from overspill.step.step import step
from overspill.words.failures import Failure
from support.suites import program_of, run, steps, suite_of
from support.texts import DSL
from support.worlds import World, worlds


def asked(tokens: int, model: str = "m1") -> str:
    return f"decide: {{product: text, model: {model}, tokens: {tokens}}}"


def seen(*lines: str, dsl: str = DSL) -> set[str]:
    """The names of the points that one case shows."""
    program, _ = program_of(dsl)
    decisions = [data for result in run(steps(*lines), dsl) for data in result.decisions]
    found = seen_by(program.plan, decisions)
    return {name for name, point in named(found).items()}


POINTS = [
    "layer text plan_limit: drew",
    "layer text plan_limit: exhausted",
    "layer text plan_limit: not_reached",
    "layer text money: drew",
    "layer text money: exhausted",
    "layer text money: skipped",
    "layer text money: not_applicable",
    "layer text money: not_reached",
    "outcome text: allow",
    "outcome text: rate_zero",
    "outcome text: used_up",
    "outcome text: blocked",
    "condition text deny blocked: user.blocked: true",
    "condition text deny blocked: user.blocked: false",
    'condition text draw money: user.plan != "free": true',
    'condition text draw money: user.plan != "free": false',
    "condition text money skip opted_out: user.blocked: true",
    "condition text money skip opted_out: user.blocked: false",
    "layer pictures money: drew",
    "layer pictures money: exhausted",
    "layer pictures money: skipped",
    "layer pictures money: not_reached",
    "outcome pictures: allow",
    "outcome pictures: rate_zero",
    "outcome pictures: used_up",
    "outcome pictures: bounded",
    "condition pictures deny bounded: has(user.bound): true",
    "condition pictures deny bounded: has(user.bound): false",
    "condition pictures money skip opted_out: user.blocked: true",
    "condition pictures money skip opted_out: user.blocked: false",
    "boundary plan_limit.day plus: 9.99",
    "boundary plan_limit.day plus: 10",
    "boundary plan_limit.day plus: 10.01",
    "boundary plan_limit.day default: more than 0",
]


def test_the_points_of_a_policy_in_its_own_order() -> None:
    assert list(named(points_of(program_of()[0].plan))) == POINTS


SEEN = [
    (
        [asked(1000)],
        {
            "layer text plan_limit: drew",
            "layer text money: not_reached",
            "outcome text: allow",
            "condition text deny blocked: user.blocked: false",
        },
    ),
    ([asked(1, "m2")], {"layer text plan_limit: not_reached", "outcome text: rate_zero"}),
    (["set: {blocked: true}", asked(1)], {"outcome text: blocked", "condition text deny blocked: user.blocked: true"}),
    (
        ["set: {plan: free}", asked(1000)],
        {"layer text money: not_applicable", "boundary plan_limit.day default: more than 0"},
    ),
    ([asked(6660)], {"boundary plan_limit.day plus: 9.99"}),
    ([asked(6667)], {"boundary plan_limit.day plus: 10"}),
    (
        [asked(6673)],
        {"boundary plan_limit.day plus: 10.01", "layer text plan_limit: exhausted", "outcome text: used_up"},
    ),
    ([asked(1000), asked(5660)], {"boundary plan_limit.day plus: 9.99"}),
    (["grant: {pool: money, id: C1, amount: 5 credits}", asked(6673)], {"layer text money: drew"}),
]


@pytest.mark.parametrize(("lines", "points"), SEEN)
def test_decisions_show_points(lines: list[str], points: set[str]) -> None:
    assert points <= seen(*lines)


NOT_SEEN = [
    ([asked(6680)], "boundary plan_limit.day plus: 10.01"),
    ([asked(1)], "layer text plan_limit: exhausted"),
    (["set: {blocked: true}", asked(1)], "condition text money skip opted_out: user.blocked: true"),
    (["set: {plan: free}", asked(1000)], "condition text money skip opted_out: user.blocked: false"),
]


@pytest.mark.parametrize(("lines", "point"), NOT_SEEN)
def test_what_was_not_reached_was_not_seen(lines: list[str], point: str) -> None:
    assert point in POINTS
    assert point not in seen(*lines)


MORE = DSL.replace(
    'draw money when user.plan != "free";',
    'draw money when request.product == "text" && has(user.bound) && user.plan == "plus"; on shortfall partial;',
).replace("deny blocked when user.blocked;", "deny blocked when user.blocked; deny odd when 7 / tokens > 100;")
MORE_SEEN = [
    (
        [asked(8000)],
        {"outcome text: partial", "condition text draw money: has(user.bound): false"},
        'condition text draw money: user.plan == "plus": true',
    ),
    (
        ["set: {bound: 1 credits}", asked(8000)],
        {"condition text draw money: has(user.bound): true", 'condition text draw money: user.plan == "plus": true'},
        "condition text draw money: has(user.bound): false",
    ),
    ([asked(0)], {"outcome text: odd (error)"}, "outcome text: odd"),
]


@pytest.mark.parametrize(("lines", "points", "other"), MORE_SEEN)
def test_clauses_count_as_far_as_they_matter_and_errors_for_themselves(
    lines: list[str], points: set[str], other: str
) -> None:
    found = seen(*lines, dsl=MORE)
    assert points <= found
    assert other not in found
    assert other in named(points_of(program_of(MORE)[0].plan))


@given(worlds())
def test_whatever_a_decision_shows_is_a_point(world: World) -> None:
    """Boundaries aside, whose rows are as many as the plan has: no decision shows what the plan says cannot be."""
    plan = world.program.plan

    class Plans:
        def active(self) -> Program:
            return world.program

        def of(self, digest: str) -> Program:
            return world.program

    command = identify(Consume(tenant="default", request=world.request))
    try:
        outcome = step(Plans(), lambda key: world.accounts[key], command, world.now, 1)
    except Failure:
        return
    assert seen_by(plan, [outcome.answer]) <= set(points_of(plan))


def _coverage(lines: list[str], unreachable: dict[Point, str] | None = None) -> Coverage:
    program, words = program_of()
    result = run_steps(program, words, suite_of(steps(*lines)).cases[0])
    return coverage_of(program.plan, result.decisions, unreachable or {})


def test_percent_counts_what_can_be_reached_and_rounds_down() -> None:
    plan = program_of()[0].plan
    points = named(points_of(plan))
    assert percent([_coverage(["wait: 1s"])]) == 0
    assert percent([]) == 100
    few = _coverage([asked(1000)])
    assert (few.counted, len(few.missing), percent([few])) == (34, 30, 11)
    declared = {points[name]: "not now" for name in POINTS if points[name] in few.missing}
    all_but_one = dict(list(declared.items())[1:])
    assert percent([_coverage([asked(1000)], declared)]) == 100
    assert percent([_coverage([asked(1000)], all_but_one)]) == 80


def test_what_is_declared_unreachable_and_seen_is_stale_and_counts() -> None:
    drew = named(points_of(program_of()[0].plan))["layer text plan_limit: drew"]
    coverage = _coverage([asked(1000)], {drew: "never"})
    assert (coverage.stale, coverage.counted) == ((drew,), 34)
    assert "  declared unreachable, and seen: layer text plan_limit: drew" in coverage_text([coverage])


def test_coverage_reads_well() -> None:
    lines = coverage_text([_coverage([asked(6667), asked(6673)])])
    assert lines[0] == "tiny 1: 10 of 34 points seen"
    assert "  layer      text plan_limit  drew ✓  exhausted ✓  not_reached ✗" in lines
    assert "  boundary   plan_limit.day plus     9.99 ✗  10 ✓  10.01 ✗" in lines
    assert "  never tested: boundary plan_limit.day plus: 9.99  t.spill:22:3" in lines
    assert lines[-1] == "coverage 29 %"
    found = coverage_object([_coverage([asked(6667), asked(6673)])])
    assert found["percent"] == 29
    assert len(found["policies"][0]["missing"]) == 24
