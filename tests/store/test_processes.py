"""Real processes: killed at every point and at random ones, racing on one pool; nothing acknowledged is lost, nothing is done
by half, no unit is spent twice, and each record is settled once. In a continuous check OVERSPILL_KILLS is 5, in a full run 25."""

from __future__ import annotations

import os
import random
import threading
import time
from contextlib import closing

import pytest

from overspill.store.opened import opened
from store.places import Place, chain, put
from store.processes import checked, funded, lines, start, started_worker, wait
from support.postgres import Server

TIMES = int(os.environ.get("OVERSPILL_KILLS", "1"))
BUDGET = 400


@pytest.mark.parametrize("point", ["after begin", "after append", "before commit", "after commit"])
def test_a_process_that_dies_leaves_all_of_its_transaction_or_nothing(shared: Place, point: str) -> None:
    store = shared.open()
    put(store)
    process = start(shared.db, "dies", point)
    assert list(lines(process)) == []
    assert process.wait(60) == -9
    done = point == "after commit"
    assert chain(store) == ([2, 4, 6] if done else [2])
    assert (list(store.outbox(0)), list(store.find([7]))) == (([(3, 4), (5, 6)], [(7, 1)]) if done else ([], []))
    assert (store.topped_up(), store.snapshots_through()) == ((["a"], 6) if done else ([], 0))
    put(store)
    store.close()


def test_an_engine_that_is_killed_at_random_loses_no_acknowledged_decision(shared: Place) -> None:
    chance = random.Random(20261129)
    funded(shared.db, 100_000)
    acknowledged: set[str] = set()
    for kill in range(4 * TIMES):
        process = start(shared.db, f"k{kill}", "100000")
        after = chance.randrange(1, 80)
        for count, (id, _) in enumerate(lines(process)):
            acknowledged.add(id)
            if count == after:
                process.kill()
        process.wait(60)
    assert len(acknowledged) > 4 * TIMES
    assert checked(shared.db, 100_000, acknowledged) >= len(acknowledged)


def test_eight_processes_spend_one_pool_to_the_unit(shared: Place) -> None:
    """Half of their ids are the same in all: each is decided once, whoever asks, and all are told the same."""
    funded(shared.db, BUDGET)
    each = 2 * BUDGET // 9
    workers = [start(shared.db, name, str(each)) for name in ("same", *("same" for _ in range(3)), *"abcd")]
    answers: list[list[list[str]]] = [[] for _ in workers]
    threads = [
        threading.Thread(target=lambda worker=worker, into=into: into.extend(lines(worker)))
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
    assert checked(shared.db, BUDGET, set(given)) == 5 * each


def test_of_those_who_spend_one_pool_without_end_nobody_is_left_out(shared: Place) -> None:
    """One hot account: each of four processes, which never stop asking, goes on and on."""
    funded(shared.db, 1_000_000)
    engines = [start(shared.db, name, "1000000", "unsettled") for name in "abcd"]
    answered: list[set[str]] = [set() for _ in engines]
    threads = [
        threading.Thread(target=lambda engine=engine, into=into: into.update(id for id, _ in lines(engine)))
        for engine, into in zip(engines, answered, strict=True)
    ]
    for thread in threads:
        thread.start()
    try:
        for _ in range(4):
            _more(answered, 10)
    finally:
        for engine in engines:
            engine.kill()
            engine.wait(60)
        for thread in threads:
            thread.join(60)
    assert checked(shared.db, 1_000_000, set().union(*answered)) >= sum(map(len, answered))


def test_a_worker_that_is_killed_at_random_settles_each_record_once(shared: Place) -> None:
    """While an engine decides, and leaves the settling to it."""
    chance = random.Random(20261202)
    funded(shared.db, 1_000_000)
    engine = start(shared.db, "a", "1000000", "unsettled")
    acknowledged: set[str] = set()
    reader = threading.Thread(target=lambda: acknowledged.update(id for id, _ in lines(engine)))
    reader.start()
    try:
        for _ in range(2 * TIMES):
            worker = started_worker(shared.db)
            try:
                before = _settled(shared)
                wait(lambda before=before: _settled(shared) > before)
                time.sleep(chance.random() / 4)
            finally:
                worker.kill()
                worker.wait(60)
    finally:
        engine.kill()
        engine.wait(60)
        reader.join(60)
    assert _settled(shared) > 0
    assert checked(shared.db, 1_000_000, acknowledged) >= len(acknowledged)


def _settled(place: Place) -> int:
    with closing(opened(place.db)) as store:
        return store.ledger.settled().through


def test_a_server_that_is_killed_under_load_loses_no_acknowledged_decision() -> None:
    """The postmaster and all that it does, at random instants, while two engines decide and a worker settles; they go on by
    themselves."""
    chance = random.Random(20261130)
    kills = 2 * TIMES
    with Server() as server:
        url = server.database()
        funded(url, 1_000_000)
        engines = [start(url, name, "1000000") for name in ("a", "b")]
        worker = started_worker(url)
        acknowledged: list[set[str]] = [set(), set()]
        threads = [
            threading.Thread(target=lambda engine=engine, into=into: into.update(id for id, _ in lines(engine)))
            for engine, into in zip(engines, acknowledged, strict=True)
        ]
        for thread in threads:
            thread.start()
        try:
            for _ in range(kills):
                _more(acknowledged, 5)
                time.sleep(chance.random() / 2)
                server.kill()
                server.start()
            _more(acknowledged, 0)
            before = _settled(Place("postgres", url))
            wait(lambda: _settled(Place("postgres", url)) > before)
            assert worker.poll() is None
        finally:
            for process in (*engines, worker):
                process.kill()
                process.wait(60)
            for thread in threads:
                thread.join(60)
        together = set().union(*acknowledged)
        assert checked(url, 1_000_000, together) >= len(together) > kills
        with closing(Place("postgres", url).open()) as store:
            put(store)


def _more(acknowledged: list[set[str]], than: int) -> None:
    """Waits until each engine has been answered more than so many times."""
    before = [len(one) for one in acknowledged]
    wait(lambda: all(len(one) > count + than for one, count in zip(acknowledged, before, strict=True)))
