"""AuthZEN 1.0, search: what a subject may do now, how much of it, and page by page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from serve.authzen_fixture import ACTIONS, ADMIN, ALICE, ARCHIVED, ONE, records
from support.services import ANA, Served, served, with_ana

PATH = "/access/v1/search/action"
USER = {"type": "user", "id": "u_ana"}
MODEL = {"type": "model", "id": "gpt-5.5"}


@pytest.fixture(scope="module")
def one() -> Iterator[Served]:
    with records() as found:
        yield found


@pytest.fixture
def shipped() -> Iterator[Served]:
    with served() as found:
        yield with_ana(found)


def _search(one: Served, subject: Any, resource: Any, **more: Any) -> Any:
    answer = one.all.post(PATH, {"subject": subject, "resource": resource, **more})
    assert answer.status == 200, answer.json
    Draft202012Validator(ACTIONS).validate(answer.json)
    assert next(iter(answer.json)) == "page"
    return answer.json


def _names(found: Any) -> list[str]:
    return [action["name"] for action in found["results"]]


# ---- the certification scenario's kinds of cases


def test_what_may_be_done_is_found(one: Served) -> None:
    assert _names(_search(one, ALICE, ONE)) == ["read", "write"]
    assert _names(_search(one, ALICE, ONE, context={"time": "2025-06-27T18:03-07:00"})) == ["read", "write"]


def test_properties_decide_what_is_found(one: Served) -> None:
    assert _names(_search(one, ADMIN, ARCHIVED)) == ["read", "write"]
    assert _names(_search(one, ALICE, ARCHIVED)) == ["read"]
    assert _names(_search(one, ALICE, ONE, context={"soft": True})) == ["delete", "read", "write"]


def test_what_is_found_is_permitted(one: Served) -> None:
    for action in _search(one, ADMIN, ARCHIVED)["results"]:
        answer = one.all.post("/access/v1/evaluation", {"subject": ADMIN, "action": action, "resource": ARCHIVED})
        assert answer.json["decision"] is True


@pytest.mark.parametrize("subject", [{"type": "user", "id": "nobody"}, {"type": "spaceship", "id": "alice"}])
def test_who_is_not_known_may_do_nothing(one: Served, subject: Any) -> None:
    found = _search(one, subject, ONE)
    assert (found["results"], found["page"]) == ([], {"next_token": "", "count": 0, "total": 0})


@pytest.mark.parametrize(
    "body, pointer",
    [
        ({"subject": ALICE}, "#/resource"),
        ({"resource": ONE}, "#/subject"),
        ({"subject": {"type": "user"}, "resource": ONE}, "#/subject/id"),
        ({"subject": ALICE, "resource": {"type": "record"}}, "#/resource/id"),
        ({"subject": ALICE, "resource": ONE, "page": {"limit": -1}}, "#/page/limit"),
        ({"subject": ALICE, "resource": ONE, "page": {"limit": "1"}}, "#/page/limit"),
        ({"subject": ALICE, "resource": ONE, "page": {"token": "x"}}, "#/page/token"),
        ({"subject": ALICE, "resource": ONE, "page": {"token": "é"}}, "#/page/token"),
        ({"subject": ALICE, "resource": ONE, "page": []}, "#/page"),
        ({"subject": ALICE, "resource": ONE, "context": {"overspill": {"mod": "x"}}}, "#/context/overspill/mod"),
    ],
)
def test_what_is_wrong_with_a_search_is_400(one: Served, body: Any, pointer: str) -> None:
    answer = one.all.post(PATH, body)
    assert (answer.status, answer.json["errors"][0]["pointer"]) == (400, pointer)


# ---- pages


def test_pages_follow_each_other_to_the_end(one: Served) -> None:
    first = _search(one, ALICE, ONE, page={"limit": 1})
    assert (_names(first), first["page"]["count"], first["page"]["total"]) == (["read"], 1, 2)
    last = _search(one, ALICE, ONE, page={"token": first["page"]["next_token"]})
    assert (_names(last), last["page"]) == (["write"], {"next_token": "", "count": 1, "total": 2})
    same = _search(one, ALICE, ONE, page={"token": first["page"]["next_token"], "limit": 1})
    assert same == last


def test_a_token_is_good_for_its_own_search_only(one: Served) -> None:
    token = _search(one, ALICE, ONE, page={"limit": 1})["page"]["next_token"]
    for subject, page in ((ADMIN, {"token": token}), (ALICE, {"token": token, "limit": 2})):
        answer = one.all.post(PATH, {"subject": subject, "resource": ONE, "page": page})
        assert (answer.status, answer.json["errors"][0]["pointer"]) == (400, "#/page/token")


def test_none_at_all_may_be_asked_for(one: Served) -> None:
    found = _search(one, ALICE, ONE, page={"limit": 0})
    assert (found["results"], found["page"]["total"]) == ([], 2)
    assert found["page"]["next_token"]


# ---- how much


def _how_much(found: Any) -> dict[str, tuple[str, str]]:
    return {
        action["name"]: (action["properties"]["overspill"]["available"], action["properties"]["overspill"]["unit"])
        for action in found["results"]
    }


def test_how_much_there_is_of_each_action(shipped: Served) -> None:
    assert _how_much(_search(shipped, USER, MODEL)) == {"codex": ("112", "credits"), "sora": ("35", "generations")}


def test_what_a_request_bounds_itself_by_counts(shipped: Served) -> None:
    found = _search(shipped, USER, MODEL, context={"overspill": {"only": ["plan_windows", "sora_days"]}})
    assert _how_much(found) == {"codex": ("60", "credits"), "sora": ("30", "generations")}


def test_an_action_that_lacks_something_is_left_open(shipped: Served) -> None:
    found = _search(shipped, USER, {"type": "conversation", "id": "c_1"})
    assert _names(found) == ["sora"]
    [open_] = found["context"]["undecided"]
    assert (open_["name"], open_["error"]["code"]) == ("codex", "missing_field")


def test_what_is_asked_for_decides_where_it_is_said(shipped: Served) -> None:
    assert _names(_search(shipped, USER, MODEL, context={"generations": 35})) == ["codex", "sora"]
    assert _names(_search(shipped, USER, MODEL, context={"generations": 36})) == ["codex"]


def test_where_nothing_is_left_nothing_is_found(shipped: Served) -> None:
    shipped.all.post("/v1/accounts/user/u_ana/attributes", {"attributes": {"suspended": True}}, "s1")
    assert _names(_search(shipped, USER, MODEL)) == ["sora"]
    shipped.engine.of_tenant("acme").set_attributes(ANA, {"use_credits": "never"}, id="s2")
    body = {"account": ANA, "fields": {"product": "sora"}, "meters": {"generations": 30}}
    shipped.all.post("/v1/decisions", body, "r1")
    assert _names(_search(shipped, USER, MODEL)) == []


def test_searching_uses_nothing_whatever_it_says(shipped: Served) -> None:
    before = len(list(shipped.engine.records()))
    for own in ({"mode": "consume", "id": "r1"}, {"mode": "reserve"}):
        assert _names(_search(shipped, USER, MODEL, context={"generations": 1, "overspill": own})) == ["codex", "sora"]
    assert len(list(shipped.engine.records())) == before


def test_the_resource_may_be_what_waterfalls_are_told_apart_by(shipped: Served) -> None:
    """Then there is one action."""
    for id, found in (("sora", ["use"]), ("codex", [])):
        assert _names(_search(shipped, USER, {"type": "product", "id": id})) == found


def test_a_service_that_does_not_answer_is_no_empty_search(one: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    from overspill.words.failures import StoreFailure

    engine = one.service.engine_of("acme")

    def away(request: object) -> object:
        raise StoreFailure("store_failed", "the disk is on fire")

    monkeypatch.setattr(engine, "available", away)
    answer = one.all.post(PATH, {"subject": ALICE, "resource": ONE})
    assert (answer.status, b"fire" in answer.body) == (503, False)
