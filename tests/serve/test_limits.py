"""How much at once: what is more than may be is sent away before it waits, and what is under way twice is told so."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from overspill.ports.registry import ApiKey
from overspill.serve import app, service
from overspill.serve.app import App
from overspill.serve.call import Call, Operation, Reply
from overspill.serve.service import Limits
from support.asgi import Answer, acall, call
from support.services import TURN, Caller, Served, served, with_ana


class Slow:
    """An operation that waits until it is let go."""

    def __init__(self) -> None:
        self.entered, self.gate = 0, asyncio.Event()

    async def act(self, call: Call) -> Reply:
        self.entered += 1
        await self.gate.wait()
        return Reply(b"{}")

    @property
    def operation(self) -> Operation:
        return Operation(
            id="slow",
            method="POST",
            path="/slow",
            tag="Service",
            summary="",
            scope="decide",
            answer={},
            keyed="maybe",
            act=self.act,
        )


async def _until(slow: Slow, count: int) -> None:
    while slow.entered < count:
        await asyncio.sleep(0)


@pytest.fixture
def one() -> Iterator[Served]:
    with served(Limits(at_once=2, total=3)) as found:
        yield found


def _run(one: Served, calls: list[tuple[str, str | None]]) -> tuple[list[Answer], list[Answer]]:
    """(what is answered at once, what waited), of calls (tenant, key) of which some have a place."""

    async def go() -> tuple[list[Answer], list[Answer]]:
        slow = Slow()
        app = App(one.service, (slow.operation,))
        waiting: list[asyncio.Task[Answer]] = []
        refused: list[Answer] = []
        for tenant, key in calls:
            caller = Caller(app, one.caller(tenant, "decide").key)
            before = slow.entered
            task = asyncio.create_task(caller.apost("/slow", None, key))
            while slow.entered == before and not task.done():
                await asyncio.sleep(0)
            (refused.append(task.result()) if task.done() else waiting.append(task))
        slow.gate.set()
        return refused, list(await asyncio.gather(*waiting))

    return asyncio.run(go())


PLACES: dict[str, tuple[list[tuple[str, str | None]], list[tuple[int, str]], int]] = {
    "a tenant has two": ([("a", None)] * 3, [(503, "busy")], 2),
    "another tenant has its own": ([("a", None), ("a", None), ("b", None)], [], 3),
    "all have three": ([("a", None), ("a", None), ("b", None), ("b", None)], [(503, "busy")], 3),
    "the same key": ([("a", "k"), ("a", "k")], [(409, "in_flight")], 1),
    "the same key of another tenant": ([("a", "k"), ("b", "k")], [], 2),
}


@pytest.mark.parametrize("calls, sent_away, answered", PLACES.values(), ids=PLACES)
def test_who_finds_no_place_is_sent_away(
    one: Served, calls: list[tuple[str, str | None]], sent_away: list[tuple[int, str]], answered: int
) -> None:
    refused, done = _run(one, calls)
    assert [(answer.status, answer.json["code"]) for answer in refused] == sent_away
    assert all(answer.headers["retry-after"] == "1" for answer in refused)
    assert [answer.status for answer in done] == [200] * answered
    assert one.service.under_way == 0


def test_a_tenant_has_so_many_holds_and_no_more_until_one_is_over() -> None:
    with served(Limits(holds=2)) as one:
        with_ana(one)
        free: dict[str, Any] = {**TURN, "mode": "reserve"}
        holds = [one.all.post("/v1/decisions", free, f"r{number}").json["hold"] for number in range(2)]
        third = one.all.post("/v1/decisions", free, "r2")
        other = one.caller("umbrella", "decide").post("/v1/decisions", free, "r2")
        assert (third.status, third.json["code"], other.json["code"]) == (503, "busy", "missing_attribute")
        assert one.all.post(f"/v1/holds/{holds[0]['id']}/release", None, "l").status == 200
        assert one.all.post("/v1/decisions", free, "r2").status == 200
        batch = {"mode": "reserve", "requests": [{**TURN, "id": "b1"}]}
        assert one.all.post("/v1/decisions", batch).status == 503
        one.clock.advance(24 * 3600 * 1_000_000)
        assert one.all.post("/v1/decisions", free, "r3").status == 200


def test_who_is_refused_again_and_again_is_told_so_later(one: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([*[5.2] * 50, 5.9, 5.9, 6.0])
    monkeypatch.setattr(service, "perf_counter", lambda: next(seconds))
    waits = [one.service.refused("acme") for _ in range(50)]
    assert waits[: service.AT_ONCE_REFUSED] == [0.0] * service.AT_ONCE_REFUSED
    later = waits[service.AT_ONCE_REFUSED :]
    assert all(service.KEPT_BACK_SECONDS <= wait <= 2 * service.KEPT_BACK_SECONDS for wait in later)
    assert len(set(later)) == len(later)  # they do not come back all at once
    assert one.service.refused("umbrella") == 0.0
    assert one.service.refused("acme") > 0.0
    assert one.service.refused("acme") == 0.0  # in the next second


def test_a_full_service_still_lives_and_tells_how_it_stands() -> None:
    with served(Limits(total=0)) as one:
        assert one.all.get("/v1/policies").json["detail"] == "the service has as many calls under way as it may"
        assert [call(one.app, "GET", path).status for path in ("/livez", "/readyz")] == [200, 200]


@pytest.mark.parametrize("head", [{"content-length": "10"}, {"transfer-encoding": "chunked"}], ids=["sized", "chunked"])
def test_who_asks_for_something_keeps_no_place_with_a_body_that_never_comes(one: Served, head: dict[str, str]) -> None:
    answer = asyncio.run(acall(one.app, "GET", "/livez", None, head, receive=_never))
    assert (answer.status, answer.json["detail"]) == (400, "this takes no body")
    assert call(one.app, "GET", "/livez", None, {"content-length": "0"}).status == 200


@pytest.mark.parametrize("path, body", [("/v1/decisions", TURN), ("/v1/holds/h/release", None)], ids=["body", "none"])
def test_a_body_has_so_long_to_come(
    one: Served, monkeypatch: pytest.MonkeyPatch, path: str, body: dict[str, Any] | None
) -> None:
    monkeypatch.setattr(app, "BODY_SECONDS", 0)
    answer = asyncio.run(acall(one.app, "POST", path, body, one.all.headers("r1", None), receive=_never))
    assert (answer.status, answer.json["detail"]) == (400, "the body had not come within 0 seconds")
    assert one.service.under_way == 0
    monkeypatch.undo()
    assert "idempotency-replayed" not in one.all.post("/v1/decisions", TURN, "r1").headers


async def _never() -> dict[str, Any]:
    return await asyncio.get_running_loop().create_future()


def test_so_many_credentials_are_looked_up_at_once(one: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "LOOKED_UP_MAX", 2)
    known, gate = one.all.get("/v1/policies").status, threading.Event()

    def slow(digest: bytes) -> ApiKey | None:
        assert gate.wait(60)
        return None

    async def go() -> list[Answer]:
        monkeypatch.setattr(one.service.registry, "key_of", slow)
        asked = [{"Authorization": f"Bearer osk_{number}"} for number in range(3)]
        waiting = [asyncio.create_task(acall(one.app, "GET", "/v1/policies", None, head)) for head in asked[:2]]
        while len(one.app._looking) < 2:
            await asyncio.sleep(0)
        refused = await acall(one.app, "GET", "/v1/policies", None, asked[2])
        again = await acall(one.app, "GET", "/v1/policies", None, one.all.headers(None, None))  # looked up just now
        gate.set()
        return [refused, again, *await asyncio.gather(*waiting)]

    refused, again, *nobody = asyncio.run(go())
    assert (refused.status, refused.json["code"], refused.headers["retry-after"]) == (503, "busy", "1")
    assert (known, again.status, [answer.status for answer in nobody]) == (200, 200, [401, 401])
