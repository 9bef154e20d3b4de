"""Decisions over HTTP: the engine's bytes, and what HTTP says beside them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from overspill import Request
from overspill.runtime.retries import AGAIN_MAX, Retries
from overspill.serve.service import Limits
from overspill.words.failures import Interrupted
from support.asgi import acall
from support.services import TURN, Served, served, with_ana


@pytest.fixture
def one() -> Iterator[Served]:
    with served(Limits(batch=4, body=4096)) as found:
        yield with_ana(found)


def test_a_decision_goes_out_in_the_engines_own_bytes(one: Served) -> None:
    answer = one.all.post("/v1/decisions", TURN, "r1")
    again = one.engine.of_tenant("acme").decide(Request(id="r1", **TURN))
    assert (answer.status, answer.body, again.replayed) == (200, again.json, True)


def test_the_same_key_gets_the_same_bytes_and_it_is_said_beside_them(one: Served) -> None:
    first, again = (one.all.post("/v1/decisions", TURN, "r1") for _ in range(2))
    assert first.body == again.body
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"


def test_a_denial_is_an_answer(one: Served) -> None:
    huge = {**TURN, "meters": {"input_tokens": 10**9, "cached_input_tokens": 0, "output_tokens": 0}}
    answer = one.all.post("/v1/decisions", huge, "r1")
    assert (answer.status, answer.json["outcome"]) == (200, "deny")


def test_what_is_reserved_is_captured_extended_released(one: Served) -> None:
    holds = [one.all.post("/v1/decisions", {**TURN, "mode": "reserve"}, f"r{n}").json["hold"]["id"] for n in range(2)]
    extended = one.all.post(f"/v1/holds/{holds[0]}/extend", None, "x1")
    captured = one.all.post(f"/v1/holds/{holds[0]}/capture", {"meters": TURN["meters"]}, "c1")
    released = one.all.post(f"/v1/holds/{holds[1]}/release", None, "l1")
    assert [extended.status, captured.status, released.status] == [200, 200, 200]
    assert (captured.json["used"], released.json["hold"]) == ("8.5", holds[1])
    late = one.all.post(f"/v1/holds/{holds[1]}/capture", {"meters": TURN["meters"]}, "c2")
    assert (late.status, late.json["code"]) == (409, "hold_closed")


def test_a_preview_changes_nothing_and_needs_no_key(one: Served) -> None:
    before = one.all.get("/v1/accounts/user/u_ana").json["accounts"]
    answer = one.all.post("/v1/decisions", {**TURN, "mode": "preview"})
    assert (answer.status, answer.json["granted"]) == (200, "8.5")
    assert one.all.get("/v1/accounts/user/u_ana").json["accounts"] == before


def test_each_request_of_a_batch_has_its_own_result(one: Served) -> None:
    batch = {"requests": [{**TURN, "id": "b1"}, {**TURN, "id": "b2", "spent": 1}, {**TURN, "id": "b1"}]}
    batch["requests"].append({**TURN, "id": "b3", "fields": {"product": "codex", "model": "x"}})
    answer = one.all.post("/v1/decisions", batch)
    first, wrong, again, unknown = answer.json["results"]
    assert answer.status == 200
    assert first["decision"] == again["decision"]
    assert (first["replayed"], again["replayed"]) == (False, True)
    assert (wrong["problem"]["code"], wrong["problem"]["errors"][0]["pointer"]) == ("unknown_key", "#/requests/1/spent")
    assert unknown["problem"]["errors"][0]["pointer"] == "#/requests/3/fields/model"


def test_a_decision_is_shown_with_its_trace_and_in_sentences(one: Served) -> None:
    id = one.all.post("/v1/decisions", TURN, "r1").json["decision"]
    shown = one.all.get(f"/v1/decisions/{id}")
    told = one.all.get(f"/v1/decisions/{id}/explanation")
    assert shown.json["answer"]["trace"][0]["step"] == "inputs"
    assert told.headers["content-type"].startswith("text/plain")
    assert b"plan_windows" in told.body


def test_whoever_goes_before_all_is_sent_has_asked_nothing(one: Served) -> None:
    for path, body in (("/v1/decisions", TURN), ("/v1/holds/h/release", None)):
        answer = asyncio.run(acall(one.app, "POST", path, body, one.all.headers("r1", None), whole=False))
        assert (answer.status, answer.json["code"]) == (400, "invalid_request")
    assert "idempotency-replayed" not in one.all.post("/v1/decisions", TURN, "r1").headers


def test_a_reversal_gives_back_what_was_drawn(one: Served) -> None:
    id = one.all.post("/v1/decisions", TURN, "r1").json["decision"]
    answer = one.all.post("/v1/reversals", {"of": id}, "v1")
    assert {part["amount"] for part in answer.json["returned"]} == {"8.5"}
    assert answer.json["actor"].startswith("key_")


def test_what_is_left_of_windows_is_told_in_fields(one: Served) -> None:
    answer = one.all.post("/v1/decisions", TURN, "r1")
    assert answer.headers["ratelimit-policy"] == (
        '"five_hours";q=60;overspill-unit="credits", "week";q=300;overspill-unit="credits"'
    )
    assert answer.headers["ratelimit"] == '"five_hours";r=51;t=18000, "week";r=291;t=604800'


WRONG: dict[str, tuple[Any, str | None, int, str, str | None]] = {
    "no key": (TURN, None, 400, "missing_idempotency_key", None),
    "a key that is none": (TURN, "a b", 422, "invalid_id", None),
    "another id than the key": ({**TURN, "id": "r2"}, "r1", 400, "invalid_request", "#/id"),
    "no JSON": (b"{", "r1", 400, "invalid_json", None),
    "a list": ([], "r1", 400, "invalid_request", "#"),
    "a key twice": (b'{"account":{"user":"a"},"account":{"user":"b"}}', "r1", 400, "invalid_json", None),
    "a float": ({**TURN, "meters": {"input_tokens": 1.5}}, "r1", 400, "invalid_json", None),
    "half a character": (b'{"account":{"user":"\\ud800"}}', "r1", 400, "invalid_json", None),
    "no account": ({"meters": {}}, "r1", 400, "missing_account", "#/account"),
    "an unknown key": ({**TURN, "acount": 1}, "r1", 400, "unknown_key", "#/acount"),
    "an unknown mode": ({**TURN, "mode": "consum"}, "r1", 400, "invalid_request", "#/mode"),
    "a mode that is no text": ({**TURN, "mode": {}}, "r1", 400, "invalid_request", "#/mode"),
    "an unknown model": (
        {**TURN, "fields": {"product": "codex", "model": "x"}},
        "r1",
        422,
        "unknown_model",
        "#/fields/model",
    ),
    "a batch with a key": ({"requests": [{**TURN, "id": "b"}]}, "r1", 400, "invalid_request", None),
    "an empty batch": ({"requests": []}, None, 400, "invalid_request", "#/requests"),
    "a batch that is too long": ({"requests": [TURN] * 5}, None, 422, "batch_too_long", "#/requests"),
    "something beside a batch": ({"requests": [TURN], "id": "x"}, None, 400, "unknown_key", "#/id"),
    "too many bytes": (b" " * 5000, "r1", 413, "too_large", None),
}


@pytest.mark.parametrize("body, key, status, code, pointer", WRONG.values(), ids=WRONG)
def test_what_cannot_be_decided_is_a_problem_with_its_place(
    one: Served, body: Any, key: str | None, status: int, code: str, pointer: str | None
) -> None:
    answer = one.all.post("/v1/decisions", body, key)
    problem = answer.json
    assert (answer.status, problem["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (problem["type"], problem["status"]) == (f"/problems/{code}", status)
    assert [place["pointer"] for place in problem["errors"]] == ([] if pointer is None else [pointer])
    assert problem["help"]


def test_another_payload_under_a_key_is_told_with_the_first_difference(one: Served) -> None:
    one.all.post("/v1/decisions", TURN, "r1")
    other = {**TURN, "meters": {**TURN["meters"], "output_tokens": 1}}
    answer = one.all.post("/v1/decisions", other, "r1")
    assert (answer.status, answer.json["errors"][0]["pointer"]) == (422, "#/meters/output_tokens")


def test_two_tenants_have_nothing_to_do_with_each_other(one: Served) -> None:
    other = one.caller("umbrella", "decide", "operate", "audit")
    hold = one.all.post("/v1/decisions", {**TURN, "mode": "reserve"}, "r1").json
    for path, body in (
        (f"/v1/holds/{hold['hold']['id']}/release", None),
        (f"/v1/holds/{hold['hold']['id']}/capture", {"meters": {}}),
        ("/v1/reversals", {"of": hold["decision"]}),
    ):
        answer = other.post(path, body, "k1")
        assert (answer.status, answer.json["code"][:8]) == (404, "unknown_")
    assert other.get(f"/v1/decisions/{hold['decision']}").status == 404
    assert other.get("/v1/accounts/user/u_ana").json["accounts"][0]["attributes"] == {}


def test_what_the_store_gives_up_again_and_again_may_be_asked_again_with_the_same_key(
    one: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[int] = []
    one.engine.settle()  # so that nobody else has anything to commit
    monkeypatch.setattr(one.engine._combiner, "_retries", Retries(waits.append))
    with monkeypatch.context() as while_it_lasts:
        while_it_lasts.setattr(one.engine._store, "commit", _given_up)
        refused = one.all.post("/v1/decisions", {**TURN, "mode": "reserve"}, "r1")
    answers = [one.all.post("/v1/decisions", {**TURN, "mode": "reserve"}, "r1") for _ in range(2)]
    assert (refused.status, refused.json["code"], refused.headers["retry-after"]) == (503, "busy", "1")
    assert len(waits) == AGAIN_MAX
    assert [answer.status for answer in answers] == [200, 200]
    assert [answer.headers.get("idempotency-replayed") for answer in answers] == [None, "true"]


def _given_up() -> None:
    raise Interrupted("the store gave the transaction up")
