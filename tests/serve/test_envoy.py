"""Envoy's external authorization over HTTP: what a call is by the gateway's rules, and what a decision is as a status."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from overspill import Failure
from overspill.serve.gateway import Gateway, Value
from overspill.serve.gateway_file import gateway_from
from support.asgi import Answer, call
from support.services import Served, served, with_ana

RULES = b"""
rules:
  - path: /health
    mode: pass
  - path: /v1/videos
    methods: [POST]
    account: {user: {header: x-user-id}, workspace: {header: x-workspace-id, optional: true}}
    fields: {product: sora}
    meters: {generations: {header: x-generations, default: 1}}
  - path: /v1/turns
    mode: reserve
    account: {user: {header: x-user-id}}
    fields: {product: codex, model: {header: x-model}, speed: {header: x-speed, default: standard}}
    meters: {input_tokens: {header: x-input-tokens}, cached_input_tokens: 0, output_tokens: 2000}
  - path: /v1/quotes
    mode: preview
    account: {user: {header: x-user-id}}
    fields: {product: sora}
    meters: {generations: {header: x-generations}}
"""
UPSTREAM = ("outcome", "decision", "granted", "unit", "hold", "replayed")
VIDEOS, TURNS = "/v1/videos", "/v1/turns"
TURN = {"x-model": "gpt-5.5", "x-input-tokens": "56000"}


@pytest.fixture
def one() -> Iterator[Served]:
    with served() as found:
        found.service.gateway = gateway_from(RULES, "gateway.yaml")
        yield with_ana(found)


def _ask(one: Served, method: str, path: str, id: str = "q1", query: str = "", **more: str) -> Answer:
    """As Envoy asks: the client's method and path behind the prefix, no body."""
    own = {"Authorization": f"Bearer {one.all.key}", "Content-Length": "0", "x-request-id": id, "x-user-id": "u_ana"}
    sent = own | {name.replace("_", "-"): value for name, value in more.items()}
    headers = {name: value for name, value in sent.items() if value}
    return call(one.app, method, f"/envoy{path}", None, headers, query)


def _upstream(answer: Answer) -> tuple[str, ...]:
    return tuple(answer.headers[f"x-overspill-{name}"] for name in UPSTREAM)


# ---- allowed


def test_a_call_that_is_granted_goes_on_with_its_decision(one: Served) -> None:
    answer = _ask(one, "POST", f"{VIDEOS}/v_1/frames", query="size=large&again=1")
    [record] = [one for one in one.engine.records() if one.key[2] == "consume"]
    assert answer.status == 200
    assert _upstream(answer) == ("allow", record.id, "1", "generations", "none", "false")
    assert answer.headers["x-request-id"] == "q1"
    assert answer.headers["ratelimit"] == '"day";r=29;t=68400'


def test_a_reservation_names_its_hold_to_be_captured(one: Served) -> None:
    answer = _ask(one, "PUT", TURNS, **TURN)
    outcome, _, granted, unit, hold, _ = _upstream(answer)
    assert (answer.status, outcome, granted, unit) == (200, "allow", "8.5", "credits")
    meters = {"input_tokens": 56_000, "cached_input_tokens": 0, "output_tokens": 2_000}
    assert one.all.post(f"/v1/holds/{hold}/capture", {"meters": meters}, "c1").json["used"] == "8.5"


def test_the_same_call_is_granted_once(one: Served) -> None:
    first, again = (_ask(one, "POST", VIDEOS, x_generations="30") for _ in range(2))
    assert _upstream(again) == (*_upstream(first)[:-1], "true")
    assert _ask(one, "POST", VIDEOS, "q2", x_generations="6").status == 429
    assert _ask(one, "POST", VIDEOS, "q3", x_generations="5").status == 200


def test_who_chooses_ids_may_be_kept_from_using_one_twice(one: Served) -> None:
    assert one.service.gateway is not None
    one.service.gateway = gateway_from(b"replayed: deny\n" + RULES, "gateway.yaml")
    first, again = (_ask(one, "POST", VIDEOS) for _ in range(2))
    assert (first.status, again.status, again.json["code"]) == (200, 409, "replayed")


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE", "PROPFIND"])
def test_what_costs_nothing_passes_without_an_account(one: Served, method: str) -> None:
    before = len(list(one.engine.records()))
    answer = _ask(one, method, "/health/deep", x_user_id="")
    assert answer.status == 200
    assert _upstream(answer) == ("pass", "none", "none", "none", "none", "false")
    assert len(list(one.engine.records())) == before


def test_who_only_looks_uses_nothing(one: Served) -> None:
    before = len(list(one.engine.records()))
    assert _ask(one, "GET", "/v1/quotes", x_generations="35").status == 200
    assert _ask(one, "GET", "/v1/quotes", x_generations="36").status == 402
    assert len(list(one.engine.records())) == before


# ---- denied


def test_what_only_a_purchase_helps_is_402(one: Served) -> None:
    answer = _ask(one, "POST", VIDEOS, x_generations="36")
    problem = answer.json
    assert (answer.status, answer.headers["content-type"]) == (402, "application/problem+json")
    assert "retry-after" not in answer.headers
    assert problem == {
        "type": "/problems/insufficient_credits",
        "title": "Insufficient credits",
        "status": 402,
        "code": "usage_exhausted",
        "detail": "36 generations were asked for and are not granted: usage_exhausted",
        "help": "add 10 credits to credits",
        "errors": [],
        "request_id": "q1",
        "decision_id": problem["decision_id"],
        "retry_at": None,
        "remedies": [{"offer": "add_credits", "pool": "credits", "amount": "10", "unit": "credits"}],
        "violated-policies": ["day"],
    }
    assert one.all.get(f"/v1/decisions/{problem['decision_id']}").status == 200


def test_what_time_helps_is_429_with_when(one: Served) -> None:
    one.engine.of_tenant("acme").void({"user": "u_ana"}, "credits", "C1", id="v1")
    assert _ask(one, "POST", VIDEOS, x_generations="30").status == 200
    answer = _ask(one, "POST", VIDEOS, "q2")
    assert (answer.status, answer.headers["retry-after"]) == (429, "68400")
    assert answer.json["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert answer.json["retry_at"] == "2026-10-07T07:00:00Z"
    assert answer.json["help"] == "wait until 2026-10-07T07:00:00Z, or add 10 credits to credits"
    assert answer.headers["ratelimit"] == '"day";r=0;t=68400'


def test_what_nothing_helps_is_403(one: Served) -> None:
    one.all.post("/v1/accounts/user/u_ana/attributes", {"attributes": {"suspended": True}}, "s1")
    answer = _ask(one, "GET", TURNS, **TURN)
    assert (answer.status, answer.json["code"], answer.json["remedies"]) == (403, "account_suspended", [])
    assert answer.json["type"] == "/problems/entitlement_missing"


SHARED = b"""policy p version 1; language 1; unit uses: integer;
account user {} account team of user {}
request { uses: meter = 1; }
limit own { per user; unit uses; window hour: calendar day in UTC; capacity 2 uses; }
limit ours { per team; unit uses; window month: calendar month in UTC; capacity 1 uses; }
pool theirs { per team; unit uses; }
waterfall w { serves true; counts uses; draw own; draw ours; draw theirs; otherwise deny no offer wait, add_theirs; }
"""
TEAM = b"rules: [{path: /, account: {user: {header: x-user-id}, team: red}, meters: {uses: {header: x-uses}}}]"


def test_what_several_share_is_nobodys_to_see() -> None:
    with served(policy={"p.spill": SHARED}) as one:
        one.service.gateway = gateway_from(TEAM, "g")
        allowed = _ask(one, "GET", "/", x_uses="3")
        assert (allowed.status, allowed.headers["ratelimit"]) == (200, '"hour";r=0;t=43200')
        denied = _ask(one, "GET", "/", "q2", x_uses="1")
        assert (denied.status, denied.headers["ratelimit"]) == (429, '"hour";r=0;t=43200')
        assert denied.json["violated-policies"] == ["hour"]
        assert denied.json["remedies"][1] == {"offer": "add_theirs", "pool": "theirs"}
        native = one.all.post("/v1/decisions", {"account": {"user": "u_bob", "team": "red"}}, "r1")
        assert native.headers["ratelimit-policy"] == '"hour";q=2;overspill-unit="uses"'


def test_a_full_concurrency_is_429_without_when() -> None:
    policy = b"""policy p version 1; language 1; unit uses: integer; account user {} request { uses: meter = 1; }
    entitlement all { per user; unit uses; unlimited; } concurrency streams { per user; at most 1 holds; }
    waterfall w { serves true; counts uses; occupy streams; draw all; otherwise deny no; }"""
    with served(policy={"p.spill": policy}) as one:
        one.service.gateway = gateway_from(b"rules: [{path: /, mode: reserve, account: {user: ana}}]", "g")
        first, second = (_ask(one, "GET", "/", id) for id in ("q1", "q2"))
        assert (first.status, second.status, second.json["code"]) == (200, 429, "streams")
        assert "retry-after" not in second.headers


# ---- what cannot be decided

FAILURES: dict[str, tuple[str, str, dict[str, str], int, str]] = {
    "no rule for the path": ("GET", "/v2", {}, 403, "no_rule"),
    "no rule for what only begins so": ("POST", "/v1/videosque", {}, 403, "no_rule"),
    "no rule for the method": ("GET", VIDEOS, {}, 403, "no_rule"),
    "no header of the account": ("POST", VIDEOS, {"x_user_id": ""}, 400, "missing_header"),
    "no header of a field": ("POST", TURNS, {"x_input_tokens": "1"}, 400, "missing_header"),
    "no id of the call": ("POST", VIDEOS, {"x_request_id": ""}, 400, "missing_idempotency_key"),
    "an id that is none": ("POST", VIDEOS, {"x_request_id": "a b"}, 400, "missing_idempotency_key"),
    "two accounts in one header": ("POST", VIDEOS, {"x_user_id": "u_ana,u_bob"}, 422, "invalid_id"),
    "a quantity that is none": ("POST", VIDEOS, {"x_generations": "many"}, 422, "invalid_meter"),
    "a quantity below nothing": ("POST", VIDEOS, {"x_generations": "-1"}, 422, "invalid_meter"),
    "a model that nobody sells": ("POST", TURNS, {**TURN, "x_model": "gpt-1"}, 422, "unknown_model"),
    "a path with dots": ("GET", "/health/../v1/videos", {}, 400, "invalid_path"),
    "a path with hidden dots": ("GET", "/health/%2e%2e/v1/videos", {}, 400, "invalid_path"),
    "a path with a hidden slash": ("GET", "/health%2Fx", {}, 400, "invalid_path"),
    "a path with a turned slash": ("GET", "/health\\x", {}, 400, "invalid_path"),
    "a path with nothing between": ("GET", "//health", {}, 400, "invalid_path"),
    "no prefix": ("GET", "x", {}, 404, "not_found"),
}


@pytest.mark.parametrize("method, path, more, status, code", FAILURES.values(), ids=FAILURES)
def test_what_cannot_be_decided_is_denied(
    one: Served, method: str, path: str, more: dict[str, str], status: int, code: str
) -> None:
    before = len(list(one.engine.records()))
    answer = _ask(one, method, path, **more)
    assert (answer.status, answer.json["code"], answer.json["errors"]) == (status, code, [])
    assert len(list(one.engine.records())) == before


def test_who_asks_must_be_allowed_to(one: Served) -> None:
    assert call(one.app, "POST", f"/envoy{VIDEOS}").status == 401
    assert one.caller("acme", "audit").post(f"/envoy{VIDEOS}").status == 403


def test_a_tenants_holds_have_their_bound_here_too(one: Served) -> None:
    one.service.holds._most = 1
    first, second = (_ask(one, "POST", TURNS, id, **TURN) for id in ("q1", "q2"))
    assert (first.status, second.status) == (200, 503)


def test_a_service_without_rules_lets_nothing_through(one: Served) -> None:
    one.service.gateway = None
    assert _ask(one, "GET", "/health").status == 404


# ---- the file


def _gateway(text: str) -> Gateway:
    return gateway_from(text.encode(), "g.yaml")


RULE = "rules:\n  - path: /v1\n    account: {user: {header: x-user-id}}\n"
WRONG: dict[str, tuple[str, str]] = {
    "nothing": ("", "g.yaml:1:1: the file is no mapping (begin with `rules:`)"),
    "no rules": ("key: x-request-id", "there are no `rules`"),
    "no list": ("rules: {}", "`rules` is no list of at least one"),
    "an empty list": ("rules: []", "`rules` is no list of at least one"),
    "an unknown key": (RULE + "    metres: {a: 1}", "g.yaml:4:5: there is no `metres` here (did you mean `meters`?)"),
    "an unknown key above": ("keys: x\n" + RULE, "there is no `keys` here"),
    "no path": ("rules:\n  - methods: [GET]", "the rule has no `path`"),
    "a path with a slash behind": (RULE.replace("/v1", "/v1/"), "`/v1/` is no path"),
    "a path with a query": (RULE.replace("/v1", "/v1?a=1"), "is no path"),
    "a method in small letters": (RULE + "    methods: [post]", "`post` is no method"),
    "an unknown mode": (RULE + "    mode: consum", "`consum` is not known here (did you mean `consume`?)"),
    "a header in capitals": (RULE.replace("x-user-id", "X-User-Id"), "`X-User-Id` is no header"),
    "a value of nothing": (RULE + "    fields: {model: {default: a}}", "it names no `header`"),
    "a default that may be missing": (
        RULE + "    fields: {model: {header: a, default: b, optional: true}}",
        "what has a default is always there",
    ),
    "a rule that passes and asks": (RULE + "    mode: pass", "a rule that passes asks for no `account`"),
    "a key twice": (RULE + "    account: {user: b}", "the key `account` is there twice"),
    "an alias": ("rules: &a\n  - path: *a", "YAML's anchors are not read here"),
    "replays of another kind": ("replayed: maybe\n" + RULE, "`maybe` is not known here"),
}


@pytest.mark.parametrize("text, message", WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_a_file_is_told_with_its_place(text: str, message: str) -> None:
    with pytest.raises(Failure) as failure:
        _gateway(text)
    assert failure.value.code == "invalid_gateway"
    assert message in str(failure.value)
    assert failure.value.help


def test_a_file_may_be_json() -> None:
    text = '{"rules": [{"path": "/", "account": {"user": {"header": "x-user-id"}}, "meters": {"generations": 2}}]}'
    [rule] = _gateway(text).rules
    assert (rule.path, rule.account, rule.meters) == (
        "/",
        {"user": Value(header="x-user-id")},
        {"generations": Value(text="2")},
    )


NOT_UNDERSTOOD: dict[str, tuple[str, str]] = {
    "no user": ("rules:\n  - path: /v1\n    account: {team: t}", "the rule names no `user`"),
    "an unknown account": (RULE.replace("{user:", "{team: t, user:"), "the policy declares no account `team`"),
    "an unknown field": (RULE + "    fields: {modl: a}", "no field `modl` (did you mean `model`?)"),
    "an unknown meter": (RULE + "    meters: {generation: 1}", "no meter `generation`"),
    "a quantity that is none": (RULE + "    meters: {generations: many}", "`many` is no quantity of `generations`"),
    "a default that is none": (
        RULE + "    meters: {generations: {header: a, default: some}}",
        "`some` is no quantity of `generations`",
    ),
}


@pytest.mark.parametrize("text, message", NOT_UNDERSTOOD.values(), ids=NOT_UNDERSTOOD)
def test_what_a_policy_would_never_understand_is_told_at_once(one: Served, text: str, message: str) -> None:
    plan = one.engine.policies.active().plan
    gateway_from(RULES, "gateway.yaml").check(plan)
    with pytest.raises(Failure, match=r"^g\.yaml:2:5: ") as failure:
        _gateway(text).check(plan)
    assert message in str(failure.value)


TYPED = b"""policy p version 1; language 1; unit uses: integer; account user {}
request { uses: meter = 1; seats: int = 0; trial: bool = false; kind: string = "a"; }
entitlement all { per user; unit uses; unlimited; }
waterfall w { serves true; counts uses; deny few when request.seats < -1; deny trials when request.trial;
  deny kinds when request.kind == "1"; draw all; otherwise deny no; }"""
VALUES: list[tuple[dict[str, str], Any]] = [
    ({}, 200),
    ({"x_seats": "-2"}, "few"),
    ({"x_seats": "5"}, 200),
    ({"x_trial": "true"}, "trials"),
    ({"x_kind": "1"}, "kinds"),
    ({"x_seats": "five"}, "invalid_field"),
    ({"x_trial": "yes"}, "invalid_field"),
]


@pytest.mark.parametrize("more, want", VALUES)
def test_text_becomes_what_the_policy_declares(more: dict[str, str], want: Any) -> None:
    names = ("seats", "trial", "kind")
    fields = ", ".join([f"{name}: {{header: x-{name}, optional: true}}" for name in names])
    rules = f"rules: [{{path: /, account: {{user: ana}}, fields: {{{fields}}}}}]"
    with served(policy={"p.spill": TYPED}) as one:
        one.service.gateway = _gateway(rules)
        answer = _ask(one, "GET", "/", **more)
        assert (answer.status if want == 200 else answer.json["code"]) == want
