"""Hooks by HTTP: made once for a key, their secrets told once, another tenant's never, letters listed and sent anew."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from overspill.events.cloud_event import TYPES
from overspill.hooks.endpoints import ENABLED_MAX
from overspill.ports.hooks import Delivery, Waiting
from support.asgi import Answer
from support.services import NOON, Served, served

URL = "https://hooks.example/in"
BODY = {"url": URL, "types": ["usage.settled", "decision.made"], "percents": [100, 50]}


@pytest.fixture
def one() -> Iterator[Served]:
    with served() as found:
        yield found


def _made(one: Served, key: str = "h1", **body: Any) -> dict[str, Any]:
    answer = one.all.post("/v1/hooks", {**BODY, **body}, key)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json
    return found


def test_a_hook_is_made_with_a_secret_and_shown_without(one: Served) -> None:
    made = _made(one)
    assert made["secret"].startswith("whsec_")
    assert len(made["secret"]) == len("whsec_") + 44
    assert made["hook"] == {
        "id": made["hook"]["id"],
        "url": URL,
        "types": ["decision.made", "usage.settled"],
        "percents": [50, 100],
        "created_at": "2026-10-06T12:00:00Z",
        "enabled": True,
        "disabled_at": None,
        "disabled_why": None,
        "older_secret_until": None,
        "failing_since": None,
        "waiting": 0,
        "dead": 0,
    }
    assert one.all.get(f"/v1/hooks/{made['hook']['id']}").json == made["hook"]
    assert one.all.get("/v1/hooks").json == {"hooks": [made["hook"]]}


def test_the_same_key_is_the_same_hook_and_its_secret_is_not_told_again(one: Served) -> None:
    made = _made(one)
    again = one.all.post("/v1/hooks", BODY, "h1")
    assert again.json == {"hook": made["hook"], "secret": None}
    assert again.headers["idempotency-replayed"] == "true"
    other = one.all.post("/v1/hooks", {**BODY, "url": f"{URL}/2"}, "h1")
    assert (other.status, other.json["code"]) == (422, "idempotency_conflict")
    assert [place["pointer"] for place in other.json["errors"]] == ["#/url"]
    assert len(one.all.get("/v1/hooks").json["hooks"]) == 1


def test_what_is_not_said_is_all_types_and_two_marks(one: Served) -> None:
    answer = one.all.post("/v1/hooks", {"url": URL}, "h1")
    assert (answer.json["hook"]["types"], answer.json["hook"]["percents"]) == (list(TYPES), [80, 100])


WRONG: dict[str, tuple[Any, str | None, int, str, str | None]] = {
    "no key": (BODY, None, 400, "missing_idempotency_key", None),
    "no URL": ({}, "h1", 400, "invalid_request", "#/url"),
    "http": ({"url": "http://hooks.example/"}, "h1", 422, "invalid_url", "#/url"),
    "the service itself": ({"url": "https://127.0.0.1/"}, "h1", 422, "invalid_url", "#/url"),
    "metadata": ({"url": "https://169.254.169.254/latest/meta-data"}, "h1", 422, "invalid_url", "#/url"),
    "credentials": ({"url": "https://a:b@hooks.example/"}, "h1", 422, "invalid_url", "#/url"),
    "an unknown type": ({**BODY, "types": ["decision.mad"]}, "h1", 422, "unknown_type", "#/types/0"),
    "no type": ({**BODY, "types": []}, "h1", 400, "invalid_request", "#/types"),
    "a mark of 0": ({**BODY, "percents": [0]}, "h1", 400, "invalid_request", "#/percents/0"),
    "a mark of 101": ({**BODY, "percents": [50, 101]}, "h1", 400, "invalid_request", "#/percents/1"),
    "too many marks": ({**BODY, "percents": list(range(1, 12))}, "h1", 400, "invalid_request", "#/percents"),
    "a secret of one's own": ({**BODY, "secret": "whsec_x"}, "h1", 400, "unknown_key", "#/secret"),
}


@pytest.mark.parametrize("body, key, status, code, pointer", WRONG.values(), ids=WRONG)
def test_what_is_no_hook_is_a_problem_with_its_place(
    one: Served, body: Any, key: str | None, status: int, code: str, pointer: str | None
) -> None:
    answer = one.all.post("/v1/hooks", body, key)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert [place["pointer"] for place in answer.json["errors"]] == ([] if pointer is None else [pointer])
    assert answer.json["help"]
    assert one.all.get("/v1/hooks").json == {"hooks": []}


def test_a_tenant_has_so_many_that_are_enabled(one: Served) -> None:
    made = [_made(one, f"h{number}") for number in range(ENABLED_MAX)]
    more = one.all.post("/v1/hooks", BODY, "more")
    assert (more.status, more.json["code"]) == (409, "too_many_hooks")
    assert one.all.post("/v1/hooks", BODY, "h0").status == 200
    one.all.post(f"/v1/hooks/{made[0]['hook']['id']}/disable")
    assert one.all.post("/v1/hooks", BODY, "more").status == 200
    assert one.caller("umbrella", "operate").post("/v1/hooks", BODY, "h0").status == 200


def test_a_hook_is_disabled_and_enabled(one: Served) -> None:
    hook = _made(one)["hook"]
    for _ in range(2):
        off = one.all.post(f"/v1/hooks/{hook['id']}/disable").json
        assert (off["enabled"], off["disabled_at"], off["disabled_why"]) == (False, "2026-10-06T12:00:00Z", "operator")
        one.clock.advance(1_000_000)
    assert one.all.post(f"/v1/hooks/{hook['id']}/enable").json == hook


def test_a_hook_is_changed_in_what_is_said_and_stays_in_the_rest(one: Served) -> None:
    hook = _made(one)["hook"]
    path = f"/v1/hooks/{hook['id']}/change"
    assert one.all.post(path, {}).json == hook
    assert one.all.post(path, {"url": f"{URL}/2"}).json == {**hook, "url": f"{URL}/2"}
    both = one.all.post(path, {"types": list(TYPES), "percents": [70]})
    assert both.json == {**hook, "url": f"{URL}/2", "types": list(TYPES), "percents": [70]}
    again = one.all.post("/v1/hooks", BODY, "h1")
    assert (again.status, again.json["code"]) == (422, "idempotency_conflict")


@pytest.mark.parametrize(
    "body, status, code",
    [
        ({"url": "https://127.0.0.1/"}, 422, "invalid_url"),
        ({"types": ["decision.mad"]}, 422, "unknown_type"),
        ({"types": []}, 400, "invalid_request"),
        ({"percents": [101]}, 400, "invalid_request"),
        ({"secret": "whsec_x"}, 400, "unknown_key"),
    ],
)
def test_what_no_hook_may_be_it_is_not_changed_to(one: Served, body: Any, status: int, code: str) -> None:
    hook = _made(one)["hook"]
    answer = one.all.post(f"/v1/hooks/{hook['id']}/change", body)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert one.all.get(f"/v1/hooks/{hook['id']}").json == hook


def test_a_hook_is_deleted_for_good(one: Served) -> None:
    hook = _made(one)["hook"]["id"]
    _dead(one, hook, "evt_1")
    path = f"/v1/hooks/{hook}"
    for _ in range(2):
        assert one.all.post(f"{path}/delete").json == {"deleted": hook}
    for answer in [one.all.get(path), *[one.all.post(f"{path}/{act}") for act in ("enable", "disable")]]:
        assert (answer.status, answer.json["code"]) == (404, "unknown_hook")
    assert one.all.get("/v1/hooks").json == {"hooks": []}
    again = one.all.post("/v1/hooks", BODY, "h1")
    assert (again.status, again.json["code"]) == (409, "hook_deleted")
    assert one.registry.hooks.waiting(hook) == Waiting(0, 0)
    told = [(entry["operation"], entry["status"]) for entry in one.all.get("/v1/log").json["entries"]]
    assert told[:3] == [("create_hook", 200), ("delete_hook", 200), ("delete_hook", 200)]


def test_who_is_deleted_makes_room_for_another(one: Served) -> None:
    made = [_made(one, f"h{number}")["hook"]["id"] for number in range(ENABLED_MAX)]
    one.all.post(f"/v1/hooks/{made[0]}/delete")
    assert one.all.post("/v1/hooks", BODY, "more").status == 200


def test_a_secret_is_rotated_once_for_a_key(one: Served) -> None:
    made = _made(one)
    path = f"/v1/hooks/{made['hook']['id']}/rotate"
    first, again, second = (one.all.post(path, None, key) for key in ("r1", "r1", "r2"))
    assert first.json["hook"]["older_secret_until"] == "2026-10-07T12:00:00Z"
    assert again.json == {"hook": first.json["hook"], "secret": None}
    assert len({made["secret"], first.json["secret"], second.json["secret"]}) == 3
    assert one.all.post(path).json["code"] == "missing_idempotency_key"
    one.clock.advance(24 * 3600 * 1_000_000)
    assert one.all.get(path.removesuffix("/rotate")).json["older_secret_until"] is None


def _dead(one: Served, hook: str, *events: str) -> None:
    for event in events:
        one.registry.hooks.wait(
            Delivery(
                hook=hook, event=event, type="decision.made", subject="user/ana", body=b'{"id":"%s"}' % event.encode(),
                attempts=10, next_at=0, last="status_500", last_at=NOON, dead_at=NOON,
            )
        )  # fmt: skip


def test_dead_letters_are_listed_in_pages_redelivered_and_dropped(one: Served) -> None:
    hook = _made(one)["hook"]["id"]
    names = [f"evt_{number:03}" for number in range(102)]
    _dead(one, hook, *names)
    path = f"/v1/hooks/{hook}"
    page = one.all.get(f"{path}/dead_letters").json
    rest = one.all.get(f"{path}/dead_letters", f"after={page['next']}").json
    assert [letter["event"] for letter in (*page["letters"], *rest["letters"])] == names
    assert rest["next"] is None
    assert page["letters"][0] == {
        "event": "evt_000",
        "type": "decision.made",
        "subject": "user/ana",
        "attempts": 10,
        "last": "status_500",
        "last_at": "2026-10-06T12:00:00Z",
        "dead_at": "2026-10-06T12:00:00Z",
        "message": {"id": "evt_000"},
    }
    assert one.all.post(f"{path}/redeliver", {"events": names[:2]}).json == {"count": 2}
    assert one.all.post(f"{path}/drop", {"events": names[:3]}).json == {"count": 1}
    shown = one.all.get(path).json
    assert (shown["waiting"], shown["dead"]) == (2, 99)
    assert one.all.post(f"{path}/drop", {"all": True}).json == {"count": 99}
    assert one.all.post(f"{path}/redeliver", {"all": True}).json == {"count": 0}
    for body in ({}, {"all": True, "events": ["evt_1"]}, {"events": []}):
        assert one.all.post(f"{path}/drop", body).json["code"] == "invalid_request"


def _every(caller: Any, hook: str) -> Iterator[Answer]:
    path = f"/v1/hooks/{hook}"
    yield caller.get(path)
    yield caller.get(f"{path}/dead_letters")
    yield caller.post(f"{path}/disable")
    yield caller.post(f"{path}/enable")
    yield caller.post(f"{path}/rotate", None, "k")
    yield caller.post(f"{path}/redeliver", {"all": True})
    yield caller.post(f"{path}/drop", {"all": True})
    yield caller.post(f"{path}/change", {"url": f"{URL}/theirs"})
    yield caller.post(f"{path}/delete")


def test_another_tenants_hook_is_nobodys(one: Served) -> None:
    made = _made(one)["hook"]
    _dead(one, made["id"], "evt_1")
    made["dead"] = 1
    other = one.caller("umbrella", "operate")
    for answer in _every(other, made["id"]):
        assert (answer.status, answer.json["code"]) == (404, "unknown_hook")
    assert other.get("/v1/hooks").json == {"hooks": []}
    assert one.all.get(f"/v1/hooks/{made['id']}").json == made


def test_who_may_not_operate_has_no_hooks(one: Served) -> None:
    made = _made(one)["hook"]["id"]
    other = one.caller("acme", "decide", "author", "audit")
    for answer in (*_every(other, made), other.get("/v1/hooks"), other.post("/v1/hooks", BODY, "h2")):
        assert answer.status == 403


def test_what_changes_hooks_is_in_the_log_and_no_secret_is_anywhere(one: Served) -> None:
    made = _made(one)
    hook = made["hook"]["id"]
    secrets = [made["secret"], one.all.post(f"/v1/hooks/{hook}/rotate", None, "r1").json["secret"]]
    answers = [*_every(one.all, hook), one.all.get("/v1/hooks"), one.all.post("/v1/hooks", BODY, "h1")]
    log = one.all.get("/v1/log")
    assert [entry["operation"] for entry in log.json["entries"]] == [
        "create_hook", "rotate_hook", "disable_hook", "enable_hook", "rotate_hook", "redeliver", "drop_dead_letters",
        "change_hook", "delete_hook", "create_hook",
    ]  # fmt: skip
    assert log.json["entries"][-1]["status"] == 409
    told = json.dumps([answer.body.decode() for answer in (*answers, log)])
    assert hook in told
    assert not any(secret in told for secret in secrets)
