"""What holds after every step: the engine's own truths, each with a decision that breaks it, and a file's conditions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given

from overspill.plan.plan import Waterfall
from overspill.plan.program import DecideFunction, Program, interpreted
from overspill.plan.raw import Raw
from overspill.review import invariants
from overspill.review.cases import run_steps
from overspill.review.suite import Ask, Case, Given, GivenLot, GivenWindow, Step
from overspill.review.vocabulary import vocabulary_of
from overspill.words.spans import Source, Span
from support.suites import ASK, program_of, run, said, steps, suite_of
from support.texts import DSL
from support.worlds import World, worlds

LONG = "decide: {product: text, model: m1, tokens: 8000}"


def decision(line: str = ASK) -> dict[str, Any]:
    (result,) = run(steps(line))
    found: dict[str, Any] = json.loads(result.decisions[0])
    return found


# ---- the engine's own: true, and a canary that must be found


@pytest.mark.rule("L4")
def test_draws_sum_to_granted() -> None:
    found = decision()
    assert invariants.draws_sum_to_granted(found) is None
    broken = {**found, "granted": "1.49"}
    assert invariants.draws_sum_to_granted(broken) == "the draws come to 1.5 credits, and 1.49 are granted"


@pytest.mark.rule("L6")
def test_denials_change_nothing() -> None:
    denied = decision(LONG)
    assert invariants.denials_change_nothing(denied, ()) is None
    assert invariants.denials_change_nothing(decision(), ("case/user/u_1",)) is None
    assert invariants.denials_change_nothing(denied, ("case/user/u_1",)) == "the denial changes case/user/u_1"


@pytest.mark.rule("S1")
def test_preview_is_the_same_decision() -> None:
    found = decision()
    assert invariants.twin_is_equal(found, dict(found)) is None
    assert invariants.twin_is_equal(found, {**found, "hold": {"id": "h"}}) is None
    assert invariants.twin_is_equal(found, {**found, "granted": "1"}) == "preview and decide differ in granted"


@pytest.mark.parametrize(
    ("from_call", "problem"),
    [
        (1, "invariant draws sum to granted: the draws come to 11.9 credits, and 12 are granted"),
        (2, "invariant preview equals decide: preview and decide differ in draws, trace"),
    ],
)
def test_an_engine_that_breaks_them_is_found(from_call: int, problem: str) -> None:
    """The canary: a program whose decisions draw too little, at once or from their second call on."""
    program, words = program_of()
    calls = []

    def faulty(waterfall: Waterfall) -> DecideFunction:
        def decide(*asked: Any) -> Raw:
            calls.append(1)
            ending, at, base, left, facts, steps = interpreted(waterfall)(*asked)
            if len(calls) >= from_call:
                steps = ((steps[0][0], steps[0][1] - 10, *steps[0][2:]), *steps[1:])  # type: ignore[assignment]
            return (ending, at, base, left, facts, steps)

        return decide

    case = suite_of(steps("grant: {pool: money, id: C1, amount: 5 credits}", LONG)).cases[0]
    result = run_steps(Program(program.plan, faulty), words, case)
    assert problem in said(result)


def _case(world: World) -> Case:
    """A generated world as a case of one step."""
    span = Span(Source("t", "t"), 0, 1)
    state: Mapping[str, Any] = {key.split("/")[1]: account for key, account in world.accounts.items()}
    everything = Given(
        at=world.now,
        account=world.request.account,
        attributes={(kind, name): value for kind, one in state.items() for name, value in one.attributes.items()},
        windows={
            key: GivenWindow(window[3], window[0], window[1], window[2])
            for one in state.values()
            for key, window in one.windows.items()
        },
        lots={
            key: tuple(GivenLot(lot[0], lot[1], lot[2], lot[3], lot[4], lot[5]) for lot in lots)
            for one in state.values()
            for key, lots in one.pools.items()
        },
    )
    values = {name: str(value) for name, value in {**world.request.fields, **world.request.meters}.items()}
    asks = [Step(word, Ask(word=word, values=values), (), span) for word in ("preview", "decide", "reserve")]
    return Case("generated", span, everything, (), tuple(asks), None)


@given(worlds())
def test_they_hold_in_generated_worlds(world: World) -> None:
    result = run_steps(world.program, vocabulary_of(world.program.plan), _case(world))
    assert [line for line in said(result) if line.startswith("invariant")] == []


# ---- what a file states

STATED = [
    ("'granted <= requested'", []),
    ('\'outcome == "allow" && code == "" && unit == "credits"\'', []),
    ("'size(draws) == 1 && size(charge) == 0'", []),
    ("'granted == 150 && shortfall == 0'", []),
    ('\'user.plan == "plus" && request.model == "m1" && tokens == 1000\'', []),
    ("'user.id == \"u_1\" && !user.blocked'", []),
    ("'granted > 150'", ["invariant i: it is false: granted > 150"]),
    ("'available == 0'", ["invariant i: it cannot be evaluated: no such key: available: available == 0"]),
    (
        "'granted / size(charge) == 1'",
        ["invariant i: it cannot be evaluated: divide by zero: granted / size(charge) == 1"],
    ),
]


@pytest.mark.parametrize(("expression", "problems"), STATED)
def test_stated_invariants_are_asked_of_every_decision(expression: str, problems: list[str]) -> None:
    (result,) = run(f"invariants: {{i: {expression}}}\n" + steps(ASK))
    assert said(result) == problems


POLICY_INVARIANTS = [
    ('user.plan == "plus"', []),
    ('draws.all(d, d.layer != "money")', []),
    ("draws.exists(d, d.amount == 150)", []),
    ("user.blocked", ["invariant own (t.spill:LINE:11): it is false: user.blocked"]),
    (
        "1 / size(user.plan) == 0 && 1 / (size(draws) - 1) == 1",
        [
            "invariant own (t.spill:LINE:11): it cannot be evaluated: divide by zero: "
            "1 / size(user.plan) == 0 && 1 / (size(draws) - 1) == 1"
        ],
    ),
]


@pytest.mark.parametrize(("expression", "problems"), POLICY_INVARIANTS)
def test_a_policys_own_invariants_are_asked_of_every_decision(expression: str, problems: list[str]) -> None:
    policy = f"{DSL}\ninvariant own: {expression};\n"
    line = str(policy[: policy.index("invariant own")].count("\n") + 1)
    (result,) = run(steps(ASK), policy)
    assert said(result) == [problem.replace("LINE", line) for problem in problems]


def test_an_invariant_of_a_case_holds_for_that_case_alone() -> None:
    text = steps(ASK) + "  - name: other\n    invariants: {none: 'granted == 0'}\n    steps:\n"
    text += "      - decide: {product: text, model: m1, tokens: 1000}\n"
    assert [said(result) for result in run(text)] == [[], ["invariant none: it is false: granted == 0"]]


def test_a_denial_says_what_was_available_and_a_purchase_what_it_costs() -> None:
    lines = [LONG, "grant: {pool: money, id: C1, amount: 5 credits}", LONG]
    text = "invariants: {i: 'outcome == \"deny\" ? available + shortfall == requested : granted == requested'}\n"
    (result,) = run(text + steps(*lines))
    assert said(result) == []
