"""A metered route: reserved before, captured behind it, whatever the application, its client or the service does."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from client.both import HUGE, SHORT, TURN, Awaited, turn
from overspill import Request
from overspill.client import AsyncClient, HoldJournal, Meter, Patience
from overspill.client.answers import Answer
from overspill.client.denials import denial_of
from overspill.client.failures import ServiceFailure
from overspill.records.answers import Offer
from overspill.words.codec import json_bytes
from support.services import Served, served, with_ana
from support.serving import Listening, Scripted, Time

ALL = dict(TURN["meters"])
App = Callable[[Any, Any, Any], Awaitable[None]]


@pytest.fixture
def one() -> Iterator[Served]:
    with served() as found:
        yield with_ana(found)


class Caller:
    """Who asks the metered application: what it hears, and when it goes away."""

    def __init__(self, goes_after: int | None = None, told_by: str = "receive") -> None:
        self.heard: list[Any] = []
        self._goes_after, self._told_by = goes_after, told_by
        self._gone = asyncio.Event()
        self._asked = False

    async def receive(self) -> Any:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if self._gone.is_set():
            if self._told_by == "send":
                raise OSError("gone")
            await anyio.sleep(0)  # whoever listens for it hears it
        self.heard.append(message)
        if self._goes_after is not None and len(self.heard) > self._goes_after:
            self._gone.set()

    @property
    def status(self) -> int:
        return int(self.heard[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.heard[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.heard[1:])


class Scene:
    """One call of a metered application."""

    def __init__(self, one: Served, *faults: str, request: Request | None = None, **options: Any) -> None:
        self.one, self.time = one, Time()
        self.way = Scripted(one.app, one.all.key, iter(faults))
        self.request = request or turn("m1")
        self.options = options
        self.patience = SHORT

    def call(self, app: App, caller: Caller | None = None, scope: Any = None, **scoped: Any) -> Caller:
        async def main() -> Caller:
            asking = caller or Caller()

            async def sleep(millis: int) -> None:
                self.time.sleep(millis)

            async with AsyncClient(
                "http://service.test",
                "osk_x",
                transport=Awaited(self.way),
                patience=self.patience,
                now=self.time.now,
                sleep=sleep,
                jitter=lambda most: 0,
            ) as client:
                metered = Meter(app, client, lambda scope, id: self.request, **self.options)
                await metered(scope or {**SCOPE, **scoped}, asking.receive, asking.send)
            return asking

        return asyncio.run(main())

    @property
    def kinds(self) -> list[str]:
        return [r.key[2] for r in self.one.engine.records() if r.key[2] not in ("set", "grant")]

    @property
    def booked(self) -> list[dict[str, int]]:
        """The meters of each capture, those that are 0 left out."""
        captures = [r for r in self.one.engine.records() if r.key[2] == "capture"]
        meters = [json.loads(bytes(r.command))["meters"] for r in captures]
        return [{name: amount for name, amount in each.items() if amount} for each in meters]


SCOPE = {
    "type": "http",
    "asgi": {"version": "3.0", "spec_version": "2.3"},
    "http_version": "1.1",
    "method": "GET",
    "path": "/",
    "raw_path": b"/",
    "root_path": "",
    "scheme": "http",
    "query_string": b"",
    "headers": [],
}


def answering(status: int = 200, *, uses: dict[str, int] | None = None, fails: bool = False) -> App:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if uses is not None:
            scope["overspill"].use(**uses)
        if fails:
            raise KeyError("mine")
        await PlainTextResponse("done", status)(scope, receive, send)

    return app


def streaming(*parts: Any) -> App:
    """Bytes are sent, a number of milliseconds passes, an exception is raised, meters are counted."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def body() -> Any:
            for part in parts:
                if callable(part):
                    part()
                elif isinstance(part, Exception):
                    raise part
                elif isinstance(part, dict):
                    scope["overspill"].use(**part)
                else:
                    yield part

        await StreamingResponse(body())(scope, receive, send)

    return app


# ---- what is captured

RULE: dict[str, tuple[App, list[dict[str, int]], str]] = {
    # the application → what is booked, what the hold ends with
    "nothing told, an answer": (answering(), [{"input_tokens": 56_000, "output_tokens": 2_000}], "capture"),
    "nothing told, an error": (answering(404), [], "release"),
    "nothing told, a failure": (answering(500), [], "release"),
    "told": (answering(uses={"output_tokens": 5}), [{"output_tokens": 5}], "capture"),
    "told, though it is an error": (answering(500, uses={"output_tokens": 5}), [{"output_tokens": 5}], "capture"),
    "told that it was nothing": (answering(uses={"output_tokens": 0}), [], "release"),
}


@pytest.mark.parametrize("app, booked, last", RULE.values(), ids=RULE)
def test_what_is_captured(one: Served, app: App, booked: list[dict[str, int]], last: str) -> None:
    scene = Scene(one)
    scene.call(app)
    assert (scene.booked, scene.kinds) == (booked, ["reserve", last])


@pytest.mark.parametrize(
    "uses, booked, last", [(None, [], "release"), ({"output_tokens": 5}, [{"output_tokens": 5}], "capture")]
)
def test_what_an_exception_leaves(one: Served, uses: Any, booked: list[Any], last: str) -> None:
    scene = Scene(one)
    with pytest.raises(KeyError):
        scene.call(answering(uses=uses, fails=True))
    assert (scene.booked, scene.kinds) == (booked, ["reserve", last])


def test_an_exception_in_the_middle_of_a_stream_captures_what_was_told(one: Served) -> None:
    scene = Scene(one)
    with pytest.raises(KeyError):
        scene.call(streaming({"output_tokens": 3}, b"a", KeyError("mine")))
    assert scene.booked == [{"output_tokens": 3}]


def test_an_exception_in_the_middle_of_what_nobody_counts_costs_nothing(one: Served) -> None:
    scene = Scene(one)
    with pytest.raises(KeyError):
        scene.call(streaming(b"a", KeyError("mine")))
    assert scene.kinds == ["reserve", "release"]


def test_each_part_that_was_sent_is_counted(one: Served) -> None:
    scene = Scene(one, sent=lambda data: {"output_tokens": len(data)})
    caller = scene.call(streaming(b"abc", b"", b"de"))
    assert (scene.booked, caller.body) == ([{"output_tokens": 5}], b"abcde")


def test_the_estimate_comes_through_to_the_application(one: Served) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["overspill"].allowed, scope["overspill"].answer.granted))
        await PlainTextResponse("done")(scope, receive, send)

    Scene(one).call(app)
    assert seen == [(True, "8.5")]


# ---- in parts


def test_a_stream_is_captured_in_parts(one: Served) -> None:
    scene = Scene(one, part_ms=1_000, sent=lambda data: {"output_tokens": len(data)})

    def pass_time() -> None:
        scene.time.at += 1_000

    scene.call(streaming(b"a", b"b", pass_time, b"c", b"d", pass_time, b"e"))
    assert scene.booked == [{"output_tokens": 3}, {"output_tokens": 2}, {}]
    finals = [json.loads(bytes(r.command)).get("final", True) for r in one.engine.records() if r.key[2] == "capture"]
    assert finals == [False, False, True]


def test_a_part_that_fails_does_not_stop_the_stream(one: Served) -> None:
    scene = Scene(one, "pass", "after", "before", part_ms=1_000, sent=lambda data: {"output_tokens": len(data)})

    def pass_time() -> None:
        scene.time.at += 1_000

    limits: list[tuple[str, int]] = []
    real = scene.way.send

    def send(call: Any, within: int) -> Any:
        limits.append((call.path.rpartition("/")[2], within))
        return real(call, within)

    scene.way.send = send  # type: ignore[method-assign]
    scene.patience = Patience(total=20_000, attempt=10_000)
    caller = scene.call(streaming(pass_time, b"abc", pass_time, b"d", b"ef"))
    assert caller.body == b"abcdef"
    assert [within for what, within in limits if what == "capture"] == [500, 500, *[10_000] * 3]
    assert scene.booked == [{"output_tokens": 3}, {"output_tokens": 1}, {"output_tokens": 2}]


def test_a_long_stream_keeps_its_hold(one: Served) -> None:
    scene = Scene(one, part_ms=10**9, sent=lambda data: {"output_tokens": len(data)})

    def pass_time() -> None:
        scene.time.at += 8 * 60_000
        one.clock.advance(8 * 60_000_000)

    scene.call(streaming(b"a", pass_time, b"b", pass_time, b"c", pass_time, b"d"))
    assert scene.kinds == ["reserve", "extend", "extend", "extend", "capture"]
    late = [json.loads(bytes(r.answer))["late"] for r in one.engine.records() if r.key[2] == "capture"]
    assert late == [False]


# ---- who goes away


@pytest.mark.parametrize("told_by, version", [("receive", "2.3"), ("send", "2.4")])
def test_who_goes_in_the_middle_pays_for_what_was_sent(one: Served, told_by: str, version: str) -> None:
    scene = Scene(one, sent=lambda data: {"output_tokens": len(data)})
    asgi = {"version": "3.0", "spec_version": version}
    with suppress(ClientDisconnect):
        scene.call(streaming(b"ab", b"cd", b"ef", b"gh"), Caller(2, told_by), asgi=asgi)
    (booked,) = scene.booked
    assert booked == {"output_tokens": 4}


def test_what_is_sent_to_one_who_is_known_to_have_gone_is_not_counted(one: Served) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ab", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        await send({"type": "http.response.body", "body": b"cd"})

    scene = Scene(one, sent=lambda data: {"output_tokens": len(data)})
    scene.call(app, Caller(1))
    assert scene.booked == [{"output_tokens": 2}]


@pytest.mark.parametrize("told_by, version", [("receive", "2.3"), ("send", "2.4")])
def test_who_goes_in_the_middle_of_what_nobody_counts_pays_the_estimate(
    one: Served, told_by: str, version: str
) -> None:
    scene = Scene(one)
    with suppress(ClientDisconnect):
        asgi = {"version": "3.0", "spec_version": version}
        scene.call(streaming(b"ab", b"cd", b"ef"), Caller(1, told_by), asgi=asgi)
    assert scene.booked == [{"input_tokens": 56_000, "output_tokens": 2_000}]


@pytest.mark.parametrize("began", [False, True])
def test_a_server_that_cancels_leaves_nothing_open(one: Served, began: bool) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if began:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        scene.cancel()  # type: ignore[attr-defined]
        await anyio.sleep_forever()

    scene = Scene(one)
    metered: App = app

    async def cancelling(scope: Any, receive: Any, send: Any) -> None:
        with anyio.CancelScope() as cancelled:
            scene.cancel = cancelled.cancel  # type: ignore[attr-defined]
            async with AsyncClient(
                "http://service.test", "osk_x", transport=Awaited(scene.way), now=scene.time.now
            ) as client:
                await Meter(metered, client, lambda scope, id: scene.request)(scope, receive, send)

    caller = Caller()

    async def main() -> None:
        await cancelling(dict(SCOPE), caller.receive, caller.send)

    asyncio.run(main())
    assert scene.kinds == ["reserve", "capture" if began else "release"]


# ---- what is denied


def test_a_denial_tells_what_would_help(one: Served) -> None:
    called: list[Any] = []
    caller = Scene(one, request=turn("m1", **HUGE)).call(lambda *call: called.append(call))  # type: ignore[arg-type, return-value]
    problem = json.loads(caller.body)
    assert (caller.status, caller.headers["content-type"]) == (402, "application/problem+json")
    assert (problem["reason"], [offer["offer"] for offer in problem["offers"]]) == (
        "usage_exhausted",
        ["add_credits", "upgrade"],
    )
    assert problem["decision_id"].startswith("dec_")
    assert called == []


def test_where_time_helps_it_says_when(one: Served) -> None:
    one.all.post("/v1/accounts/user/u_bo/attributes", {"attributes": {"plan": "plus"}}, "s")
    bo = {"account": {"user": "u_bo"}}
    one.all.post("/v1/decisions", {**TURN, **bo, "meters": {**ALL, "input_tokens": 450_000}}, "first")
    one.clock.advance(60 * 60 * 1_000_000)
    caller = Scene(one, request=turn("m1", **bo)).call(answering())
    problem = json.loads(caller.body)
    assert (caller.status, caller.headers["retry-after"]) == (429, str(4 * 60 * 60))
    assert (problem["type"].rpartition("#")[2], problem["violated-policies"]) == ("quota-exceeded", ["five_hours"])
    assert problem["retry_at"] == "2026-10-06T17:00:00Z"


SEEN = {
    "decision": "dec_a",
    "at": "2026-10-06T12:00:00.000000Z",
    "outcome": "deny",
    "requested": "1",
    "granted": "0",
    "unit": "c",
}
WAIT, BUY = Offer(offer="wait", until="2026-10-06T12:00:01Z"), Offer(offer="add_c", pool="c", amount="1", unit="c")
DENIALS: dict[str, tuple[dict[str, Any], int, str | None]] = {
    "time helps": ({"retry_at": "2026-10-06T12:00:00.000001Z", "offers": [WAIT, BUY]}, 429, "1"),
    "time has helped already": ({"retry_at": "2026-10-06T11:00:00Z", "offers": [WAIT]}, 429, "0"),
    "money helps": ({"retry_at": None, "offers": [BUY]}, 402, None),
    "waiting does not help": ({"retry_at": None, "offers": [WAIT]}, 403, None),
    "nothing helps": ({"retry_at": None, "offers": []}, 403, None),
}


@pytest.mark.parametrize("seen, status, after", DENIALS.values(), ids=DENIALS)
def test_a_denial_has_the_status_of_what_helps(seen: dict[str, Any], status: int, after: str | None) -> None:
    denial = denial_of(Answer(json_bytes({**SEEN, **seen}), source="decided"))
    headers = {name.decode(): value.decode() for name, value in denial.headers}
    assert (denial.status, headers.get("retry-after"), json.loads(denial.body)["status"]) == (status, after, status)
    assert headers["content-length"] == str(len(denial.body))


@pytest.mark.parametrize("millis, after", [(None, "1"), (0, "1"), (1, "1"), (2_500, "3")])
def test_a_service_that_is_away_is_told_with_a_time(millis: int | None, after: str) -> None:
    failure = ServiceFailure("busy", "busy", retry_ms=millis)
    denial = denial_of(Answer(None, source="failed_closed", failure=failure))
    assert (denial.status, dict(denial.headers)[b"retry-after"]) == (503, after.encode())


# ---- while the service is away


def test_closed_is_answered_503(one: Served) -> None:
    scene = Scene(one, *["503"] * 99)
    caller = scene.call(answering())
    assert (caller.status, json.loads(caller.body)["source"], scene.kinds) == (503, "failed_closed", [])


def test_open_goes_on_and_is_booked_later(one: Served, tmp_path: Path) -> None:
    with HoldJournal(tmp_path / "holds.jsonl") as journal:
        scene = Scene(one, *["503"] * 99, journal=journal, if_away="allow")
        assert scene.call(answering()).status == 200
        assert (scene.kinds, len(journal.left())) == ([], 1)

        async def later() -> list[Any]:
            way = Awaited(Scripted(one.app, one.all.key))
            async with AsyncClient("http://service.test", "osk_x", transport=way) as client:
                return await client.recover(journal)

        assert [found.outcome for found in asyncio.run(later())] == ["captured"]
    assert scene.booked == [{"input_tokens": 56_000, "output_tokens": 2_000}]


# ---- what is not metered


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
def test_what_is_no_request_goes_through(one: Served, kind: str) -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    scene = Scene(one)
    scene.call(app, type=kind)
    assert (seen, scene.way.calls) == ([kind], [])


def test_a_route_that_is_not_metered_goes_through(one: Served) -> None:
    scene = Scene(one)
    scene.request = None  # type: ignore[assignment]
    assert scene.call(answering()).status == 200
    assert scene.way.calls == []


def test_each_request_has_an_id_of_its_own(one: Served) -> None:
    ids: list[str] = []

    async def main() -> None:
        way = Awaited(Scripted(one.app, one.all.key))
        async with AsyncClient("http://service.test", "osk_x", transport=way) as client:

            def ask(scope: Any, id: str) -> Request:
                ids.append(id)
                return turn(id)

            metered = Meter(answering(), client, ask)
            for _ in range(3):
                caller = Caller()
                await metered(dict(SCOPE), caller.receive, caller.send)

    asyncio.run(main())
    assert len(set(ids)) == 3


# ---- under a real server, with a client that really goes


def test_a_client_that_hangs_up_is_captured_for_what_was_sent(one: Served) -> None:
    done = threading.Event()
    parts: list[bytes] = []

    async def stream(request: Any) -> StreamingResponse:
        async def body() -> Any:
            while True:
                parts.append(b"x" * 1000)
                yield parts[-1]
                await asyncio.sleep(0)

        return StreamingResponse(body())

    way = Awaited(Scripted(one.app, one.all.key))
    client = AsyncClient("http://service.test", "osk_x", transport=way)
    app = Starlette(routes=[Route("/", stream)])
    metered = Meter(app, client, lambda scope, id: turn(id), sent=lambda data: {"output_tokens": len(data)})

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        try:
            await metered(scope, receive, send)
        finally:
            done.set()

    with Listening(watched, lifespan="off") as server:
        with socket.create_connection(("127.0.0.1", server.port)) as peer:
            peer.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            while len(peer.recv(65536)) < 100:
                pass
        assert done.wait(60)
    records = [r for r in one.engine.records() if r.key[2] == "capture"]
    booked = json.loads(bytes(records[-1].command))["meters"]["output_tokens"]
    assert 0 < booked <= 1000 * len(parts)
