"""Decisions on generated policies: three programs that agree, and what must hold for every one of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import pairwise
from math import floor
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from decide import oracle
from decide.oracle import Oracle
from decide.oracle_rooms import Rooms
from decide.oracle_values import Values
from overspill.account.state import EMPTY, Account
from overspill.decide.decide import Decided, decide
from overspill.decide.forms import has_form, has_forms
from overspill.decide.render import render
from overspill.plan.lots import default_order
from overspill.plan.plan import PoolLayer
from overspill.plan.program import Program, interpreted
from overspill.plan.raw import COVERED, SHORT, STOPPED
from overspill.records.answers import Decision, DecisionRecord
from overspill.review.diff import read_side
from overspill.step.commands import Command, Consume, Preview
from overspill.step.keys import identify
from overspill.step.step import Outcome, step
from overspill.words.amounts import UNLIMITED, steps_from_text
from overspill.words.codec import json_decoder, replace
from overspill.words.instants import DAY, NEVER, instant_from_text
from support.worlds import PlansOf, World, decided_of, worlds


def _step(
    world: World, command: Command | None = None, now: int | None = None, program: Program | None = None
) -> Outcome:
    command = command or Consume(tenant="default", request=world.request)
    plans = PlansOf(program or world.program)
    return step(plans, lambda key: world.accounts.get(key, EMPTY), identify(command), now or world.now, 1)


def _inputs(world: World) -> dict[str, Any]:
    """What conditions read, by kind."""
    request, user = world.request, world.accounts["default/user/u_1"].attributes
    ids = user.get("groups", ())
    groups = [_values(world.accounts[f"default/groups/{id}"].attributes) for id in ids]  # type: ignore[union-attr]
    asked = {"speed": "standard", "cached": 0, "initiator": request.initiator, **request.fields, **request.meters}
    workspace = (
        world.accounts["default/workspace/w_1"].attributes | {"id": "w_1"} if "workspace" in request.account else {}
    )
    return {
        "request": _values(asked),
        "user": _values({"blocked": False, "divisor": 1, "opted": "yes", **user, "groups": groups}),
        "workspace": _values(workspace),
    }


def _values(values: Mapping[str, object]) -> SimpleNamespace:
    return SimpleNamespace(**values)


@given(worlds())
def test_generated_code_interpreter_and_oracle_agree(world: World) -> None:
    decided = decided_of(world)
    plain = PlansOf(Program(world.program.plan, interpreted)).program
    again = decide(plain, decided.admitted, decided.accounts, world.now)
    assert again.raw == decided.raw
    assert _told(decided) == _expected(world)


def _told(decided: Decided) -> tuple[Any, ...]:
    layers = decided.waterfall.layers
    draws = {layers[index].name: decided.raw[5][index][1:3] for index in decided.drawing}
    return decided.outcome, decided.raw[2], decided.granted, draws


def _expected(world: World) -> Any:
    """What the oracle says, in the form of `_told`."""
    policy = read_side({"generated.spill": world.text.encode()}).canonical
    accounts = {
        key.split("/")[1]: {"windows": account.windows, "pools": account.pools, "since": account.since}
        for key, account in world.accounts.items()
    }
    request = world.request
    bounds = {
        "only": request.only,
        "max_charge": UNLIMITED if request.max_charge is None else _steps(request.max_charge["credits"]),
        "at_least": _steps(request.at_least or "0"),
    }
    return Oracle(policy, _inputs(world), accounts, world.now, **bounds).decide()


@given(worlds())
def test_what_is_covered_has_a_form_which_gives_the_plain_writers_bytes(world: World) -> None:
    decided = decided_of(world)
    shown = {"id": "dec_x", "request_json": "{}", "request_digest": "0", "account_version": 3, "hold": None}
    written = render(decided, **shown)  # type: ignore[arg-type]
    plain = render(decided, **shown, plainly=True)  # type: ignore[arg-type]
    assert written.json == plain.json
    assert Decision(written).outcome == Decision(plain).outcome == decided.outcome
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
    decided = decided_of(world)
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
    decided = decided_of(world)
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


def _always(value: object) -> Callable[..., object]:
    return lambda *_: value


@pytest.mark.parametrize(
    ("owner", "name", "wrong"),
    [
        pytest.param(oracle, "covered", lambda asked, room, rate: (min(asked, room // rate), 0), id="nothing is drawn"),
        pytest.param(oracle, "ROUNDED", dict.fromkeys(oracle.ROUNDED, floor), id="prices are rounded down"),
        pytest.param(Oracle, "guard", _always(0), id="guards deny nothing"),
        pytest.param(Values, "holds", _always(1), id="every condition holds"),
        pytest.param(Values, "bounds", _always(()), id="bounds are absent"),
        pytest.param(Rooms, "of_cap", _always(0), id="caps let nothing through"),
        pytest.param(Rooms, "of_grace", _always(UNLIMITED), id="a grace covers everything"),
        pytest.param(Rooms, "of_allowance", _always(0), id="allowances are empty"),
        pytest.param(Rooms, "is_in_force", _always(1), id="everything is in force"),
        pytest.param(Rooms, "is_reset", _always(1), id="a reset covers every window"),
        pytest.param(Rooms, "is_occupied", _always(0), id="holds are without number"),
    ],
)
def test_a_planted_difference_is_found(
    monkeypatch: pytest.MonkeyPatch, owner: object, name: str, wrong: object
) -> None:
    """The canary: an oracle that is wrong in one thing disagrees somewhere."""
    monkeypatch.setattr(owner, name, wrong)
    find(worlds(), lambda world: _told(decided_of(world)) != _expected(world), settings=_UNTIL_FOUND)


_UNTIL_FOUND = settings(max_examples=5000, phases=[Phase.generate], deadline=None, derandomize=True)
