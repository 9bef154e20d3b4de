"""Decisions on generated policies: three programs that agree, and what must hold for every one of them."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decide import oracle
from overspill.account.state import EMPTY, Account
from overspill.decide.admit import admit
from overspill.decide.decide import Decided, decide
from overspill.decide.forms import has_form, has_forms
from overspill.decide.render import render
from overspill.plan.lots import default_order
from overspill.plan.plan import PoolLayer
from overspill.plan.program import Program, interpreted
from overspill.plan.raw import COVERED, SHORT, STOPPED
from overspill.records.answers import DecisionRecord
from overspill.review.diff import read_side
from overspill.step.commands import Command, Consume, Preview
from overspill.step.keys import identify
from overspill.step.step import Batch, Outcome, step
from overspill.words.amounts import steps_from_text
from overspill.words.codec import json_decoder, replace
from overspill.words.instants import DAY, NEVER, instant_from_text
from support.worlds import World, worlds


class _Plans:
    def __init__(self, program: Program) -> None:
        self.program = program

    def active(self) -> Program:
        return self.program

    def of(self, digest: str) -> Program:
        return self.program


def _step(
    world: World, command: Command | None = None, now: int | None = None, program: Program | None = None
) -> Outcome:
    command = command or Consume(tenant="default", request=world.request)
    plans = _Plans(program or world.program)
    return step(plans, lambda key: world.accounts.get(key, EMPTY), identify(command), now or world.now, 1)


def _decided(world: World) -> Decided:
    admitted = admit(world.program.plan, world.request)
    names = world.program.plan.kind_names
    accounts: list[Account | None] = [
        None if id is None else world.accounts[f"default/{name}/{id}"]
        for name, id in zip(names, admitted.ids, strict=True)
    ]
    batch = Batch(_Plans(world.program), lambda key: world.accounts.get(key, EMPTY), world.now, 1)
    accounts += batch.members(world.program.plan, "default", accounts)
    return decide(world.program, admitted, accounts, world.now)


def _facts(world: World) -> dict[str, Any]:
    user = world.accounts["default/user/u_1"].attributes
    facts: dict[str, Any] = {"user.blocked": False, "user.divisor": 1, "user.opted": "yes"}
    facts |= {f"user.{name}": value for name, value in user.items()}
    facts |= {"request.speed": "standard", "request.cached": 0, "request.initiator": world.request.initiator}
    facts |= {f"request.{name}": value for name, value in {**world.request.fields, **world.request.meters}.items()}
    ids = user.get("groups", ())
    groups = [world.accounts[f"default/groups/{id}"].attributes for id in ids]  # type: ignore[union-attr]
    return {**facts, "groups": groups, "workspace": world.request.account.get("workspace")}


@given(worlds())
def test_generated_code_interpreter_and_oracle_agree(world: World) -> None:
    decided = _decided(world)
    plain = _Plans(Program(world.program.plan, interpreted)).program
    again = decide(plain, decided.admitted, decided.accounts, world.now)
    assert again.raw == decided.raw
    policy = read_side({"generated.spill": world.text.encode()}).canonical
    accounts = {
        key.split("/")[1]: {
            "windows": account.windows,
            "pools": account.pools,
            "attributes": account.attributes,
            "since": account.since,
        }
        for key, account in world.accounts.items()
    }
    request = world.request
    most = None if request.max_charge is None else _steps(request.max_charge["credits"])
    outcome, base, granted, draws = oracle.decide(policy, _facts(world), accounts, world.now, request.only, most)
    if outcome == "partial" and granted < _steps(request.at_least or "0"):
        outcome, granted, draws = "deny", 0, {}
    layers = decided.waterfall.layers
    found = {layers[index].name: decided.raw[5][index][1:3] for index in decided.drawing}
    assert (decided.outcome, decided.raw[2], decided.granted, found) == (outcome, base, granted, draws)


@given(worlds())
def test_what_is_covered_has_a_form_which_gives_the_plain_writers_bytes(world: World) -> None:
    decided = _decided(world)
    shown = {"id": "dec_x", "request_json": "{}", "request_digest": "0", "account_version": 3, "hold": None}
    written = render(decided, **shown)  # type: ignore[arg-type]
    assert written.json == render(decided, **shown, plainly=True).json  # type: ignore[arg-type]
    steps = zip(decided.waterfall.layers, decided.raw[5], strict=False)
    told = has_forms(decided.waterfall) and all(len(step) == 2 or has_form(layer) for layer, step in steps)
    assert (written.form is not None) == (decided.raw[0] == COVERED and told)


@given(worlds())
@pytest.mark.rule("L4")
@pytest.mark.rule("L2")
def test_draws_sum_to_what_was_granted_and_later_layers_wait_for_earlier_ones(world: World) -> None:
    decision = json_decoder(DecisionRecord).decode(_step(world).answer)
    scale = decision.granted
    assert sum(_steps(draw.base) for draw in decision.draws) == _steps(scale)
    steps = [one for one in decision.trace if hasattr(one, "layer")]
    for earlier, later in pairwise(steps):
        if later.verdict == "drew" and not world.program.plan.waterfalls[0].fill_whole:
            assert earlier.verdict in ("skipped", "not_applicable", "error") or earlier.cause is not None


def _steps(text: str) -> int:
    from overspill.words.amounts import Unit

    return steps_from_text(text, Unit("credits", 2))


@given(worlds())
@pytest.mark.rule("L6")
def test_a_denial_changes_nothing(world: World) -> None:
    outcome = _step(world)
    if json.loads(outcome.answer)["outcome"] == "deny":
        own = outcome.records[-1]  # what has ended on its accounts is written down before it
        assert (own.effects, own.events) == ({}, ())


@given(worlds())
@pytest.mark.rule("S1")
def test_preview_is_the_decision(world: World) -> None:
    consumed = json.loads(_step(world).answer)
    previewed = json.loads(_step(world, Preview(tenant="default", request=world.request)).answer)
    for one in (consumed, previewed):
        for effect in one["trace"][-1]["effects"]:
            del effect["key"]
        del one["decision"]
    assert previewed == consumed


@given(worlds())
@pytest.mark.rule("L6")
def test_retry_at_is_the_first_instant_that_passes(world: World) -> None:
    answer = json.loads(_step(world).answer)
    if answer["outcome"] != "deny" or answer["retry_at"] is None:
        return
    at = instant_from_text(answer["retry_at"])
    assert json.loads(_step(world, now=at).answer)["outcome"] != "deny"
    assert json.loads(_step(world, now=at - 1).answer)["outcome"] == "deny"


@given(worlds(), st.integers(1, 40 * DAY))
@pytest.mark.rule("L6")
def test_no_instant_before_retry_at_passes(world: World, later: int) -> None:
    answer = json.loads(_step(world).answer)
    at = world.now + later
    if answer["outcome"] == "deny" and (answer["retry_at"] is None or at < instant_from_text(answer["retry_at"])):
        assert json.loads(_step(world, now=at).answer)["outcome"] == "deny"


@given(worlds())
@pytest.mark.rule("L6")
def test_the_smallest_purchase_helps_and_one_step_less_does_not(world: World) -> None:
    decided = _decided(world)
    answer = json.loads(_step(world).answer)
    for offer in answer["offers"]:
        if "amount" not in offer:
            continue
        layer = next(one for one in decided.waterfall.layers if one.name == offer["pool"])
        assert isinstance(layer, PoolLayer)
        kind = world.program.plan.kind_names[layer.account]
        key = f"default/{kind}/{world.request.account[kind]}"
        for less, helped in ((0, True), (1, False)):
            amount = _steps(offer["amount"]) - less
            if amount:
                richer = _with_lot(world.accounts[key], layer.name, amount)
                outcome = _step(
                    World(world.text, world.program, {**world.accounts, key: richer}, world.request, world.now)
                )
                assert (json.loads(outcome.answer)["outcome"] == "allow") is helped


def _with_lot(account: Account, pool: str, amount: int) -> Account:
    lot = ("bought", amount, 0, NEVER, 9, 1, amount)
    pools = {**account.pools, pool: tuple(sorted((*account.pools.get(pool, ()), lot), key=default_order))}
    return replace(account, pools=pools)


@given(worlds())
def test_offers_that_would_not_help_are_left_out(world: World) -> None:
    decided = _decided(world)
    answer = json.loads(_step(world).answer)
    if decided.raw[0] not in (SHORT, STOPPED):
        assert answer["offers"] == []


@given(worlds())
def test_every_layer_has_one_step_and_the_outcome_is_the_last(world: World) -> None:
    decision = json_decoder(DecisionRecord).decode(_step(world).answer)
    layers = [one.layer for one in decision.trace if hasattr(one, "layer")]
    assert layers == [layer.name for layer in world.program.plan.waterfalls[0].layers]
    assert type(decision.trace[0]).__name__ == "InputsStep"
    assert type(decision.trace[-1]).__name__ == "OutcomeStep"


def test_a_planted_difference_is_found() -> None:
    """The canary: an oracle that rounds the wrong way must disagree somewhere."""
    assert oracle.covered(10, 7, oracle.Fraction(5, 2)) == (2, 5)
    assert oracle.covered(10, 7, oracle.Fraction(1, 3)) == (10, 4)
    assert oracle.covered(3, None, oracle.Fraction(5, 2)) == (3, 8)
