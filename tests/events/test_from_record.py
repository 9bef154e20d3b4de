"""What each record tells: the type, whose it is, what stands in it."""

from __future__ import annotations

import pytest

from events.scenes import ALL, ANA, BEN, NOON, SOURCE, Scene, short, told
from overspill.events.from_record import Wanted
from overspill.runtime.payments import DECLINE, PAY, WAIT, ScriptedPayments
from overspill.words.ids import is_derived
from overspill.words.instants import DAY, HOUR, instant_text_micros


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_decision_is_told_as_it_was_answered_but_for_its_trace(scene: Scene) -> None:
    id = scene.use(60)
    record = scene.engine.find(id)
    assert record is not None
    (event,) = [one for one in scene.told() if short(one["type"]) == "decision.made"]
    answer = scene.engine.decide(scene._request(0, ANA)).record  # the shape of any
    assert event == {
        "specversion": "1.0",
        "id": event["id"],
        "source": SOURCE,
        "type": "dev.overspill.decision.made",
        "subject": "user/ana",
        "time": instant_text_micros(NOON),
        "datacontenttype": "application/json",
        "dataschema": "urn:overspill:event:decision.made:1",
        "data": event["data"],
    }
    assert is_derived(event["id"])
    assert (event["data"]["decision"], event["data"]["granted"], event["data"]["mode"]) == (id, "60", "consume")
    fields = {name for name in answer.__struct_fields__ if name not in ("trace", "available")}
    assert set(event["data"]) == {"mode", *fields}


def test_a_denial_and_a_reservation_are_decisions_and_a_preview_is_none(scene: Scene) -> None:
    scene.engine.preview(scene._request(10, ANA))
    scene.use(1000)
    scene.hold(10)
    assert [(one["mode"], one["outcome"]) for one in scene.data("decision.made")] == [
        ("consume", "deny"),
        ("reserve", "allow"),
    ]


def test_a_policy_is_told_of_with_the_first_record_that_is_made_under_it(scene: Scene) -> None:
    scene.use(1)
    scene.use(1)
    digest = scene.engine.policies.active().plan.digest
    assert scene.data("policy.activated") == [
        {"subject": f"policy/{digest}", "policy": digest, "name": "p", "version": 3}
    ]


def _topped_up(scene: Scene, *script: str) -> ScriptedPayments:
    scene.engine.set_top_up(
        ANA, "money", id="t", enabled=True, minimum="5", target="20", monthly_maximum=None, actor="user/ana"
    )
    provider = ScriptedPayments(script)
    scene.engine.run_top_ups(provider)
    return provider


def test_a_top_up_is_attempted_and_paid(scene: Scene) -> None:
    provider = _topped_up(scene, PAY)
    [purchase] = provider.receipts
    assert scene.data("top_up.attempted") == [
        {
            "subject": "user/ana",
            "purchase": purchase,
            "pool": "money",
            "balance": "0",
            "minimum": "5",
            "unit": "credits",
            "amount": "20",
            "money": "0.8",
            "currency": "usd",
        }
    ]
    assert scene.data("top_up.paid") == [
        {
            "subject": "user/ana",
            "purchase": purchase,
            "pool": "money",
            "amount": "20",
            "unit": "credits",
            "cost": "0.8 usd",
            "receipt": provider.receipts[purchase],
            "balance": "20",
        }
    ]


def test_a_declined_top_up_is_told_with_when_it_is_tried_again_and_a_pending_one_not_at_all(scene: Scene) -> None:
    _topped_up(scene, WAIT)
    assert scene.data("top_up.declined") == []
    scene.engine.run_top_ups(ScriptedPayments([DECLINE]))
    [declined] = scene.data("top_up.declined")
    assert (declined["subject"], declined["detail"]) == ("user/ana", "card_declined")
    assert declined["next_at"] == instant_text_micros(NOON + HOUR)
    assert [one["purchase"] for one in scene.data("top_up.attempted")] == [declined["purchase"]]


def test_a_purchase_is_abandoned_by_an_operator_or_with_the_consent(scene: Scene) -> None:
    engine = scene.engine
    _topped_up(scene, WAIT)
    [first] = engine.open_purchases()
    engine.resolve_purchase(first.id, "abandoned", actor="operator")
    scene.clock.advance(DAY)
    [second] = engine.open_purchases()
    engine.set_top_up(ANA, "money", id="off", enabled=False, minimum="5", target="20", actor="user/ana")
    assert [(one["purchase"], one["actor"]) for one in scene.data("top_up.abandoned")] == [
        (first.id, "operator"),
        (second.id, "user/ana"),
    ]


def test_nothing_but_what_is_wanted_is_told(scene: Scene) -> None:
    scene.engine.grant(ANA, "money", "50", id="C")
    scene.use(150)
    types = {short(one["type"]) for one in scene.told()}
    assert types == {"decision.made", "policy.activated", "window.threshold_crossed", "account.first_paid_use"}
    for type in types:
        assert {short(one["type"]) for one in scene.told(Wanted(frozenset([type]), (80,)))} == {type}
    assert scene.told(Wanted(frozenset(types), ())) != scene.told()
    assert scene.told(Wanted(frozenset(), (80, 100))) == []


def test_ids_are_of_what_happened_and_never_two_of_one_source(scene: Scene) -> None:
    scene.engine.grant(ANA, "money", "500", id="C")
    scene.engine.grant(BEN, "money", "500", id="C")
    for account in (ANA, BEN):
        scene.capture(scene.hold(40, account), 90, "1")
        scene.use(60, account)
        scene.use(60, account)
    ids = [one["id"] for one in scene.told()]
    assert len(ids) == len(set(ids)) > 10
    assert [one["id"] for one in told(scene.records())] == ids


def test_another_tenant_has_other_sources_and_its_own_records_alone() -> None:
    scene = Scene(tenant="acme")
    scene.use(10)
    assert [short(one["type"]) for one in scene.told()] == ["policy.activated"]
    found = told(scene.records(), ALL, "acme", "urn:overspill:journal:j:acme")
    assert [short(one["type"]) for one in found] == ["policy.activated", "decision.made"]
