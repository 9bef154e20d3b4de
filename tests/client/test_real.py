"""Both clients over sockets: a service that listens, and ways to it that are cut, silent, or not there."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from client.both import ANA, NAMES, Both, turn
from overspill.client import AsyncClient, Client, HoldJournal, Patience, ServiceFailure
from overspill.client.pool import Pool
from support.certificates import certificate_of
from support.service_processes import key_for, process
from support.services import Served, with_ana
from support.serving import Cutting, Listening, Time, cutting, findings, serving

PATIENT = Patience(total=60_000, attempt=30_000, first_wait=1, longest_wait=2)


@pytest.fixture(scope="module")
def up() -> Iterator[tuple[Served, str]]:
    with serving() as (one, url):
        with_ana(one)
        yield one, url
        assert findings(one) == []


@pytest.fixture
def way(up: tuple[Served, str]) -> Iterator[Cutting]:
    with cutting(int(up[1].rpartition(":")[2])) as found:
        yield found


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def small(id: str) -> Any:
    return turn(id, meters={"input_tokens": 100, "cached_input_tokens": 0, "output_tokens": 0})


def test_a_day_of_calls(up: tuple[Served, str], name: str) -> None:
    one, url = up
    both = Both(name, url=url, key=one.all.key, patience=PATIENT)
    hold = both.hold(small(f"day-{name}"), [("use", {"input_tokens": 50}), ("capture", None), ("extend", None)])
    assert (hold.outcome, [receipt["used"] for receipt in hold.receipts]) == ("captured", ["0.00625", "0"])
    id = hold.answer.seen.decision
    assert both.call("decision", id).answer["decision"] == id
    assert both.call("explanation", id).startswith("✓")
    assert both.call("status", ANA).accounts[0].account == "user/u_ana"
    assert both.call("reverse", hold.id, id=f"v-{name}").replayed is False
    assert [answer.granted for answer in both.call("preview_all", [small("p1"), small("p2")])] == ["0.0125"] * 2


@pytest.mark.parametrize("fault", ["before", "after", "half"])
def test_a_connection_that_is_cut_is_made_anew_and_nothing_is_done_twice(
    up: tuple[Served, str], way: Cutting, name: str, fault: str
) -> None:
    one, _ = up
    id = f"cut-{name}-{fault}"
    way.faults = [fault, "pass", fault, "pass", fault]
    both = Both(name, url=way.url, key=one.all.key, patience=PATIENT)
    hold = both.hold(small(id), [("use", {"input_tokens": 10}), ("capture", None), ("use", {"input_tokens": 1})])
    assert (hold.outcome, [receipt["total"] for receipt in hold.receipts]) == ("captured", ["0.00125", "0.001375"])
    kinds = [record.key[2] for record in one.engine.records() if record.key[3] == id or record.key[1] == hold.id]
    assert kinds == ["reserve", "capture", "capture"]
    assert [fault for fault, _ in way.seen].count(fault) == 3


def test_connections_are_kept_for_the_next_call(up: tuple[Served, str], way: Cutting) -> None:
    one, _ = up
    accepted = len(way._sockets)
    with Client(way.url, one.all.key, patience=PATIENT) as client:
        for _ in range(5):
            client.status(ANA)
        assert len(way._sockets) - accepted == 2  # ours, and the way's own to the service

    async def main() -> None:
        async with AsyncClient(way.url, one.all.key, patience=PATIENT) as client:
            for _ in range(5):
                await client.status(ANA)

    asyncio.run(main())
    assert len(way._sockets) - accepted == 4


def test_a_connection_that_ended_while_nobody_looked_is_not_used_again(up: tuple[Served, str], way: Cutting) -> None:
    one, _ = up
    waits: list[int] = []
    with Client(way.url, one.all.key, patience=PATIENT, sleep=waits.append) as client:
        client.status(ANA)
        way.end_all()
        idle = client._transport._idle[0][0].sock  # type: ignore[attr-defined]
        while idle.recv(1, socket.MSG_PEEK):  # until the end has come here too
            pass
        assert client.status(ANA).accounts
    assert waits == []  # nothing had to be asked again


def test_a_connection_that_was_idle_for_long_is_not_used_again(up: tuple[Served, str]) -> None:
    one, url = up
    at = [0]
    with Client(url, one.all.key, now=lambda: at[0], patience=PATIENT) as client:
        client.status(ANA)
        pool: Pool = client._transport  # type: ignore[assignment]
        first = pool._idle[0][0].sock
        client.status(ANA)
        assert pool._idle[0][0].sock is first
        at[0] += 10_000
        client.status(ANA)
        assert (pool._idle[0][0].sock is first, len(pool._idle)) == (False, 1)


def test_a_fork_does_not_share_connections(up: tuple[Served, str], monkeypatch: pytest.MonkeyPatch) -> None:
    one, url = up
    with Client(url, one.all.key, patience=PATIENT) as client:
        client.status(ANA)
        pool: Pool = client._transport  # type: ignore[assignment]
        parents = pool._idle[0][0]
        monkeypatch.setattr(os, "getpid", lambda: 1)
        client.status(ANA)
        assert pool._idle[0][0] is not parents
        assert parents.sock is not None  # it is the parent's, and still good
        parents.close()


def test_many_threads_ask_at_once_and_each_is_decided_once(up: tuple[Served, str]) -> None:
    one, url = up

    def turned(number: int) -> str:
        with client.holding(small(f"many-{number % 40}")) as hold:
            hold.use(input_tokens=10)
        return hold.outcome

    with Client(url, one.all.key, patience=PATIENT) as client, ThreadPoolExecutor(8) as threads:
        assert set(threads.map(turned, range(80))) == {"captured"}
        assert len(client._transport._idle) <= 8  # type: ignore[attr-defined]
    captured = [r for r in one.engine.records() if r.key[2] == "capture" and b'"request":"many-' in bytes(r.answer)]
    assert len(captured) == 40


def test_many_tasks_ask_at_once(up: tuple[Served, str]) -> None:
    one, url = up

    async def main() -> list[Any]:
        async with AsyncClient(url, one.all.key, patience=PATIENT) as client:
            return await asyncio.gather(*[client.decide(small(f"task-{number}")) for number in range(40)])

    assert [answer.granted for answer in asyncio.run(main())] == ["0.0125"] * 40


# ---- nobody there, or nobody answers


def test_nobody_there_is_told_and_it_is_known_that_nothing_was_done(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    both = Both(name, url=f"http://127.0.0.1:{port}", patience=Patience(attempt=30_000), time=Time())
    with pytest.raises(ServiceFailure) as caught:
        both.call("decide", turn("r1"))
    assert (caught.value.code, caught.value.away, caught.value.unknown) == ("unreachable", True, False)


def test_a_service_that_says_nothing_is_not_waited_for_for_ever(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:  # it is connected to, and that is all
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(ServiceFailure) as caught:
            Both(name, url=url, patience=Patience(total=200, attempt=200)).call("decide", turn("r1"))
    assert (caught.value.code, caught.value.away, caught.value.unknown) == ("timed_out", True, True)


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"",
    ],
    ids=["less than was said", "a torn chunk", "no HTTP", "nothing"],
)
def test_half_an_answer_is_none(name: str, said: bytes) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                client.recv(65536)
                client.sendall(said)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(ServiceFailure) as caught:
            Both(name, url=url, patience=Patience(attempt=30_000), time=Time()).call("decide", turn("r1"))
        assert (caught.value.code, caught.value.unknown) == ("cut", True)
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


# ---- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate_of("localhost", tmp_path_factory.mktemp("tls") / "localhost.pem")


def test_a_service_proves_by_tls_who_it_is(up: tuple[Served, str], certificate: Path, name: str) -> None:
    one, _ = up
    trusting = ssl.create_default_context(cafile=str(certificate))
    with Listening(one.app, ssl_certfile=str(certificate)) as server:
        url = f"https://localhost:{server.port}"
        both = Both(name, url=url, key=one.all.key, patience=PATIENT, tls=trusting)
        assert both.call("status", ANA).accounts
        for wrong, tls in ((url, None), (f"https://127.0.0.1:{server.port}", trusting)):
            with pytest.raises(ServiceFailure) as caught:
                Both(name, url=wrong, key=one.all.key, time=Time(), tls=tls).call("status", ANA)
            assert (caught.value.code, caught.value.unknown) == ("not_trusted", False)


def test_who_speaks_no_tls_is_told_nothing(up: tuple[Served, str], name: str) -> None:
    one, url = up
    with pytest.raises(ServiceFailure) as caught:
        Both(name, url=url.replace("http:", "https:"), key=one.all.key, time=Time()).call("status", ANA)
    assert (caught.value.code, caught.value.unknown) == ("not_trusted", False)


# ---- an application of its own behind a path, and redirects


def test_a_service_behind_a_path_is_asked_there_and_a_redirect_is_not_followed(name: str) -> None:
    paths: list[tuple[str, str]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        paths.append((scope["method"], scope["path"]))
        headers = [(b"location", b"/elsewhere"), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 307, "headers": headers})
        await send({"type": "http.response.body"})

    with Listening(app, lifespan="off") as server, pytest.raises(ServiceFailure) as caught:
        Both(name, url=f"{server.url}/usage/", patience=PATIENT).call("release", "hold_a")
    assert (caught.value.code, caught.value.status, caught.value.settled) == ("refused", 307, False)
    assert paths == [("POST", "/usage/v1/holds/hold_a/release")]


# ---- processes that die

DOOMED = """
import os, sys
from overspill import Request
from overspill.client import Client, HoldJournal
url, key, path, at = sys.argv[1:]
def dies(call, within, real):
    last = call.path.rpartition("/")[2]
    if at == last + "-before": os._exit(9)
    got = real(call, within)
    if at == last + "-after": os._exit(9)
    return got
with Client(url, key) as client, HoldJournal(path) as journal:
    real = client._transport.send
    client._transport.send = lambda call, within: dies(call, within, real)
    meters = {"input_tokens": 100, "cached_input_tokens": 0, "output_tokens": 0}
    request = Request(id=at, account={"user": "u_ana"}, fields={"product": "codex", "model": "gpt-5.5"}, meters=meters)
    with client.holding(request, journal=journal) as hold:
        hold.use(input_tokens=80)
        if at == "block": os._exit(9)
os._exit(0)
"""
DEATHS = {
    # where it dies → (what becomes of it, what is booked)
    "decisions-before": ("left", []),
    "decisions-after": ("left", []),
    "block": ("left", []),
    "capture-before": ("captured", ["0.01"]),
    "capture-after": ("captured", ["0.01"]),
}


@pytest.mark.parametrize("at, outcome, booked", [(at, *row) for at, row in DEATHS.items()], ids=DEATHS)
def test_the_next_process_resolves_what_a_dead_one_left(
    up: tuple[Served, str], tmp_path: Path, at: str, outcome: str, booked: list[str]
) -> None:
    one, url = up
    path = tmp_path / "holds.jsonl"
    done = subprocess.run([sys.executable, "-c", DOOMED, url, one.all.key, str(path), at], check=False)
    assert done.returncode == 9
    with Client(url, one.all.key, patience=PATIENT) as client, HoldJournal(path) as journal:
        assert [found.outcome for found in client.recover(journal)] == [outcome]
        assert journal.left() == []
    captures = [
        json.loads(bytes(record.answer))
        for record in one.engine.records()
        if record.key[2] == "capture" and f'"request":"{at}"' in bytes(record.answer).decode()
    ]
    assert [capture["used"] for capture in captures] == booked


def test_a_service_that_is_killed_before_the_capture_is_captured_when_it_is_back(tmp_path: Path, name: str) -> None:
    db = str(tmp_path / "x.db")
    key = key_for(db)
    with process(db) as served, HoldJournal(tmp_path / "holds.jsonl") as journal:
        url = f"http://127.0.0.1:{served.port}"
        both = Both(name, url=url, key=key, patience=PATIENT)
        both.call("set_attributes", ANA, {"plan": "plus"}, id="s1")
        impatient = Both(name, url=url, key=key, patience=Patience(attempt=30_000), time=Time())
        hold = impatient.hold(small("killed"), [("use", {"input_tokens": 100}), ("call", served.kill)], journal=journal)
        assert hold.outcome == "pending"
        served.start_again()
        (found,) = both.recover(journal)
        assert (found.outcome, found.receipts[0]["used"]) == ("captured", "0.0125")
