"""AuthZEN 1.0: the kinds of cases of its certification scenario (Basic, Batch, Discovery; Search stands beside this)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from overspill.serve.service import Limits
from serve.authzen_fixture import (
    ACTIVE,
    ADMIN,
    ALICE,
    ARCHIVED,
    BOB,
    DECISIONS,
    EVALUATION,
    EVALUATIONS,
    ONE,
    READ,
    TWO,
    WRITE,
    records,
    said,
)
from support.asgi import Answer, call
from support.services import Served

ONE_PATH, MANY_PATH = "/access/v1/evaluation", "/access/v1/evaluations"


@pytest.fixture(scope="module")
def one() -> Iterator[Served]:
    with records() as found:
        found.service.limits = Limits(batch=5)
        yield found


def _valid(answer: Answer, schema: dict[str, Any]) -> Any:
    assert answer.status == 200, answer.json
    assert answer.headers["content-type"] == "application/json"
    Draft202012Validator(schema).validate(answer.json)
    return answer.json


def _decisions(answer: Answer) -> list[bool]:
    return [one["decision"] for one in _valid(answer, EVALUATIONS)["evaluations"]]


# ---- Basic


@pytest.mark.parametrize("case", DECISIONS)
def test_the_eight_decisions(one: Served, case: str) -> None:
    subject, action, resource, decision = DECISIONS[case]
    for _ in range(3):  # the same again is decided the same
        answer = one.all.post(ONE_PATH, said(subject, action, resource))
        assert _valid(answer, EVALUATION)["decision"] is decision


MORE: dict[str, dict[str, Any]] = {
    "with a context": said(ALICE, READ, ONE, context={"time": "2025-06-27T18:03-07:00", "ip": "192.168.1.1", "x": 0.5}),
    "with more properties": said(
        {**ALICE, "properties": {"department": "Sales", "role": "manager"}},
        {**READ, "properties": {"method": "GET"}},
        {**ONE, "properties": {"status": "active", "owner": "bob", "nested": {"deep": [1, 2.5, None]}}},
    ),
    "with unknown fields": said(ALICE, READ, ONE, foo="bar", futureField={"nested": True}),
    "with unknown fields inside": said({**ALICE, "nickname": "al"}, {**READ, "x": 1}, {**ONE, "y": []}),
    "with null properties": said(ALICE, READ, {**ONE, "properties": {"status": None}}),
}


@pytest.mark.parametrize("body", MORE.values(), ids=MORE)
def test_what_is_not_known_is_ignored(one: Served, body: dict[str, Any]) -> None:
    assert _valid(one.all.post(ONE_PATH, body), EVALUATION)["decision"] is True


WRONG: dict[str, tuple[Any, str]] = {
    "no subject": ({"action": READ, "resource": ONE}, "#/subject"),
    "no action": ({"subject": ALICE, "resource": ONE}, "#/action"),
    "no resource": ({"subject": ALICE, "action": READ}, "#/resource"),
    "no subject's type": (said({"id": "alice"}, READ, ONE), "#/subject/type"),
    "no subject's id": (said({"type": "user"}, READ, ONE), "#/subject/id"),
    "no action's name": (said(ALICE, {}, ONE), "#/action/name"),
    "no resource's type": (said(ALICE, READ, {"id": "record-1"}), "#/resource/type"),
    "no resource's id": (said(ALICE, READ, {"type": "record"}), "#/resource/id"),
    "a subject that is text": (said("alice", READ, ONE), "#/subject"),
    "a name that is a number": (said(ALICE, {"name": 123}, ONE), "#/action/name"),
    "a context that is a list": (said(ALICE, READ, ONE, context=[]), "#/context"),
    "properties that are text": (said(ALICE, READ, {**ONE, "properties": "x"}), "#/resource/properties"),
    "an id that is none": (said({**ALICE, "id": "a b"}, READ, ONE), "#/subject/id"),
    "an unknown kind": (said({**ALICE, "type": "robot"}, READ, ONE), "#/subject"),
    "an unknown action": (said(ALICE, {"name": "fly"}, ONE), "#/action/name"),
    "a value of another type": (
        said(ALICE, {"name": "delete", "properties": {"soft": 1}}, ONE),
        "#/action/properties/soft",
    ),
}


@pytest.mark.parametrize("body, pointer", WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_a_call_is_400_with_its_place(one: Served, body: Any, pointer: str) -> None:
    answer = one.all.post(ONE_PATH, body)
    assert (answer.status, answer.json["status"]) == (400, 400)
    assert answer.headers["content-type"] == "application/problem+json"
    assert [place["pointer"] for place in answer.json["errors"]] == [pointer]
    assert answer.json["detail"]


TEXT = json.dumps(said(ALICE, READ, ONE))
NOT_JSON: dict[str, bytes] = {
    "nothing": b"",
    "half of it": TEXT[:-1].encode(),
    "a list": b"[]",
    "a key twice": (TEXT[:-1] + ',"context":{"a":1,"a":2}}').encode(),
    "a key twice by its escape": (TEXT[:-1] + ',"context":{"a":1,"\\u0061":2}}').encode(),
    "half a character": (TEXT[:-1] + ',"context":{"a":"\\ud800"}}').encode(),
    "a number beyond doubles": (TEXT[:-1] + ',"context":{"a":1e999}}').encode(),
    "a number that doubles do not hold": (TEXT[:-1] + ',"context":{"a":9007199254740993}}').encode(),
    "another encoding": TEXT.encode("utf-16"),
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
def test_what_is_no_i_json_is_400(one: Served, body: bytes) -> None:
    answer = one.all.post(ONE_PATH, body, **{"Content-Type": "application/json"})
    assert (answer.status, answer.json["status"]) == (400, 400)


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_another_media_type_is_400(one: Served, media: str) -> None:
    answer = one.all.post(ONE_PATH, said(ALICE, READ, ONE), **{"Content-Type": media})
    assert (answer.status, answer.json["code"]) == (400, "wrong_media_type")


def test_who_calls_must_say_so_and_be_allowed_to(one: Served) -> None:
    without = call(one.app, "POST", ONE_PATH, said(ALICE, READ, ONE))
    assert (without.status, without.headers["www-authenticate"][:6]) == (401, "Bearer")
    other = one.caller("acme", "audit").post(ONE_PATH, said(ALICE, READ, ONE))
    assert other.status == 403


@pytest.mark.parametrize("id", ["bfe9eb29-ab87-4ca3-be83-a1d5d8305716", 'a b/c;d="e"', "x" * 256])
def test_a_request_id_is_repeated(one: Served, id: str) -> None:
    for body in (said(ALICE, READ, ONE), {}):
        assert one.all.post(ONE_PATH, body, **{"X-Request-ID": id}).headers["x-request-id"] == id


def test_without_a_request_id_there_is_one(one: Served) -> None:
    assert one.all.post(ONE_PATH, said(ALICE, READ, ONE)).headers["x-request-id"]


# ---- Batch

BATCHES: dict[str, tuple[dict[str, Any], list[bool]]] = {
    "with defaults": (
        {"subject": BOB, "resource": ONE, "evaluations": [{"action": READ}, {"action": WRITE}]},
        [True, False],
    ),
    "of resources": (
        {"subject": ALICE, "action": WRITE, "evaluations": [{"resource": ACTIVE}, {"resource": ARCHIVED}]},
        [True, False],
    ),
    "of subjects": (
        {"action": WRITE, "resource": ARCHIVED, "evaluations": [{"subject": ALICE}, {"subject": ADMIN}]},
        [False, True],
    ),
    "without defaults": ({"evaluations": [said(ALICE, READ, ONE), said(BOB, WRITE, ONE)]}, [True, False]),
    "with contexts": (
        {
            "subject": ALICE,
            "action": READ,
            "context": {"time": "2025-06-27T18:03-07:00"},
            "evaluations": [{"resource": ONE}, {"resource": TWO, "context": {"source": "batch-override"}}],
        },
        [True, True],
    ),
    "what an entity lacks is the default's": (
        {
            "subject": ALICE,
            "action": WRITE,
            "resource": {"type": "record"},
            "evaluations": [
                {"resource": {"id": "record-1", "properties": {"status": "active"}}},
                {"resource": ARCHIVED},
            ],
        },
        [True, False],
    ),
    "properties are not the default's": (
        {"subject": ALICE, "action": WRITE, "resource": ARCHIVED, "evaluations": [{"resource": TWO}, {}]},
        [True, False],
    ),
    "an item that lacks something": (
        {"subject": ALICE, "action": READ, "evaluations": [{"resource": ONE}, {}]},
        [True, False],
    ),
    "an item that is none": ({**said(ALICE, READ, ONE), "evaluations": ["x", {}, 1]}, [False, True, False]),
    "options of others": (
        {**said(ALICE, READ, ONE), "evaluations": [{}], "options": {"another_option": "value"}},
        [True],
    ),
}


@pytest.mark.parametrize("body, decisions", BATCHES.values(), ids=BATCHES)
def test_a_batch_is_decided_in_its_order(one: Served, body: dict[str, Any], decisions: list[bool]) -> None:
    answer = one.all.post(MANY_PATH, body)
    assert _decisions(answer) == decisions
    assert "decision" not in answer.json


ORDERED = [{"action": action} for action in (READ, WRITE, READ)]
SEMANTICS: dict[str, tuple[Any, Any, list[bool]]] = {
    "all": (BOB, {"evaluations_semantic": "execute_all"}, [True, False, True]),
    "all where nothing is said": (BOB, {}, [True, False, True]),
    "up to a denial": (BOB, {"evaluations_semantic": "deny_on_first_deny"}, [True, False]),
    "up to a permit": (BOB, {"evaluations_semantic": "permit_on_first_permit"}, [True]),
    "no denial comes": (ALICE, {"evaluations_semantic": "deny_on_first_deny"}, [True, True, True]),
    "no permit comes": ({**BOB, "type": "robot"}, {"evaluations_semantic": "permit_on_first_permit"}, [False] * 3),
    "an error is a denial": ({**BOB, "type": "robot"}, {"evaluations_semantic": "deny_on_first_deny"}, [False]),
}


@pytest.mark.parametrize("subject, options, decisions", SEMANTICS.values(), ids=SEMANTICS)
def test_a_semantic_ends_a_batch(one: Served, subject: Any, options: Any, decisions: list[bool]) -> None:
    body = {"subject": subject, "resource": ONE, "evaluations": ORDERED, "options": options}
    assert _decisions(one.all.post(MANY_PATH, body)) == decisions


@pytest.mark.parametrize("more", [{}, {"evaluations": []}])
def test_without_evaluations_it_is_one(one: Served, more: dict[str, Any]) -> None:
    answer = one.all.post(MANY_PATH, {**said(ALICE, READ, ONE), **more})
    assert _valid(answer, EVALUATION)["decision"] is True
    assert "evaluations" not in answer.json
    assert one.all.post(MANY_PATH, {"subject": ALICE, **more}).status == 400


def test_an_item_that_cannot_be_decided_says_why(one: Served) -> None:
    body = {
        "subject": ALICE,
        "action": READ,
        "evaluations": [{"resource": ONE}, {}, {"resource": ONE, "action": {"name": "fly"}}],
    }
    _, lacks, unknown = one.all.post(MANY_PATH, body).json["evaluations"]
    assert lacks["context"] == {
        "error": {"status": 400, "message": "`resource` is missing", "code": "invalid_request", "help": "add it"}
    }
    assert (unknown["context"]["error"]["status"], unknown["context"]["error"]["code"]) == (400, "unknown_action")


WRONG_BATCHES: dict[str, tuple[Any, int, str | None]] = {
    "a default that is text": ({"subject": "alice", "evaluations": [{}]}, 400, "#/subject"),
    "an unknown semantic": (
        {"evaluations": [{}], "options": {"evaluations_semantic": "first"}},
        400,
        "#/options/evaluations_semantic",
    ),
    "options that are text": ({"evaluations": [{}], "options": "all"}, 400, "#/options"),
    "evaluations that are none": ({**said(ALICE, READ, ONE), "evaluations": {}}, 400, "#/evaluations"),
    "too many": ({**said(ALICE, READ, ONE), "evaluations": [{}] * 6}, 400, "#/evaluations"),
}


@pytest.mark.parametrize("body, status, pointer", WRONG_BATCHES.values(), ids=WRONG_BATCHES)
def test_what_is_wrong_with_a_whole_batch_is_told_of_the_call(
    one: Served, body: Any, status: int, pointer: str | None
) -> None:
    answer = one.all.post(MANY_PATH, body)
    assert answer.status == status
    assert [place["pointer"] for place in answer.json["errors"]] == [pointer]


# ---- Discovery


def test_the_metadata_say_what_there_is(one: Served) -> None:
    one.service.url = "https://pdp.example.com/acme"
    answer = call(one.app, "GET", "/.well-known/authzen-configuration")
    assert answer.json == {
        "policy_decision_point": "https://pdp.example.com/acme",
        "access_evaluation_endpoint": "https://pdp.example.com/acme/access/v1/evaluation",
        "access_evaluations_endpoint": "https://pdp.example.com/acme/access/v1/evaluations",
        "search_action_endpoint": "https://pdp.example.com/acme/access/v1/search/action",
        "obligations_supported": ["custom"],
    }
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "max-age=3600"


def test_without_an_address_they_say_the_host_that_was_asked_for(one: Served) -> None:
    one.service.url = None
    path = "/.well-known/authzen-configuration"
    answer = call(one.app, "GET", path, headers={"Host": "127.0.0.1:8080"})
    assert answer.json["policy_decision_point"] == "http://127.0.0.1:8080"
    assert answer.headers["cache-control"] == "no-store"
    for host in ("", "a/b", 'x"y', "a b"):
        assert call(one.app, "GET", path, headers={"Host": host}).status == 400


@pytest.mark.parametrize("entity", ["subject", "resource"])
def test_what_is_not_offered_is_not_there(one: Served, entity: str) -> None:
    body = {"subject": {"type": "user"}, "action": READ, "resource": ONE}
    assert one.all.post(f"/access/v1/search/{entity}", body).status == 404
