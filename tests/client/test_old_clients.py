"""A client that was there before: before the store failed over, and before the service learned to tell more.

The store's server dies in the middle of a client's hold, and another one goes on with its data: the service, its connections
and the client stay as they are. And an answer that has more in it than this client knows of is read all the same.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from client.both import ANA, NAMES, Both, turn
from overspill.cli.reconcile import of_database
from overspill.client import AsyncClient, Client, HoldJournal, Patience, ServiceFailure
from support.postgres import QUOTED, USER, Server, free_port
from support.service_processes import key_for, process
from support.services import Served, served, with_ana
from support.serving import Scripted, Time

PATIENT = Patience(total=120_000, attempt=60_000, first_wait=1, longest_wait=50)
ONCE = Patience(total=1_000)
"""No more than one attempt where the service says when to ask again, which is in a second."""


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def small(id: str) -> Any:
    return turn(id, meters={"input_tokens": 100, "cached_input_tokens": 0, "output_tokens": 0})


# ---- a store that fails over


class Cluster:
    """A server with a place for another one: whoever has its data and its address when it died. `url` names both."""

    def __init__(self, server: Server) -> None:
        self._server, self._other = server, free_port()
        name = server.database().rpartition("/")[2]
        self.url = f"postgresql://{USER}:{QUOTED}@127.0.0.1:{server.port},127.0.0.1:{self._other}/{name}"

    def die(self) -> None:
        self._server.kill()

    def fail_over(self) -> None:
        """The other address serves what was committed."""
        self._server.port = self._other
        self._server.start()

    @property
    def now(self) -> str:
        """Where it is now."""
        return self._server.url(self.url.rpartition("/")[2])


@pytest.fixture
def cluster(postgres_alone: Server) -> Cluster:
    return Cluster(postgres_alone)


def test_a_client_from_before_goes_on_behind_a_failover_and_nothing_is_done_twice(
    cluster: Cluster, name: str, tmp_path: Any
) -> None:
    key = key_for(cluster.url)
    with process(cluster.url) as one, HoldJournal(tmp_path / "holds.jsonl") as journal:
        url = f"http://127.0.0.1:{one.port}"

        def failed_over(client: Any, run: Callable[[Any], Any]) -> None:
            """What one client, and its connections, live through."""
            run(client.set_attributes(ANA, {"plan": "plus"}, id="s1"))
            decided = run(client.decide(small("d1")))
            held = run(client.reserve(small("h1")))
            cluster.die()
            away = client.with_patience(ONCE)
            status: int | None = 200
            while status != 503:  # what serves a session outlives its server for a moment
                try:
                    run(away.set_attributes(ANA, {"plan": "pro"}, id="s2"))
                except ServiceFailure as failure:
                    assert failure.away
                    status = failure.status
            cluster.fail_over()
            again = run(client.decide(small("d1")))
            assert (again.json, again.replayed) == (decided.json, True)
            assert run(client.set_attributes(ANA, {"plan": "pro"}, id="s2"))["attributes"] == {"plan": "pro"}
            assert run(client.capture(held.hold.id, {"input_tokens": 80, "cached_input_tokens": 0, "output_tokens": 0}))
            assert run(client.decide(small("d2"))).granted == "0.0125"

        both(name, url, key, failed_over)
        hold = Both(name, url=url, key=key, patience=PATIENT).hold(
            small("h2"), [("use", {"input_tokens": 100}), ("capture", None)], journal=journal
        )
        assert (hold.outcome, journal.left()) == ("captured", [])
        assert one.stop() == 0
    assert of_database(cluster.now).is_clean


def test_a_hold_that_was_open_when_the_store_failed_over_is_captured_once(
    cluster: Cluster, name: str, tmp_path: Any
) -> None:
    key = key_for(cluster.url)
    with process(cluster.url) as one, HoldJournal(tmp_path / "holds.jsonl") as journal:
        client = Both(name, url=f"http://127.0.0.1:{one.port}", key=key, patience=PATIENT)
        client.call("set_attributes", ANA, {"plan": "plus"}, id="s1")
        hold = client.hold(
            small("h1"),
            [
                ("use", {"input_tokens": 60}),
                ("capture", None),
                ("call", cluster.die),
                ("call", cluster.fail_over),
                ("use", {"input_tokens": 40}),
            ],
            journal=journal,
        )
        assert (hold.outcome, [receipt["total"] for receipt in hold.receipts]) == ("captured", ["0.0075", "0.0125"])
        assert one.stop() == 0
    assert of_database(cluster.now).is_clean


def both(name: str, url: str, key: str, act: Callable[[Any, Callable[[Any], Any]], None]) -> None:
    """`act` with one client for all of it, of threads or of one loop."""
    if name == "threads":
        with Client(url, key, patience=PATIENT) as client:
            act(client, lambda found: found)
        return
    with asyncio.Runner() as runner:
        asked = AsyncClient(url, key, patience=PATIENT)
        try:
            act(asked, lambda coroutine: runner.run(_awaited(coroutine)))
        finally:
            runner.run(asked.close())


async def _awaited(coroutine: Any) -> Any:
    return await coroutine


# ---- a service that tells more


BY_NAME = ("attributes", "charge", "facts", "request", "values")
"""What has names of its own, and no fields that could be more."""


def newer(value: Any) -> Any:
    """The answer of a service to come: every object has more in it."""
    if isinstance(value, dict):
        more = {name: one if name in BY_NAME else newer(one) for name, one in value.items()}
        return {**more, "newer": {"of": ["some", 1, None]}}
    return [newer(one) for one in value] if isinstance(value, list) else value


class Newer:
    """An application whose answers are the service's, and tell more."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        parts: list[Any] = []

        async def heard(message: Any) -> None:
            parts.append(message)

        await self._app(scope, receive, heard)
        start, body = parts
        media = dict(start["headers"])[b"content-type"]
        more = json.dumps(newer(json.loads(body["body"]))).encode() if b"json" in media else body["body"]
        sized = [(key, value) for key, value in start["headers"] if key != b"content-length"]
        await send({**start, "headers": [*sized, (b"x-newer", b"1")]})
        await send({**body, "body": more})


@pytest.fixture
def one() -> Iterator[Served]:
    with served() as found:
        yield with_ana(found)


def _newer_one(one: Served, name: str) -> Both:
    return Both(name, Scripted(Newer(one.app), one.all.key), time=Time())


def test_what_a_newer_service_tells_beside_is_passed_over(one: Served, name: str) -> None:
    client = _newer_one(one, name)
    answer = client.call("decide", small("d1"))
    assert (answer.outcome, answer.granted, answer.decision.draws[0].layer) == ("allow", "0.0125", "plan_windows")
    first, refused = client.call("reserve_all", [small("b1"), turn("b2", fields={"product": "none"})])
    assert (first.hold.id[:5], refused.settled) == ("hold_", True)
    assert client.call("capture", first.hold.id, {"input_tokens": 1, "cached_input_tokens": 0, "output_tokens": 0})[
        "used"
    ]
    assert client.call("status", ANA).accounts[0].account == "user/u_ana"
    assert client.call("decision", answer.seen.decision).answer["granted"] == "0.0125"
    assert client.call("explanation", answer.seen.decision).startswith("✓")
    one.engine.settle()
    assert client.call("statement", ANA).entries[0].amount == "2"
    assert client.call("open_purchases") == ()
    denied = client.call(
        "decide", turn("d2", meters={"input_tokens": 10**9, "cached_input_tokens": 0, "output_tokens": 0})
    )
    assert [offer.offer for offer in denied.offers] == ["add_credits", "upgrade"]
    with pytest.raises(ServiceFailure) as caught:
        client.call("release", "hold_aaaaaaaaaaaaaaaaaaaaaaaaaa")
    assert (caught.value.code, caught.value.settled) == ("unknown_hold", True)


class NewerStep(Newer):
    """Whose decisions have a step in their trace that nobody knows yet."""

    def __init__(self, app: Any) -> None:
        async def stepped(scope: Any, receive: Any, send: Any) -> None:
            async def heard(message: Any) -> None:
                if message["type"] == "http.response.body" and b'"trace":[' in message["body"]:
                    body = message["body"].replace(b'"trace":[', b'"trace":[{"step":"quantum","verdict":"both"},')
                    message = {**message, "body": body}
                await send(message)

            await app(scope, receive, heard)

        super().__init__(stepped)


def test_a_step_of_a_trace_that_nobody_knows_keeps_nobody_from_what_was_decided(one: Served, name: str) -> None:
    client = Both(name, Scripted(NewerStep(one.app), one.all.key), time=Time())
    answer = client.call("reserve", small("d1"))
    assert (answer.allowed, answer.granted, answer.hold is not None) == (True, "0.0125", True)
    hold = client.hold(small("d2"), [("use", {"input_tokens": 1})])
    assert hold.outcome == "captured"
    with pytest.raises(ServiceFailure) as caught:  # only who looks into the trace needs to know its steps
        _ = answer.decision
    assert (caught.value.code, caught.value.help) == ("unreadable", "see that client and service are of one version")


def test_a_status_that_cannot_be_read_is_told_at_once(one: Served, name: str) -> None:
    class Otherwise(Newer):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            async def heard(message: Any) -> None:
                body = message.get("body", b"").replace(b'"accounts":[', b'"accounts":["odd",')
                await send({**message, "body": body} if body else message)

            await self._app(scope, receive, heard)

    with pytest.raises(ServiceFailure) as caught:
        Both(name, Scripted(Otherwise(one.app), one.all.key), time=Time()).call("status", ANA)
    assert caught.value.code == "unreadable"
