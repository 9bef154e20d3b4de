"""The service as a process: killed, stopped, beside another one, before a server that goes away. It is killed 20 times, or as often
as OVERSPILL_KILLS says: 5 times in a continuous check."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import time
from collections.abc import Iterator
from glob import glob
from pathlib import Path

import pytest

from overspill.cli.reconcile import of_database
from support.postgres import Server
from support.service_processes import SECONDS, Callers, Connection, Process, key_for, process

TIMES = int(os.environ.get("OVERSPILL_KILLS", "20"))
ASKED = {
    "account": {"user": "u_ana"},
    "fields": {"product": "codex", "model": "gpt-5.5", "speed": "standard"},
    "meters": {"input_tokens": 100, "cached_input_tokens": 0, "output_tokens": 10},
}


@pytest.fixture(params=["sqlite", "postgres"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "x.db")
    server: Server = request.getfixturevalue("postgres")
    return server.database()


def _prepared(port: int, key: str) -> None:
    caller = Connection(port, key)
    account = "/v1/accounts/user/u_ana"
    assert caller.ask("POST", f"{account}/attributes", {"attributes": {"plan": "free"}}, "signup").status == 200
    assert caller.ask("POST", f"{account}/grants", {"pool": "credits", "amount": "1000000"}, "C1").status == 200
    caller.close()


def _there(port: int, key: str, callers: Callers) -> Iterator[str]:
    """Keys whose answer is another one now, or was not given before."""
    caller = Connection(port, key)
    for own, body in callers.acknowledged.items():
        again = caller.ask("POST", "/v1/decisions", ASKED, own)
        if again.body != body or again.headers.get("idempotency-replayed") != "true":
            yield own
    caller.close()


@pytest.mark.timeout(300 + 30 * TIMES)
def test_killed_under_load_it_loses_nothing_that_was_acknowledged(db: str) -> None:
    chance, key = random.Random(20261006), key_for(db)
    with process(db) as one:
        _prepared(one.port, key)
        callers = Callers(one.port, key, ASKED, 8, "k")
        for _ in range(TIMES):
            callers.until(len(callers.acknowledged) + chance.randrange(1, 200))
            one.kill()
            one.start_again()
        callers.until(len(callers.acknowledged) + 1)
        callers.stop()
        assert not callers.odd
        assert list(_there(one.port, key, callers)) == []
        assert one.stop() == 0
    assert of_database(db).is_clean


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_told_to_stop_it_answers_what_is_under_way_and_settles(tmp_path: Path, how: int) -> None:
    db = str(tmp_path / "x.db")
    key = key_for(db)
    with process(db) as one:
        _prepared(one.port, key)
        callers = Callers(one.port, key, ASKED, 8, "s")
        callers.until(100)
        code = one.stop(how)
        one.start_again()
        callers.until(len(callers.acknowledged) + 1)
        callers.stop()
        assert (code, callers.odd, list(_there(one.port, key, callers))) == (0, [], [])
        assert one.stop(how) == 0
    verdict = of_database(db)
    assert (verdict.is_clean, verdict.pending) == (True, 0)


def _workers(service: int) -> list[int]:
    found = [Path(path).read_text().split() for path in glob(f"/proc/{service}/task/*/children")]
    return [int(pid) for pids in found for pid in pids]


def _settled(caller: Connection) -> None:
    deadline = time.monotonic() + SECONDS
    while b"overspill_settlement_waiting 0.0" not in caller.ask("GET", "/metrics").body:
        assert time.monotonic() < deadline


def test_its_worker_is_started_again_where_it_ends_and_ends_with_the_service(db: str) -> None:
    key = key_for(db)
    with process(db) as one:
        [first] = _workers(one.process.pid)
        caller = Connection(one.port, key)
        _prepared(one.port, key)
        _settled(caller)
        ended = os.pidfd_open(first)
        os.kill(first, signal.SIGKILL)
        assert select.select([ended], [], [], SECONDS)[0]
        assert caller.ask("POST", "/v1/decisions", ASKED, "behind").status == 200
        _settled(caller)
        [second] = _workers(one.process.pid)
        assert second != first
        [told] = [json.loads(line) for line in one.told if "worker_ended" in line]
        assert (told["code"], told["level"]) == (-signal.SIGKILL, "warning")
        ended = os.pidfd_open(second)
        one.kill()
        assert select.select([ended], [], [], SECONDS)[0]
        caller.close()
    verdict = of_database(db)
    assert (verdict.is_clean, verdict.pending) == (True, 0)


def test_two_processes_on_one_database_answer_alike(db: str) -> None:
    key = key_for(db)
    with process(db) as one, process(db) as other:
        _prepared(one.port, key)
        callers = [Callers(port, key, ASKED, 4, name) for port, name in ((one.port, "a"), (other.port, "b"))]
        for each in callers:
            each.until(100)
            each.stop()
        for port, each in ((one.port, callers[1]), (other.port, callers[0])):
            assert list(_there(port, key, each)) == []
        assert [one.stop(), other.stop()] == [0, 0]
    assert of_database(db).is_clean


def test_while_the_server_is_away_it_is_not_ready_and_goes_on_when_it_is_back(postgres_alone: Server) -> None:
    db = postgres_alone.database()
    key = key_for(db)
    with process(db) as one:
        _prepared(one.port, key)
        callers = Callers(one.port, key, ASKED, 4, "f")
        callers.until(20)
        caller = Connection(one.port, key)
        postgres_alone.kill()
        away = caller.ask("GET", "/readyz")
        while away.status == 200:  # what serves a session outlives its server for a moment
            away = caller.ask("GET", "/readyz")
        refused = caller.ask("POST", "/v1/decisions", {**ASKED, "mode": "reserve"}, "away")
        while refused.status == 200:  # each of its sessions for a moment of its own
            refused = caller.ask("POST", "/v1/decisions", {**ASKED, "mode": "reserve"}, "away")
        postgres_alone.start()
        callers.until(len(callers.acknowledged) + 20)
        callers.stop()
        assert (away.status, refused.status, refused.headers["retry-after"]) == (503, 503, "1")
        assert "postgresql" not in (away.body + refused.body).decode()
        assert caller.ask("GET", "/readyz").status == 200
        caller.close()
        assert callers.odd == []
        assert list(_there(one.port, key, callers)) == []
        assert one.stop() == 0
    assert of_database(db).is_clean


def test_a_port_that_is_taken_is_said_at_once(tmp_path: Path) -> None:
    with process(str(tmp_path / "x.db")) as one:
        with pytest.raises(AssertionError, match="cannot be listened on"):
            Process(str(tmp_path / "y.db"), "--port", str(one.port))
        assert not (tmp_path / "y.db").exists()
