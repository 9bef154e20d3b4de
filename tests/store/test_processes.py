"""Real processes: killed at every point and at random ones, racing on one pool; nothing acknowledged is lost, nothing is done
by half, and no unit is spent twice. A fifth of the kills of a full run: OVERSPILL_KILLS=5."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from overspill import Engine
from store.places import ANA, POLICY, Place, chain, put
from support.postgres import Server

TIMES = int(os.environ.get("OVERSPILL_KILLS", "1"))
BUDGET = 400
WORKER = Path(__file__).parent / "worker.py"


def _start(db: str | None, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(WORKER), str(db), *arguments]
    paths = os.pathsep.join([str(WORKER.parents[1]), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths})


def _lines(process: subprocess.Popen[str]) -> Iterator[list[str]]:
    """(id, outcome) of each answer, and no half line of one that was killed."""
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            if line.endswith("\n") and line != "ready\n":
                yield line.split()


def _funded(db: str | None, credits: int) -> None:
    with Engine.open(POLICY, db=db) as engine:
        engine.grant(ANA, "money", str(credits), id="C1")


def _checked(db: str | None, granted: int, acknowledged: set[str]) -> int:
    """How many decisions the journal has, when everything about it holds."""
    with Engine.open(POLICY, db=db, settle=False) as engine:
        chain(engine._store)
        records = list(engine.records())
        assert [record.seq for record in records] == list(range(1, len(records) + 1))
        assert acknowledged <= {record.id for record in records}
        assert len({record.id for record in records}) == len(records)
        allowed = sum(b'"outcome":"allow"' in bytes(record.answer) for record in records[1:])
        left = sum(lot[1] for lot in engine.account(ANA).pools["money"])
        assert left == granted - allowed >= 0
        return len(records) - 1


@pytest.mark.parametrize("point", ["after begin", "after append", "before commit", "after commit"])
def test_a_process_that_dies_leaves_all_of_its_transaction_or_nothing(shared: Place, point: str) -> None:
    store = shared.open()
    put(store)
    process = _start(shared.db, "dies", point)
    assert list(_lines(process)) == []
    assert process.wait(60) == -9
    done = point == "after commit"
    assert chain(store) == ([2, 4, 6] if done else [2])
    assert (list(store.outbox(0)), list(store.find([7]))) == (([(3, 4), (5, 6)], [(7, 1)]) if done else ([], []))
    assert (store.topped_up(), store.snapshots_through()) == ((["a"], 6) if done else ([], 0))
    put(store)
    store.close()


def test_an_engine_that_is_killed_at_random_loses_no_acknowledged_decision(shared: Place) -> None:
    chance = random.Random(20261129)
    _funded(shared.db, 100_000)
    acknowledged: set[str] = set()
    for kill in range(4 * TIMES):
        process = _start(shared.db, f"k{kill}", "100000")
        after = chance.randrange(1, 80)
        for count, (id, _) in enumerate(_lines(process)):
            acknowledged.add(id)
            if count == after:
                process.kill()
        process.wait(60)
    assert len(acknowledged) > 4 * TIMES
    assert _checked(shared.db, 100_000, acknowledged) >= len(acknowledged)


def test_eight_processes_spend_one_pool_to_the_unit(shared: Place) -> None:
    """Half of their ids are the same in all: each is decided once, whoever asks, and all are told the same."""
    _funded(shared.db, BUDGET)
    each = 2 * BUDGET // 9
    workers = [_start(shared.db, name, str(each)) for name in ("same", *("same" for _ in range(3)), *"abcd")]
    answers: list[list[list[str]]] = [[] for _ in workers]
    threads = [
        threading.Thread(target=lambda worker=worker, into=into: into.extend(_lines(worker)))
        for worker, into in zip(workers, answers, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(200)
    assert [worker.wait(10) for worker in workers] == [0] * 8
    assert answers[0] == answers[1] == answers[2] == answers[3]
    given = {id: outcome for one in answers for id, outcome in one}
    assert (len(given), list(given.values()).count("allow")) == (5 * each, BUDGET)
    assert _checked(shared.db, BUDGET, set(given)) == 5 * each


def test_a_server_that_is_killed_under_load_loses_no_acknowledged_decision() -> None:
    """The postmaster and all that it does, at random instants, while two engines decide; they go on by themselves."""
    chance = random.Random(20261130)
    kills = 2 * TIMES
    with Server() as server:
        url = server.database()
        _funded(url, 1_000_000)
        workers = [_start(url, name, "1000000") for name in ("a", "b")]
        acknowledged: list[set[str]] = [set(), set()]
        threads = [
            threading.Thread(target=lambda worker=worker, into=into: into.update(id for id, _ in _lines(worker)))
            for worker, into in zip(workers, acknowledged, strict=True)
        ]
        for thread in threads:
            thread.start()
        try:
            for _ in range(kills):
                before = [len(one) for one in acknowledged]
                _wait(
                    lambda before=before: all(
                        len(one) > count + 5 for one, count in zip(acknowledged, before, strict=True)
                    )
                )
                time.sleep(chance.random() / 2)
                server.kill()
                server.start()
            before = [len(one) for one in acknowledged]
            _wait(lambda: all(len(one) > count for one, count in zip(acknowledged, before, strict=True)))
        finally:
            for worker in workers:
                worker.kill()
                worker.wait(60)
            for thread in threads:
                thread.join(60)
        together = set().union(*acknowledged)
        assert _checked(url, 1_000_000, together) >= len(together) > kills
        with closing(Place("postgres", url).open()) as store:
            put(store)


def _wait(for_it: object) -> None:
    assert callable(for_it)
    for _ in range(1200):
        if for_it():
            return
        time.sleep(0.05)
    raise AssertionError("the engines do not go on")
