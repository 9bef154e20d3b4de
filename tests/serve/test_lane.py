"""The lane and the application give the same bytes for whatever is sent, and the lane takes what is plain."""

from __future__ import annotations

import asyncio
import gc
import json
import re
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from overspill import Failure
from overspill.serve.app import App
from overspill.serve.lane import Connection as Remembering
from overspill.serve.lane import Lane
from overspill.serve.observing import Done
from overspill.serve.protocol import HEAD_MAX, LaneProtocol
from overspill.serve.service import Limits
from support.connections import Connection
from support.services import TURN, Served, served, with_ana

RESERVE = {**TURN, "mode": "reserve"}
HUGE = {**TURN, "meters": {"input_tokens": 10**9, "cached_input_tokens": 0, "output_tokens": 0}}
LIMITS = Limits(batch=4, body=4096, holds=1)


class Watched(Lane):
    """`taken` are the calls that it took."""

    taken = 0

    def takes(self, connection: Remembering, *call: Any) -> bool:
        took = super().takes(connection, *call)
        self.taken += took
        return took


class Said:
    """What callers say, by the key that they have."""

    def __init__(self, one: Served) -> None:
        self.key = one.all.key
        self.auditor = one.caller("acme", "audit").key

    def head(self, fields: dict[str, str], line: str = "POST /v1/decisions HTTP/1.1") -> bytes:
        return "".join([f"{line}\r\n", *(f"{name}: {value}\r\n" for name, value in fields.items()), "\r\n"]).encode()

    def call(
        self, body: Any = None, id: str = "r1", line: str = "POST /v1/decisions HTTP/1.1", **other: str | None
    ) -> bytes:
        """As a client says it; `other` fields by name, `_` for `-`, None for one that is left out."""
        data = body if isinstance(body, bytes) else json.dumps(TURN if body is None else body).encode()
        fields: dict[str, str | None] = {
            "Host": "127.0.0.1",
            "Authorization": f"Bearer {self.key}",
            "Idempotency-Key": id,
            "Content-Type": "application/json",
            "Content-Length": str(len(data)),
            "X-Request-ID": f"call-{id}",
        }
        fields |= {name.replace("_", "-"): value for name, value in other.items()}
        return self.head({name: value for name, value in fields.items() if value is not None}, line) + data


def _many(say: Said, *ids: str, mode: str = "consume", **other: str) -> bytes:
    body = {"mode": mode, "requests": [{**TURN, "id": id} for id in ids]}
    return say.call(body, **{"Idempotency_Key": None, **other})


def _chunked(say: Said) -> bytes:
    data = json.dumps(TURN).encode()
    head = say.call(b"", Content_Length=None, Transfer_Encoding="chunked")
    return head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data)


def _in_pieces(say: Said) -> list[bytes]:
    whole = say.call()
    return [whole[start : start + 50] for start in range(0, len(whole), 50)]


def _kinds(say: Said) -> list[bytes]:
    """With one head but for their keys; two are not plain."""
    bodies = [TURN, TURN, HUGE, RESERVE, {**TURN, "mode": "preview"}, b"{", TURN, TURN, {"requests": [TURN]}]
    return [*[say.call(body, id=f"r{number}") for number, body in enumerate(bodies)], say.call(HUGE, id="r0")]


OLD = "POST /v1/decisions HTTP/1.0"
CALLS: dict[str, tuple[Any, int, int]] = {
    "one": (lambda say: [say.call()], 1, 1),
    "one again": (lambda say: [say.call(), say.call()], 2, 2),
    "one behind the other": (lambda say: [say.call(id=f"r{number}") for number in range(5)], 5, 5),
    "one of each kind behind the other": (_kinds, 10, 8),
    "another credential behind others": (
        lambda say: [
            *[say.call(id=id) for id in ("r1", "r2", "r3")],
            say.call(Authorization="Bearer osk_x"),
            say.call(),
        ],
        5,
        4,
    ),
    "an end behind others": (
        lambda say: [*[say.call(id=id) for id in ("r1", "r2", "r3")], say.call(Connection="close")],
        4,
        4,
    ),
    "another payload under its key": (lambda say: [say.call(), say.call(HUGE)], 2, 2),
    "a denial": (lambda say: [say.call(HUGE)], 1, 1),
    "a preview without a key": (lambda say: [say.call({**TURN, "mode": "preview"}, Idempotency_Key=None)], 1, 1),
    "a hold": (lambda say: [say.call(RESERVE)], 1, 1),
    "one hold more than may be": (lambda say: [say.call(RESERVE, id="r1"), say.call(RESERVE, id="r2")], 2, 2),
    "what the policy does not know": (lambda say: [say.call({**TURN, "fields": {"product": "x"}})], 1, 1),
    "in pieces": (_in_pieces, 1, 1),
    "one behind the other at once": (lambda say: [say.call(id="r1") + say.call(id="r2") + say.call(id="r3")], 3, 1),
    "another call behind it at once": (lambda say: [say.call() + say.call(line="GET /livez HTTP/1.1")], 2, 1),
    "a call behind one that the lane leaves": (lambda say: [say.call({"requests": []}) + say.call()], 2, 0),
    "and then no more": (lambda say: [say.call(Connection="close")], 1, 1),
    "a quoted key": (lambda say: [say.call(id='"r1"', X_Request_ID="a")], 1, 1),
    "an old caller": (lambda say: [say.call(line=OLD)], 1, 0),
    "many": (lambda say: [_many(say, "r1", "r2")], 1, 1),
    "many, and then no more": (lambda say: [_many(say, "r1", Connection="close")], 1, 1),
    "many, some again": (lambda say: [_many(say, "r1", "r2", "r1"), _many(say, "r2", "r3")], 2, 2),
    "many, and one of them alone": (lambda say: [_many(say, "r1"), say.call(id="r1"), say.call(HUGE, id="r1")], 3, 3),
    "many, of which some have no id": (lambda say: [_many(say, "r1", "a b", "r2", "")], 1, 1),
    "many without an id": (lambda say: [_many(say, "a b", "c d")], 1, 1),
    "many previews": (lambda say: [_many(say, "r1", "r2", mode="preview")], 1, 1),
    "as many holds as may be": (lambda say: [_many(say, "r1", mode="reserve")] * 2, 2, 2),
    "more holds than may be": (lambda say: [_many(say, "r1", "r2", mode="reserve")], 1, 1),
    "more than many": (lambda say: [_many(say, "r1", "r2", "r3", "r4", "r5")], 1, 0),
    "many under a key": (lambda say: [_many(say, "r1", Idempotency_Key="r1")], 1, 0),
    "many, of which one is not plain": (lambda say: [_many(say, "r1", "ä")], 1, 0),
    "a pipeline of many": (lambda say: [_many(say, "r1") + _many(say, "r2")], 2, 1),
    "a number as text": (lambda say: [say.call({**TURN, "meters": {"input_tokens": "1"}})], 1, 0),
    "no JSON": (lambda say: [say.call(b"{")], 1, 0),
    "nothing": (lambda say: [say.call(b"")], 1, 0),
    "JSON that is not said to be": (lambda say: [say.call(Content_Type="text/plain")], 1, 0),
    "JSON in a character set": (lambda say: [say.call(Content_Type="application/json; charset=utf-8")], 1, 1),
    "no key": (lambda say: [say.call(Idempotency_Key=None)], 1, 0),
    "a key that is none": (lambda say: [say.call(id="a b")], 1, 0),
    "two keys": (lambda say: [say.call(id="r1\r\nIdempotency-Key: r2", X_Request_ID="a")], 1, 0),
    "no credential": (lambda say: [say.call(Authorization=None)], 1, 0),
    "another credential": (lambda say: [say.call(Authorization="Bearer osk_x")], 1, 0),
    "no credential for it": (lambda say: [say.call(Authorization=f"Bearer {say.auditor}")], 1, 0),
    "more than may be": (lambda say: [say.call(bytes(5000))], 1, 0),
    "without a length": (lambda say: [_chunked(say)], 1, 0),
    "a question first": (lambda say: [say.call(Expect="100-continue")], 2, 0),
    "a query": (lambda say: [say.call(line="POST /v1/decisions?a=b HTTP/1.1")], 1, 0),
    "another method": (lambda say: [say.call(line="PUT /v1/decisions HTTP/1.1")], 1, 0),
    "another path": (lambda say: [say.call({"of": "x"}, line="POST /v1/reversals HTTP/1.1")], 1, 0),
    "no HTTP": (lambda say: [b"?\r\n\r\n"], 1, 0),
}


@contextmanager
def known() -> Iterator[tuple[Served, Said]]:
    """A service that has just looked its callers up."""
    with served(LIMITS) as one:
        said = Said(with_ana(one))
        for key in (said.key, said.auditor):
            one.service.credentials.caller(key.encode())
        yield one, said


@pytest.mark.parametrize("name", CALLS)
def test_both_ways_say_the_same(name: str) -> None:
    calls, answers, taken = CALLS[name]
    with known() as (one, said), known() as (other, said_too):
        lane = Watched(one.app)

        async def both() -> tuple[Any, Any]:
            ours = Connection(one.app, partial(LaneProtocol, lane))
            uvicorns = Connection(other.app, HttpToolsProtocol)
            found = await ours.said(calls(said), answers), await uvicorns.said(calls(said_too), answers)
            return (found[0], ours.out.closed), (found[1], uvicorns.out.closed)

        found, expected = asyncio.run(both())
        assert one.service.under_way == other.service.under_way == 0
    assert (found, lane.taken) == (expected, taken)
    assert found[0].count(b"HTTP/1.1 ") == answers


@pytest.mark.parametrize("name", ["Authorization", "Content-Type", "Idempotency-Key"])
@pytest.mark.parametrize("line", ["POST /v1/decisions HTTP/1.1", "POST /v1/reversals HTTP/1.1"])
def test_a_field_that_says_one_thing_stands_there_once(line: str, name: str) -> None:
    with known() as (one, said):
        again = said.call(line=line).replace(b"Host:", f"{name}: x\r\nHost:".encode())

        async def say() -> bytes:
            return await Connection(one.app, partial(LaneProtocol, Lane(one.app))).said([again], 1)

        head, _, body = asyncio.run(say()).partition(b"\r\n\r\n")
    problem = json.loads(body)
    assert (head[:13], problem["code"]) == (b"HTTP/1.1 400 ", "invalid_header")
    assert f"`{name}`".lower() in problem["detail"]


@contextmanager
def garbage() -> Iterator[list[Any]]:
    """What only a search for cycles finds of what is done meanwhile."""
    found: list[Any] = []
    gc.collect()
    gc.disable()
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found += gc.garbage
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


@pytest.mark.parametrize("way", [LaneProtocol, HttpToolsProtocol])
@pytest.mark.parametrize("name", CALLS)
def test_no_failure_is_left_in_a_cycle(name: str, way: type[HttpToolsProtocol]) -> None:
    """Whoever is refused again and again would have the service search for what he left, while all others wait."""
    calls, answers, _ = CALLS[name]
    with known() as (one, said):
        protocol = partial(way, Lane(one.app)) if way is LaneProtocol else way

        async def say() -> None:
            await Connection(one.app, protocol).said(calls(said), answers)

        with garbage() as found:
            asyncio.run(say())
    assert [failure.code for failure in found if issubclass(type(failure), Failure)] == []


def test_what_is_seen_of_a_call_is_the_same() -> None:
    seen: list[Done] = []
    with known() as (one, said):
        app = App(one.service, seen=(seen.append,))

        async def both() -> None:
            for protocol in (partial(LaneProtocol, Lane(app)), HttpToolsProtocol):
                await Connection(app, protocol).said([said.call()], 1)

        asyncio.run(both())
    first, again = ((one.name, one.caller, one.method, one.headers, one.request_id, one.reply.status) for one in seen)
    assert first == again


@pytest.mark.parametrize("length", [1, 10_000], ids=["byte by byte", "at once"])
def test_what_comes_behind_a_body_is_no_part_of_the_head(length: int) -> None:
    with known() as (one, said):
        data = json.dumps(TURN).encode()
        head = said.call(b"", Content_Length=None, Transfer_Encoding="chunked", Authorization="Bearer osk_x")
        trailer = f"Authorization: Bearer {said.key}\r\n".encode()
        whole = head + b"%x\r\n%b\r\n0\r\n%b\r\n" % (len(data), data, trailer)

        async def say() -> bytes:
            connection = Connection(one.app, partial(LaneProtocol, Lane(one.app)))
            return await connection.said([whole[at : at + length] for at in range(0, len(whole), length)], 1)

        assert asyncio.run(say()).startswith(b"HTTP/1.1 401 ")


def test_whoever_fails_at_what_is_seen_of_a_call_holds_up_nobody() -> None:
    def fail(done: Done) -> None:
        raise ValueError(done.name)

    with known() as (one, said):
        lane = Watched(App(one.service, seen=(fail,)))

        async def together() -> list[bytes]:
            answers = []
            for calls in ([said.call(id="r1"), said.call(id="r2")], [_many(said, "a b"), said.call(Expect="")]):
                connections = [Connection(lane.app, partial(LaneProtocol, lane)) for _ in calls]
                answers += await asyncio.gather(
                    *[one.said([call], 1) for one, call in zip(connections, calls, strict=True)]
                )
            return answers

        answers = asyncio.run(together())
        assert [answer[:13] for answer in answers] == [b"HTTP/1.1 200 "] * 4
        assert (lane.taken, one.service.under_way) == (3, 0)


BEHIND = pytest.mark.parametrize("before", [0, 3], ids=["the first call", "a call behind others"])


@BEHIND
def test_whoever_leaves_is_told_nothing_and_has_used_what_he_asked_for(before: int) -> None:
    with known() as (one, said):

        async def leave() -> bytes:
            connection = Connection(one.app, partial(LaneProtocol, Lane(one.app)))
            await connection.said([said.call(id=f"b{number}") for number in range(before)], before)
            connection.out.parts.clear()
            connection.protocol.data_received(said.call())
            connection.out.close()
            connection.protocol.connection_lost(None)
            while one.service.under_way:
                await asyncio.sleep(0)
            return connection.sent

        assert asyncio.run(leave()) == b""
        assert one.all.post("/v1/decisions", TURN, "r1").headers["idempotency-replayed"] == "true"


@BEHIND
def test_a_service_that_stops_answers_what_is_under_way_and_ends(before: int) -> None:
    with known() as (one, said):

        async def stop() -> tuple[bytes, bool]:
            connection = Connection(one.app, partial(LaneProtocol, Lane(one.app)))
            await connection.said([said.call(id=f"b{number}") for number in range(before)], before)
            connection.out.parts.clear()
            connection.protocol.data_received(said.call())
            connection.protocol.shutdown()
            return await connection.said([], 1), connection.out.closed

        sent, closed = asyncio.run(stop())
    assert (sent.startswith(b"HTTP/1.1 200 "), b"connection: close\r\n" in sent, closed) == (True, True, True)


class Timers:
    """A loop's clock and timers, which stand still until the test says so."""

    def __init__(self) -> None:
        self.now = 100.0
        self._set: list[asyncio.TimerHandle] = []

    def time(self) -> float:
        return self.now

    def call_soon(self, call: Callable[[], None]) -> asyncio.Handle:
        return asyncio.get_running_loop().call_soon(call)

    def create_task(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(coroutine)

    def call_later(self, seconds: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        self._set.append(asyncio.TimerHandle(self.now + seconds, call, (), asyncio.get_running_loop()))
        return self._set[-1]

    @property
    def waiting(self) -> list[asyncio.TimerHandle]:
        return [one for one in self._set if not one.cancelled()]

    def pass_by(self, seconds: float) -> None:
        self.now += seconds
        due = [one for one in self.waiting if one.when() <= self.now]
        self._set = [one for one in self.waiting if one.when() > self.now]
        for one in due:
            one._run()


MUCH, LIVE = HEAD_MAX // 4, b"GET /livez HTTP/1.1\r\n\r\n"
LONG: dict[str, tuple[Callable[[Said], list[bytes]], list[bytes]]] = {
    "a field without an end": (lambda say: [say.call()[:50], *[b"x" * MUCH] * 4], [b"400"]),
    "fields without an end": (lambda say: [say.head({})[:-2], *[b"X-Y: z\r\n" * (MUCH // 8)] * 5], [b"400"]),
    "a path without an end": (lambda say: [b"POST /", *[b"x" * MUCH] * 4], [b"400"]),
    "a call, then a field without an end": (lambda say: [LIVE, LIVE[:-2], *[b"x" * MUCH] * 4], [b"200", b"400"]),
    "trailers without an end": (lambda say: [_chunked(say)[:-2], *[b"X-Y: z\r\n" * (MUCH // 8)] * 5], [b"400"]),
    "a long field": (lambda say: [say.call(X_Y="z" * 3 * MUCH)], [b"200"]),
    "a long field in parts": (lambda say: _in_parts(say.call(X_Y="z" * 3 * MUCH)), [b"200"]),
    "long fields of calls": (lambda say: _in_parts(say.call(X_Y="z" * 3 * MUCH)) * 3, [b"200"] * 3),
    "a body that is longer than may be": (
        lambda say: [*_in_parts(say.call(bytes(8 * MUCH))), say.call()],
        [b"413", b"200"],
    ),
}
"""What is sent, and the statuses of what is answered; whoever is answered 400 hears no more."""


def _in_parts(data: bytes) -> list[bytes]:
    return [data[start : start + MUCH] for start in range(0, len(data), MUCH)]


@pytest.mark.parametrize("name", LONG)
def test_a_head_that_does_not_end_ends_its_connection(name: str) -> None:
    parts, statuses = LONG[name]
    with known() as (one, said):

        async def send() -> tuple[bytes, bool]:
            connection = Connection(one.app, partial(LaneProtocol, Lane(one.app)))
            for part in parts(said):
                if not connection.out.closed:
                    connection.protocol.data_received(part)
                for _ in range(20):
                    await asyncio.sleep(0)
            found = await connection.said([], len(statuses)), connection.out.closed
            connection.protocol.connection_lost(None)
            await asyncio.gather(*connection.state.tasks)
            return found

        sent, closed = asyncio.run(send())
    assert (re.findall(rb"HTTP/1.1 (\d+)", sent), closed) == (statuses, b"400" in statuses)


KEPT: dict[str, tuple[list[tuple[str, int]], list[bool]]] = {
    "calls of the lane": ([("lane", -1), ("lane", -1), ("", 2), ("", 0)], [False, False, True, True]),
    "many calls of the lane": ([*[("lane", -1)] * 5, ("", 2), ("", 0)], [*[False] * 5, True, True]),
    "a call of the application behind one": ([("lane", -1), ("application", -1), ("", 2)], [False, False, True]),
    "a call of the lane behind one of the application": (
        [("application", -1), ("lane", -1), ("", 2)],
        [False, False, True],
    ),
    "nothing at all": ([("", -1), ("", 2)], [False, True]),
    "a head that does not end": (
        [("", -1), ("a part of a head", -1), ("more of it", 2), ("", 0)],
        [False, False, True, True],
    ),
    "a head that does not end, behind a call": (
        [("lane", -1), ("a part of a head", -1), ("more of it", 2)],
        [False, False, True],
    ),
    "a body that does not end": ([("a head", -1), ("a part of a body", 2)], [False, True]),
}
"""What is asked, and how many seconds pass then, from the most on; whether the connection has ended by then."""


@pytest.mark.parametrize("name", KEPT)
def test_a_connection_ends_when_nothing_was_asked_for_long_enough(name: str) -> None:
    steps, expected = KEPT[name]
    with known() as (one, said):

        async def idle() -> tuple[list[bool], int]:
            timers = Timers()
            connection = Connection(one.app, partial(LaneProtocol, Lane(one.app)), timers)
            keep, closed, answers = connection.protocol.timeout_keep_alive, [], 0
            for number, (asked, more) in enumerate(steps):
                call = said.call(id=f"r{number}")
                head = call.index(b"\r\n\r\n") + 4
                parts = {
                    "lane": call,
                    "application": said.call(line="GET /livez HTTP/1.1"),
                    "a part of a head": call[:40],
                    "more of it": call[40 : head - 2],
                    "a head": call[:head],
                    "a part of a body": call[head : head + 9],
                    "": b"",
                }
                if asked:
                    answers += asked in ("lane", "application")
                    await connection.said([parts[asked]], answers)
                    await asyncio.gather(*connection.state.tasks)
                timers.pass_by(keep + more if more <= 0 else more)
                closed.append(connection.out.closed)
            return closed, len(timers.waiting)

        assert asyncio.run(idle()) == (expected, 0)
