"""What changes an account, its lots and its purchases, by both clients of a service; and that nothing of the service was forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from account.test_layers import HEAD, LIMIT
from client.both import ANA, NAMES, Both, turn
from overspill import Request
from overspill.client import Client
from overspill.runtime.payments import WAIT, ScriptedPayments
from overspill.serve.operations import OPERATIONS
from support.services import Served, served, with_ana
from support.serving import Scripted, Time

BO = {"user": "u_bo"}
BANKED = HEAD + LIMIT.replace("RESET", "banked_reset valid 30d keep_anchor;")
BANKED += "waterfall w { serves true; counts credits; draw five; otherwise deny used_up; }"


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def both_of(one: Served, name: str) -> tuple[Both, Scripted]:
    way = Scripted(one.app, one.all.key)
    return Both(name, way, time=Time()), way


@pytest.fixture
def one() -> Iterator[Served]:
    with served() as found:
        yield with_ana(found)


TOP_UP = {"enabled": True, "minimum": "5", "target": "100", "monthly_maximum": "500", "agreed_by": "user/u_ana"}
CHANGES: dict[str, tuple[str, tuple[Any, ...], dict[str, Any], dict[str, Any]]] = {
    # the operation → the method, what it is given, and what the receipt says
    "set_attributes": ("set_attributes", (BO, {"plan": "pro"}), {}, {"attributes": {"plan": "pro"}}),
    "grant": (
        "grant",
        (BO, "credits", "5"),
        {"cost": "1.00 usd", "expires_at": "2026-11-06T12:00:00Z", "category": "promotional", "priority": 3},
        {
            "lot": "k",
            "balance": "5",
            "cost": "1 usd",
            "expires_at": "2026-11-06T12:00:00Z",
            "priority": 3,
        },
    ),
    "agree_to_top_up": (
        "set_top_up",
        (ANA, "credits"),
        TOP_UP,
        {"account": "user/u_ana", "pool": "credits"},
    ),
    "reset_windows": (
        "reset",
        (ANA, "plan_windows"),
        {"of": ["week"], "anchor": "restart_anchor"},
        {"account": "user/u_ana", "anchor": "restart_anchor"},
    ),
    "transfer_lot": (
        "transfer",
        (ANA, "credits", "C1", BO),
        {"amount": "5"},
        {"lot": "C1", "to": "user/u_bo", "amount": "5"},
    ),
    "void_lot": ("void", (ANA, "promo", "P1"), {}, {"lot": "P1", "amount": "2"}),
    "refund_lot": ("refund", (ANA, "credits", "C1"), {}, {"money": {"usd": "9.99"}}),
}


@pytest.mark.parametrize("operation", CHANGES)
def test_a_change_is_made_once_and_answered_by_its_receipt(one: Served, name: str, operation: str) -> None:
    method, given, options, told = CHANGES[operation]
    both, _ = both_of(one, name)
    first, again = (both.call(method, *given, id="k", **options) for _ in range(2))
    assert {field: first[field] for field in told} == told
    assert (first.replayed, again.replayed, again.json) == (False, True, first.json)


def test_what_is_left_out_is_what_the_service_takes_for_it(one: Served, name: str) -> None:
    both, _ = both_of(one, name)
    assert both.call("transfer", ANA, "credits", "C1", BO, id="t1")["amount"] == "50"
    both.call("decide", turn("r1"))
    receipt = both.call("reset", ANA, "plan_windows", id="x1")
    windows = [window["window"] for window in receipt["windows"]]
    assert (receipt["anchor"], windows) == ("keep_anchor", ["plan_windows.five_hours", "plan_windows.week"])
    granted = both.call("grant", BO, "promo", "1", id="g1")
    assert (granted["category"], granted["priority"], granted["expires_at"]) == ("paid", 0, None)


def test_what_an_account_agrees_to_is_all_of_it(one: Served, name: str) -> None:
    both, _ = both_of(one, name)
    settings = both.call("set_top_up", ANA, "credits", id="s1", **TOP_UP)["settings"]
    assert {field: settings[field] for field in ("enabled", "minimum", "target", "monthly_maximum")} == {
        field: TOP_UP[field] for field in ("enabled", "minimum", "target", "monthly_maximum")
    }
    assert settings["actor"] == "user/u_ana"


def test_a_banked_reset_is_granted_and_redeemed(name: str) -> None:
    with served(policy={"p.spill": BANKED.encode()}) as one:
        both, _ = both_of(one, name)
        both.call("decide", Request(id="r1", account=ANA, fields={}, meters={"credits": 3}))
        assert both.call("grant_reset", ANA, "five", id="b1")["banked"] == 1
        receipt = both.call("redeem", ANA, "five", id="b2")
        assert (receipt["reset"], receipt["banked"], len(receipt["windows"])) == ("b1", 0, 1)
        assert both.call("redeem", ANA, "five", id="b2").replayed


def test_a_purchase_waits_until_it_is_told_what_became_of_it(one: Served, name: str) -> None:
    both, _ = both_of(one, name)
    both.call("set_top_up", ANA, "credits", id="s1", **{**TOP_UP, "minimum": "60"})
    both.call("decide", turn("r1", only=("credits",)))
    one.engine.run_top_ups(ScriptedPayments([WAIT]))
    (purchase,) = both.call("open_purchases")
    assert (purchase.account, purchase.pool, purchase.unit, purchase.currency) == (
        "user/u_ana",
        "credits",
        "credits",
        "usd",
    )
    done, again = (both.call("resolve_purchase", purchase.id, "succeeded", receipt="p1") for _ in range(2))
    assert (done["lot"], done.replayed, again.replayed) == (purchase.id, False, True)
    assert both.call("open_purchases") == ()


# ---- nothing was forgotten

ELSEWHERE = {
    "AuthZEN": "policy enforcement points ask it, with clients of that standard",
    "Gateways": "a gateway asks it",
    "Policies": "whoever publishes policies does, by `overspill policy` or HTTP",
    "Webhooks": "an operator does, by `overspill hooks` or HTTP",
    "Service": "whoever watches the service does",
}
"""What no service in Python asks by a client, and who does."""


def test_every_operation_that_a_service_would_ask_is_one_that_a_client_asks() -> None:
    asked = {
        "decide": "decide",
        "show_decision": "decision",
        "explain_decision": "explanation",
        "capture_hold": "capture",
        "extend_hold": "extend",
        "release_hold": "release",
        "reverse": "reverse",
        "show_account": "status",
        "show_top_ups": "status",
        "account_statement": "statement",
        "grant_reset": "grant_reset",
        "redeem_reset": "redeem",
        "list_purchases": "open_purchases",
        "resolve_purchase": "resolve_purchase",
        **{operation: row[0] for operation, row in CHANGES.items()},
    }
    assert {one.id for one in OPERATIONS if one.tag not in ELSEWHERE} == set(asked)
    assert set(ELSEWHERE) <= {one.tag for one in OPERATIONS}
    assert [method for method in asked.values() if not hasattr(Client, method)] == []
