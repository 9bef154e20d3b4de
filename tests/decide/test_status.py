"""An account's page and the gate cannot disagree: on generated worlds, whatever a decision meets the page has shown."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from decide.test_decisions import _step
from overspill.account.state import EMPTY
from overspill.step.status import status
from overspill.step.step import Batch
from overspill.words.failures import Failure
from support.worlds import PlansOf, World, worlds

Object = dict[str, Any]


def _page(world: World, *, asked: bool) -> Object:
    plans = PlansOf(world.program)
    batch = Batch(plans, lambda key: world.accounts.get(key, EMPTY), world.now, 1)
    request = world.request if asked else None
    shown: Object = json.loads(status(plans, batch, "default", world.request.account, request, lambda _: {}))
    return shown


def _counters(page: Object) -> dict[tuple[str, str], Object]:
    return {
        (account["account"], counter["key"]): counter
        for account in page["accounts"]
        for counter in (*account["windows"], *account["counters"])
    }


def _lots(page: Object) -> dict[tuple[str, str], list[Object]]:
    return {
        (account["account"], pool["pool"]): pool["lots"] for account in page["accounts"] for pool in account["pools"]
    }


def _met(decision: Object, owners: dict[str, str]) -> list[tuple[str, Object]]:
    """(name of the layer or cap, what the decision says of a counter there), the first time that it meets the counter;
    without caps of accounts that the request does not name."""
    found: list[tuple[str, Object]] = []
    seen = set()
    for step in decision["trace"]:
        if step["step"] != "layer" or "asked" not in step:
            continue
        parts = [*step.get("windows", ()), *([step["overage"]] if "overage" in step else [])]
        found += [(step["layer"], part) for part in parts]
        for cap in step.get("caps", ()):
            if cap["cap"] not in seen:  # behind it stands what earlier layers count for this very request
                seen.add(cap["cap"])
                found.append((cap["cap"], cap))
    return [(name, part) for name, part in found if name in owners]


def _agrees(page: Object, decision: Object, owners: dict[str, str], request: Object, *, asked: bool) -> int:
    """How many counters of the decision the page shows just so."""
    shown = _counters(page)
    count = 0
    for name, part in _met(decision, owners):
        counter = _shown(shown, owners[name], name, part, request)
        assert not asked or (counter is not None and not counter["unknown"]), (name, part, counter)
        if counter is not None and not counter["unknown"]:
            expected = (part["generation"], part["before"], part["limit"], part["ends_at"])
            assert (counter["generation"], counter["used"], counter["limit"], counter["ends_at"]) == expected
            count += 1
    return count


def _shown(shown: dict[tuple[str, str], Object], owner: str, name: str, part: Object, request: Object) -> Object | None:
    """The counter on the page, by its plain key or by the one of the request's own values."""
    own = {"e": "allowance", "g": "grace", "p": "overage", "c": "month"}.get(name[0]) or part["window"]
    field = "turn" if own == "grace" else "model"
    keys = (f"{name}.{own}", f"{name}.{own}|{request.get(field)}")
    return next((shown[owner, key] for key in keys if (owner, key) in shown), None)


def _owners(world: World) -> dict[str, str]:
    """Layer or cap → the account that keeps it, where the request names one."""
    plan = world.program.plan
    named = {kind: f"{kind}/{id}" for kind, id in world.request.account.items()}
    layers = plan.waterfalls[0].layers
    kept = [(layer.name, layer.account) for layer in layers]
    kept += [(cap.key.split(".")[0], cap.account) for layer in layers for cap in layer.caps]
    return {name: named[plan.kind_names[kind]] for name, kind in kept if plan.kind_names[kind] in named}


@given(worlds())
@pytest.mark.rule("S1")
def test_what_a_decision_meets_the_page_has_shown(world: World) -> None:
    request = dict(world.request.fields)
    try:
        decision = json.loads(_step(world).answer)
    except Failure:
        return
    owners = _owners(world)
    asked, unasked = _page(world, asked=True), _page(world, asked=False)
    assert _agrees(asked, decision, owners, request, asked=True) == len(_met(decision, owners))
    _agrees(unasked, decision, owners, request, asked=False)
    for page in (asked, unasked):
        for step in decision["trace"]:
            if step["step"] == "layer" and "lots" in step:
                usable = [lot for lot in _lots(page)[owners[step["layer"]], step["layer"]] if lot["usable"]]
                drawn = [(lot["lot"], lot["before"], lot["expires_at"]) for lot in step["lots"]]
                assert [(lot["lot"], lot["left"], lot["expires_at"]) for lot in usable[: len(drawn)]] == drawn


@given(worlds())
@pytest.mark.rule("S1")
def test_the_pages_decision_is_the_preview_of_the_same_states(world: World) -> None:
    page = _page(world, asked=True)
    decision = json.loads(_step(world).answer)
    previewed = page["decision"]
    for one in (decision, previewed):
        del one["decision"]
        for effect in one["trace"][-1]["effects"]:
            del effect["key"]
    assert previewed == decision
    assert page["accounts"][0]["version"] == decision["account_version"]


@given(worlds())
def test_four_numbers_add_up(world: World) -> None:
    for account in _page(world, asked=False)["accounts"]:
        for pool in account["pools"]:
            settled, pending, held, available, rest = (
                Decimal(pool[name]) for name in ("settled", "pending", "held", "available", "not_usable")
            )
            assert settled - pending - held == available + rest
            assert available == sum(Decimal(lot["left"]) for lot in pool["lots"] if lot["usable"])


def test_a_page_that_shows_another_number_is_found() -> None:
    """The canary."""
    part = {"window": "w0", "generation": 1, "before": "5", "limit": "10", "ends_at": None}
    decision = {"trace": [{"step": "layer", "layer": "l0", "asked": "1", "windows": [part]}]}
    counter = {"key": "l0.w0", "generation": 1, "used": "5", "limit": "10", "ends_at": None, "unknown": []}
    page = {"accounts": [{"account": "user/u_1", "windows": [counter], "counters": []}]}
    assert _agrees(page, decision, {"l0": "user/u_1"}, {}, asked=True) == 1
    counter["used"] = "4"
    with pytest.raises(AssertionError):
        _agrees(page, decision, {"l0": "user/u_1"}, {}, asked=True)
