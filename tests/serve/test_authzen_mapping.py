"""AuthZEN 1.0: which request an evaluation makes, and what its decision is told as."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest

from overspill import Engine
from overspill.serve.app import App
from overspill.serve.authzen_mapping import action_field, asked
from overspill.serve.authzen_shapes import EvaluationBody
from overspill.serve.observing import Done
from overspill.serve.reading import shaped
from overspill.words.codec import as_dict
from support.asgi import call
from support.services import TURN, Served, served, with_ana

PATH = "/access/v1/evaluation"
USER = {"type": "user", "id": "u_ana"}
MODEL = {"type": "model", "id": "gpt-5.5"}
TOKENS = {"input_tokens": 56_000, "cached_input_tokens": 0, "output_tokens": 2_000}
CODEX = {"name": "codex", "properties": TOKENS}
ASKED = {"subject": USER, "action": CODEX, "resource": MODEL}


@pytest.fixture
def one() -> Iterator[Served]:
    with served() as found:
        yield with_ana(found)


def _overspill(**own: Any) -> dict[str, Any]:
    return {**ASKED, "context": {"overspill": own}}


# ---- which request


def _said(**parts: Any) -> dict[str, Any]:
    return {**ASKED, **parts}


WANT = {"account": {"user": "u_ana"}, "fields": {"product": "codex", "model": "gpt-5.5"}, "meters": TOKENS}
FAST = {**WANT, "fields": {**WANT["fields"], "speed": "fast"}}  # type: ignore[dict-item]
WORK = {**WANT, "account": {"user": "u_ana", "workspace": "w_1"}}
REQUESTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "the action is what waterfalls are told apart by": (ASKED, WANT),
    "the resource may be it": (
        _said(
            action={"name": "use", "properties": TOKENS},
            resource={"type": "product", "id": "codex", "properties": {"model": "gpt-5.5"}},
        ),
        WANT,
    ),
    "meters as text": (_said(action={**CODEX, "properties": {n: str(v) for n, v in TOKENS.items()}}), WANT),
    "a property of the action": (_said(action={**CODEX, "properties": {**TOKENS, "speed": "fast"}}), FAST),
    "of the resource": (_said(resource={**MODEL, "properties": {"speed": "fast"}}), FAST),
    "of the subject": (_said(subject={**USER, "properties": {"speed": "fast"}}), FAST),
    "of the context": (_said(context={"speed": "fast"}), FAST),
    "the nearest goes first": (
        _said(context={"speed": "standard"}, resource={**MODEL, "properties": {"speed": "fast"}}),
        FAST,
    ),
    "its own goes before all": (
        {**_overspill(fields={"speed": "fast"}), "resource": {**MODEL, "properties": {"speed": "slow"}}},
        FAST,
    ),
    "its own may be all": (
        {**_overspill(**WANT), "action": {"name": "codex"}},
        WANT,
    ),
    "a further account of the subject": (_said(subject={**USER, "properties": {"workspace": "w_1"}}), WORK),
    "a further account of the context": (_said(context={"workspace": "w_1"}), WORK),
    "a further account of its own": (_overspill(account={"workspace": "w_1"}), WORK),
    "what is null is not there": (_said(context={"workspace": None, "speed": None}), WANT),
    "who began it": (_overspill(initiator="background"), {**WANT, "initiator": "background"}),
    "what bounds it": (
        _overspill(only=["promo"], max_charge={"credits": "1"}, at_least="0.5"),
        {**WANT, "only": ("promo",), "max_charge": {"credits": "1"}, "at_least": "0.5"},
    ),
}


@pytest.mark.parametrize("said, want", REQUESTS.values(), ids=REQUESTS)
def test_what_is_said_makes_a_request(one: Served, said: dict[str, Any], want: dict[str, Any]) -> None:
    plan = one.engine.policies.active().plan
    found = asked(plan, shaped(said, EvaluationBody), "")
    told = {name: value for name, value in as_dict(found.request).items() if name != "id"}
    plain = {"initiator": "user", "only": None, "max_charge": None, "at_least": None}
    assert told == {**plain, **want}
    assert (found.mode, found.request.id) == ("preview", "preview")
    assert one.all.post(PATH, said).status == 200


def _policy(request: str, waterfall: str = "counts uses;") -> bytes:
    return f"""policy p version 1; language 1; unit uses: integer; account user {{}}
    request {{ uses: meter = 1; {request} }} entitlement all {{ per user; unit uses; unlimited; }}
    waterfall w {{ {waterfall} draw all; otherwise deny no; }}""".encode()


ACTION_FIELDS: list[tuple[bytes, str, str | None]] = [
    (_policy("product: string;", 'serves request.product == "x"; counts uses;'), "model", "product"),
    (_policy("product: string;", 'serves request.product == "x"; counts uses;'), "product", None),
    (_policy("action: string;", "serves true; counts uses;"), "model", "action"),
    (_policy("action: string;", "serves true; counts uses;"), "action", None),
    (
        _policy("product: string; action: string;", 'serves request.product == "x"; counts uses;'),
        "product",
        "action",
    ),
    (_policy("turn: string?;", "serves true; counts uses;"), "model", None),
]


@pytest.mark.parametrize("policy, resource, field", ACTION_FIELDS)
def test_the_actions_name_has_one_place(policy: bytes, resource: str, field: str | None) -> None:
    with Engine.open({"p.spill": policy}) as engine:
        assert action_field(engine.policies.active().plan, resource) == field


def test_where_a_policy_knows_no_actions_there_is_one() -> None:
    policy = {"p.spill": _policy("turn: string?;", "serves true; counts uses;")}
    with served(policy=policy) as one:
        said = {"subject": USER, "resource": {"type": "thing", "id": "t"}}
        used = one.all.post(PATH, {**said, "action": {"name": "use"}})
        other = one.all.post(PATH, {**said, "action": {"name": "delete"}})
        assert (used.status, used.json["decision"], other.status) == (200, True, 400)
        assert (other.json["code"], other.json["errors"][0]["pointer"]) == ("unknown_action", "#/action/name")


CONTRADICTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "another account": ({"account": {"user": "u_bob"}}, "#/context/overspill/account/user"),
    "another action": ({"fields": {"product": "sora"}}, "#/context/overspill/fields/product"),
    "another resource": ({"fields": {"model": "gpt-5.4"}}, "#/context/overspill/fields/model"),
    "an unknown key": ({"max_charg": {"credits": "1"}}, "#/context/overspill/max_charg"),
    "an unknown mode": ({"mode": "consum"}, "#/context/overspill/mode"),
    "an unknown field": ({"fields": {"colour": "red"}}, "#/context/overspill/fields/colour"),
    "an unknown meter": ({"meters": {"steps": 1}}, "#/context/overspill/meters/steps"),
    "a fraction": ({"at_least": 1.5}, "#/context/overspill/at_least"),
    "an unknown layer": ({"only": ["gold"]}, "#/context/overspill/only/0"),
    "an unknown unit": ({"max_charge": {"gold": "1"}}, "#/context/overspill/max_charge/gold"),
}


@pytest.mark.parametrize("own, pointer", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_what_is_its_own_is_read_strictly(one: Served, own: dict[str, Any], pointer: str) -> None:
    answer = one.all.post(PATH, _overspill(**own))
    assert (answer.status, answer.json["errors"][0]["pointer"]) == (400, pointer)


LACKS: dict[str, tuple[dict[str, Any], str, str]] = {
    "a meter": (_said(action={"name": "sora"}), "missing_meter", "#/action/properties/generations"),
    "a field": (_said(resource={"type": "conversation", "id": "c_1"}), "missing_field", "#/action/properties/model"),
    "a row": (_said(resource={**MODEL, "id": "gpt-1"}), "unknown_model", "#/resource/id"),
    "an action": (_said(action={"name": "dall-e"}), "unknown_product", "#/action/name"),
    "a whole number": (
        _said(action={**CODEX, "properties": {**TOKENS, "output_tokens": 1.5}}),
        "invalid_meter",
        "#/action/properties/output_tokens",
    ),
    "a text": (_said(context={"speed": {"very": "fast"}}), "invalid_field", "#/context/speed"),
    "its user": (_said(subject={"type": "workspace", "id": "w_1"}), "missing_account", "#/subject"),
    "an account's id": (_said(context={"workspace": "w 1"}), "invalid_id", "#/context/workspace"),
}


@pytest.mark.parametrize("said, code, pointer", LACKS.values(), ids=LACKS)
def test_what_a_request_lacks_is_told_where_it_was_said(
    one: Served, said: dict[str, Any], code: str, pointer: str
) -> None:
    answer = one.all.post(PATH, said)
    assert (answer.status, answer.json["code"], answer.json["errors"][0]["pointer"]) == (400, code, pointer)
    assert answer.json["help"]


# ---- what is answered


def test_an_evaluation_uses_nothing_unless_it_says_so(one: Served) -> None:
    before = len(list(one.engine.records()))
    answer = one.all.post(PATH, ASKED)
    assert len(list(one.engine.records())) == before
    context = answer.json["context"]
    assert (context["mode"], context["grant"]["granted"]) == ("preview", {"credits": "8.5"})
    assert "trace" not in context


def test_an_allow_says_how_much_and_from_where(one: Served) -> None:
    answer = one.all.post(PATH, {**_overspill(mode="consume"), "action": CODEX}, "k1")
    context = answer.json["context"]
    decision = one.engine.of_tenant("acme").explain(context["evaluation_id"])
    assert decision is not None and answer.json["decision"] is True
    assert context == {
        "evaluation_id": context["evaluation_id"],
        "evaluated_at": "2026-10-06T12:00:00.000000Z",
        "mode": "consume",
        "policy": {"id": "codex_sora", "version": "12", "digest": one.engine.policies.active().plan.digest},
        "grant": {
            "requested": {"credits": "8.5"},
            "granted": {"credits": "8.5"},
            "from": [{"layer": "plan_windows", "unit": "credits", "amount": "8.5", "source": ["five_hours", "week"]}],
        },
        "constraints": [
            {
                "type": "limit",
                "layer": "plan_windows",
                "name": name,
                "unit": "credits",
                "limit": limit,
                "remaining": left,
                "resets_at": ends_at,
            }
            for name, limit, left, ends_at in (
                ("five_hours", "60", "51.5", "2026-10-06T17:00:00Z"),
                ("week", "300", "291.5", "2026-10-13T12:00:00Z"),
            )
        ],
        "trace": {"ref": f"/v1/decisions/{context['evaluation_id']}", "digest": context["trace"]["digest"]},
    }
    native = one.all.post("/v1/decisions", {**TURN, "fields": {"product": "codex", "model": "gpt-5.5"}}, "k1")
    assert native.json["decision"] == context["evaluation_id"]
    assert context["trace"]["digest"] == f"sha256:{sha256(native.body).hexdigest()}"
    assert one.all.get(context["trace"]["ref"]).status == 200


def test_lots_are_named_and_charges_told(one: Served) -> None:
    said = _overspill(only=["promo", "credits"])
    grant = one.all.post(PATH, said).json["context"]["grant"]
    assert grant["charge"] == {"credits": "6.5"}
    assert [(part["layer"], part["amount"], part["source"]) for part in grant["from"]] == [
        ("promo", "2", ["P1"]),
        ("credits", "6.5", ["C1"]),
    ]


def test_a_denial_says_what_there_is_and_what_would_help(one: Served) -> None:
    answer = one.all.post(PATH, _said(action={"name": "sora", "properties": {"generations": 36}}))
    context = answer.json["context"]
    assert answer.json["decision"] is False
    assert context["grant"] == {
        "requested": {"generations": "36"},
        "granted": {"generations": "0"},
        "available": {"generations": "35"},
    }
    assert context["reason_user"] == {"code": "usage_exhausted"}
    assert context["reason_admin"] == {
        "code": "usage_exhausted",
        "binding": "day",
        "layers": {"sora_days": "day", "credits": "empty"},
    }
    assert context["offers"] == [{"offer": "add_credits", "pool": "credits", "amount": "10", "unit": "credits"}]
    assert context["constraints"][0]["remaining"] == "30"
    assert "retry_at" not in context


def test_a_denial_is_not_marked_as_what_access_may_be_requested_for(one: Served) -> None:
    """Nobody here takes requests for approval: the Access Request and Approval Profile forbids the mark then."""
    answer = one.all.post(PATH, _said(action={"name": "sora", "properties": {"generations": 36}})).json
    assert answer["context"]["offers"]
    assert "access_request" not in answer["context"]
    metadata = one.all.get("/.well-known/authzen-configuration").json
    assert [name for name in metadata if "access_request" in name] == []


def test_a_denial_that_time_ends_says_when(one: Served) -> None:
    said = {**_overspill(only=["sora_days"]), "action": {"name": "sora", "properties": {"generations": 30}}}
    said["context"]["overspill"].update(mode="consume", id="s1")
    assert one.all.post(PATH, said).json["decision"] is True
    said["context"]["overspill"]["id"] = "s2"
    context = one.all.post(PATH, said).json["context"]
    assert context["retry_at"] == "2026-10-07T07:00:00Z"
    assert context["offers"] == [{"offer": "wait", "until": "2026-10-07T07:00:00Z"}]


def test_nothing_in_an_answer_is_null(one: Served) -> None:
    def nulls(value: Any) -> bool:
        if isinstance(value, dict):
            return any(map(nulls, value.values()))
        return value is None or (isinstance(value, list) and any(map(nulls, value)))

    for said in (ASKED, _said(action={"name": "sora", "properties": {"generations": 36}}), _overspill(mode="reserve")):
        assert not nulls(one.all.post(PATH, said, "k1").json)


def test_what_is_reserved_is_to_be_captured(one: Served) -> None:
    context = one.all.post(PATH, _overspill(mode="reserve"), "k1").json["context"]
    hold = context["grant"]["hold"]
    [duty] = context["obligations"]
    assert duty == {
        "id": "settle",
        "type": "custom",
        "action": "capture",
        "hold": hold["id"],
        "endpoint": f"/v1/holds/{hold['id']}/capture",
        "expires_at": "2026-10-06T12:15:00Z",
    }
    assert one.all.post(duty["endpoint"], {"meters": TOKENS}, "c1").json["used"] == "8.5"


def test_a_part_is_a_grant_of_no_more_than_that() -> None:
    policy = _policy("turn: string?;", "serves true; counts uses; on shortfall partial;").replace(
        b"unlimited;", b"up to 3 uses per calendar day in UTC;"
    )
    with served(policy={"p.spill": policy}) as one:
        said = {"subject": USER, "action": {"name": "use", "properties": {"uses": 5}}, "resource": MODEL}
        answer = one.all.post(PATH, said).json
        assert (answer["decision"], answer["context"]["grant"]["granted"]) == (True, {"uses": "3"})
        assert answer["context"]["obligations"] == [
            {"id": "grant", "type": "custom", "action": "use_at_most", "amount": "3", "unit": "uses"}
        ]
        assert evaluation_outcome(one, said) == "partial"
        whole = {**said, "context": {"overspill": {"at_least": "5"}}}
        assert evaluation_outcome(one, whole) == "deny"
        assert one.all.post(PATH, whole).json["decision"] is False


def evaluation_outcome(one: Served, said: dict[str, Any]) -> str:
    """As it is counted."""
    told: list[Done] = []
    answer = call(App(one.service, seen=(told.append,)), "POST", PATH, said, one.all.headers(None, None))
    assert answer.status == 200
    [outcome] = told[0].reply.outcomes
    return outcome


# ---- once and for all


@pytest.mark.parametrize("mode", ["consume", "reserve"])
def test_what_changes_something_needs_a_key(one: Served, mode: str) -> None:
    answer = one.all.post(PATH, _overspill(mode=mode))
    assert (answer.status, answer.json["code"]) == (400, "missing_idempotency_key")


def test_the_key_is_in_the_header_or_in_the_context(one: Served) -> None:
    by_header = one.all.post(PATH, _overspill(mode="consume"), "k1")
    by_context = one.all.post(PATH, _overspill(mode="consume", id="k1"))
    replayed = [answer.headers.get("idempotency-replayed") for answer in (by_header, by_context)]
    assert replayed == [None, "true"]
    again = by_context.json
    assert again["context"].pop("replayed") is True
    assert again == by_header.json
    both = one.all.post(PATH, _overspill(mode="consume", id="k1"), "k1")
    other = one.all.post(PATH, _overspill(mode="consume", id="k2"), "k1")
    assert (both.status, other.status) == (200, 400)
    assert other.json["errors"][0]["pointer"] == "#/context/overspill/id"


def test_another_request_under_a_key_is_400_with_its_place(one: Served) -> None:
    one.all.post(PATH, _overspill(mode="consume"), "k1")
    other = {**_overspill(mode="consume"), "action": {**CODEX, "properties": {**TOKENS, "output_tokens": 1}}}
    answer = one.all.post(PATH, other, "k1")
    assert (answer.status, answer.json["code"]) == (400, "idempotency_conflict")
    assert answer.json["errors"][0]["pointer"] == "#/action/properties/output_tokens"


def _sora(generations: int, **own: Any) -> dict[str, Any]:
    action = {"name": "sora", "properties": {"generations": generations}}
    return {"action": action, "context": {"overspill": own}}


def test_a_batch_of_many_ways_is_decided_in_its_order(one: Served) -> None:
    items = [
        _sora(35),
        _sora(20, mode="consume", id="b1"),
        _sora(15, mode="reserve", id="b2"),
        _sora(1),
        _sora(1, mode="consume"),
        _sora(20, mode="consume", id="b1"),
    ]
    answer = one.all.post("/access/v1/evaluations", {"subject": USER, "resource": MODEL, "evaluations": items}).json
    assert [one["decision"] for one in answer["evaluations"]] == [True, True, True, False, False, True]
    assert answer["evaluations"][4]["context"]["error"]["code"] == "missing_idempotency_key"
    assert answer["evaluations"][5]["context"]["replayed"] is True


def test_what_lies_behind_the_end_of_a_batch_is_not_decided(one: Served) -> None:
    items = [_sora(1, mode="consume", id=f"b{n}") for n in range(3)]
    body = {
        "subject": USER,
        "resource": MODEL,
        "evaluations": items,
        "options": {"evaluations_semantic": "permit_on_first_permit"},
    }
    before = len(list(one.engine.records()))
    assert len(one.all.post("/access/v1/evaluations", body).json["evaluations"]) == 1
    assert len(list(one.engine.records())) == before + 1


def test_a_batch_has_no_key_of_its_own(one: Served) -> None:
    answer = one.all.post("/access/v1/evaluations", {**ASKED, "evaluations": [{}]}, "k1")
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")


def test_tenants_have_nothing_to_do_with_each_other(one: Served) -> None:
    other = one.caller("umbrella", "decide")
    answer = other.post(PATH, ASKED)
    assert (answer.status, answer.json["code"]) == (400, "missing_attribute")
