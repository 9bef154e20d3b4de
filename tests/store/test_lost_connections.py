"""Connections that are lost at every place: nothing is done by half, nothing that was acknowledged is lost, and what is not
known is found out, never guessed."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from overspill import Engine, Failure, ManualClock, Request, StoreFailure
from overspill.runtime.retries import AGAIN_MAX, Retries
from overspill.store import postgres as module
from overspill.store import postgres_writer as writer
from overspill.store.attempt import Attempt
from overspill.store.postgres import PostgresStore
from overspill.words.instants import instant_from_text
from store.places import ANA, POLICY, chain, put, segment
from store.proxy import Proxy
from support.postgres import Server

NOW = instant_from_text("2026-10-05T10:00:00Z")
LIMITED = {
    "p.spill": b"""policy p version 1; language 1; unit credits: integer; account user { }
request { credits: meter; }
limit five { per user; unit credits; window w: 5h from first_use; capacity 100 credits; }
waterfall w { serves true; counts credits; draw five; otherwise deny used_up; on unavailable allow up to 10 credits; }
"""
}


@pytest.fixture
def way(url: str) -> Iterator[Proxy]:
    with closing(Proxy(url)) as proxy:
        yield proxy


@pytest.fixture
def store(way: Proxy) -> Iterator[PostgresStore]:
    with closing(PostgresStore(way.url)) as store:
        yield store


@pytest.fixture
def direct(url: str) -> Iterator[PostgresStore]:
    with closing(PostgresStore(url)) as store:
        yield store


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ASKED_MAX", 2)
    monkeypatch.setattr(module, "ASKED_EVERY", 0.01)
    monkeypatch.setattr(writer, "AGAIN_SECONDS", 10)


def _terminated(server: Server, store: PostgresStore) -> None:
    """The server ends the store's connection, as an administrator or a failover does."""
    server.execute(f"SELECT pg_terminate_backend({store._session.backend[0]}, 5000)")


# ---- before COMMIT


@pytest.mark.parametrize("place", ["before begin", "after begin", "after append"])
def test_a_connection_that_is_lost_before_the_commit_leaves_nothing(
    postgres: Server, direct: PostgresStore, url: str, place: str
) -> None:
    with closing(PostgresStore(url)) as store:
        put(store)
        if place == "before begin":
            _terminated(postgres, store)
            put(store)  # nothing was under way: nobody notices
            _terminated(postgres, store)
            assert chain(store) == chain(direct) == [2, 4]
            return
        store.begin()
        made = segment(store.head())
        if place == "after append":
            store.append(made, has_events=True)
        _terminated(postgres, store)
        with pytest.raises(StoreFailure) as failure:
            if place == "after begin":
                store.append(made, has_events=True)
            store.commit()
        store.rollback()
        assert (failure.value.code, bool(failure.value.help)) == ("unreachable", True)
        assert (chain(direct), list(direct.outbox(0))) == ([2], [])
        put(store)
        assert chain(direct) == [2, 4]


def test_an_engine_goes_on_behind_lost_connections(postgres: Server, url: str) -> None:
    with Engine.open(POLICY, db=url) as engine:
        engine.grant(ANA, "money", "100", id="C1")
        for number in range(5):
            _terminated(postgres, engine._store)  # type: ignore[arg-type]
            assert engine.decide(_request(f"r{number}")).allowed
            _terminated(postgres, engine._store)  # type: ignore[arg-type]
            assert engine.account(ANA).pools["money"][0][1] == 99 - number


def _at_first_append(engine: Engine, act: Callable[[], object]) -> None:
    """Something happens as soon as the engine has decided, and before it appends."""
    store: Any = engine._store
    append = store.append

    def appends(*arguments: Any, **more: Any) -> None:
        store.append = append
        act()
        append(*arguments, **more)

    store.append = appends


@pytest.mark.rule("L13")
def test_what_is_lost_before_the_commit_is_decided_again_on_a_new_connection(postgres: Server, url: str) -> None:
    """On the state as it is by then, and not as if the store were away."""
    with Engine.open(POLICY, db=url) as engine, Engine.open(POLICY, db=url) as other:
        engine.grant(ANA, "money", "10", id="C1")

        def lost() -> None:
            _terminated(postgres, store)
            assert other.decide(_request("other", 8)).allowed

        store: Any = engine._store
        _at_first_append(engine, lost)
        answers = engine.decide_all([_request("a", 7), _request("b", 2), _request("a", 7)])
        assert [(one.outcome, one.replayed) for one in answers if not isinstance(one, Failure)] == [
            ("deny", False),
            ("allow", False),
            ("deny", True),
        ]
        assert [record.key[3] for record in engine.records()] == ["C1", "other", "a", "b"]
        assert engine.account(ANA) == other.account(ANA)


def test_a_server_that_loses_every_connection_is_tried_twice(postgres: Server, url: str) -> None:
    with Engine.open(POLICY, db=url) as engine:
        engine.grant(ANA, "money", "10", id="C1")
        store: Any = engine._store
        _at_first_append(
            engine,
            lambda: (_terminated(postgres, store), _at_first_append(engine, lambda: _terminated(postgres, store))),
        )
        with pytest.raises(StoreFailure) as failure:
            engine.decide(_request("a", 7))
        assert failure.value.code == "unreachable"
        assert engine.decide(_request("a", 7)).allowed
        assert [record.key[3] for record in engine.records()] == ["C1", "a"]


# ---- a host that does not answer


class Silent:
    """Connections that are made when somebody says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers, self.asked = threading.Event(), 0
        real = writer.Session

        def session(*arguments: Any, **more: Any) -> Any:
            self.asked += 1
            assert self.answers.wait(60)
            return real(*arguments, **more)

        monkeypatch.setattr(writer, "FIRST_SECONDS", 0.01)
        monkeypatch.setattr(writer, "AGAIN_SECONDS", 0.01)
        monkeypatch.setattr(writer, "Session", session)


@pytest.mark.rule("L13")
def test_a_host_that_does_not_answer_is_asked_once_and_limits_grant_meanwhile(
    postgres: Server, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Engine.open(LIMITED, db=url, clock=ManualClock(NOW)) as engine:
        engine.decide(_request("before", 1))
        store: Any = engine._store
        store._writer._patience = 0.01
        silent = Silent(monkeypatch)
        _terminated(postgres, store)
        assert all(engine.decide(_request(f"r{number}")).allowed for number in range(10))
        with pytest.raises(StoreFailure) as failure:
            engine.decide(_request("more"))
        assert (failure.value.code, silent.asked) == ("unavailable", 1)
        silent.answers.set()
        assert store._writer._attempt._ended.wait(60)
        assert engine.decide(_request("after", 89)).allowed
        assert [record.away is None for record in engine.records()] == [True, *[False] * 10, True]
        assert (engine.decide(_request("over")).outcome, silent.asked) == ("deny", 1)


def test_a_store_that_is_closed_meanwhile_leaves_no_connection(
    postgres: Server, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = PostgresStore(url)
    store._writer._patience = 0.01
    silent = Silent(monkeypatch)
    _terminated(postgres, store)
    for _ in range(3):
        with pytest.raises(StoreFailure, match="does not answer"):
            store.head()
    attempt: Any = store._writer._attempt
    store.close()
    silent.answers.set()
    assert attempt._ended.wait(60)
    assert attempt.result(0) is None
    name = url.rpartition("/")[2]
    left = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}' AND application_name = 'overspill'"
    _until(lambda: postgres.execute(left) == [(0,)])


def _until(holds: Callable[[], bool]) -> None:
    for _ in range(600):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError


def test_an_attempt_that_is_given_up_lets_go_of_what_it_made() -> None:
    let_go: list[str] = []
    done = Attempt(lambda: "made", let_go.append)
    assert (done.result(10), let_go) == ("made", [])
    done.give_up()
    assert let_go == ["made"]
    failed = Attempt(lambda: next(iter(())), let_go.append)
    with pytest.raises(StopIteration):
        failed.result(10)


# ---- COMMIT and its reply


def test_a_commit_whose_reply_is_lost_has_succeeded(way: Proxy, store: PostgresStore, direct: PostgresStore) -> None:
    way.at_commit = "unanswered"
    made = put(store, has_events=True)
    assert (way.seen, chain(direct), list(direct.outbox(0))) == (1, [2], [(1, 2)])
    assert list(direct.segments(0)) == [made]
    put(store)
    assert chain(direct) == [2, 4]


def test_a_commit_that_is_lost_has_not(way: Proxy, store: PostgresStore, direct: PostgresStore) -> None:
    way.at_commit = "lost"
    with pytest.raises(StoreFailure) as failure:
        put(store)
    assert (failure.value.code, way.seen, chain(direct)) == ("unreachable", 1, [])
    put(store)
    assert chain(direct) == [2]


def test_a_commit_that_is_still_under_way_comes_to_nothing(
    way: Proxy, store: PostgresStore, direct: PostgresStore
) -> None:
    """The transaction is ended before its journal is read: what arrives later finds nobody."""
    way.at_commit = "late"
    with pytest.raises(StoreFailure, match="cannot be reached"):
        put(store)
    way.arrived.set()
    put(store, 3)
    assert chain(direct) == [3]


def test_a_commit_that_arrives_while_its_fate_is_asked_for_is_waited_for(
    way: Proxy, store: PostgresStore, direct: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the old connection cannot be ended, the row's lock says when it is over."""
    monkeypatch.setattr(writer, "_END", "SELECT %s, %s")
    way.at_commit = "late"
    threading.Timer(0.5, way.arrived.set).start()
    put(store)
    assert (way.seen, chain(direct)) == (1, [2])


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("how", ["lost", "unanswered"])
def test_what_nobody_can_be_asked_about_is_unknown_and_found_out_later(
    way: Proxy, store: PostgresStore, direct: PostgresStore, how: str
) -> None:
    way.at_commit, way.then_down = how, True
    with pytest.raises(StoreFailure) as failure:
        put(store)
    assert (failure.value.code, bool(failure.value.help)) == ("commit_unknown", True)
    with pytest.raises(StoreFailure, match="cannot be opened"):
        store.begin()
    way.then_down = way.down = False
    assert store.head().seq == (2 if how == "unanswered" else 0)
    put(store)
    assert chain(direct) == ([2, 4] if how == "unanswered" else [2])


def _request(id: str, credits: int = 1) -> Request:
    return Request(id=id, account=ANA, meters={"credits": credits})


def _engine(way: Proxy, policy: dict[str, bytes]) -> Engine:
    return Engine.open(policy, db=way.url, clock=ManualClock(NOW), settle=False)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("how", ["lost", "unanswered"])
def test_the_same_id_again_is_answered_once_and_for_all(way: Proxy, url: str, how: str) -> None:
    engine = _engine(way, POLICY)
    engine.grant(ANA, "money", "100", id="C1")
    way.at_commit, way.then_down = how, True
    with pytest.raises(StoreFailure) as failure:
        engine.decide(_request("r", 7))
    assert failure.value.code == "commit_unknown"
    with pytest.raises(StoreFailure) as failure:
        engine.decide(_request("r", 7))
    assert failure.value.code == "unreachable"
    way.then_down = way.down = False
    again = engine.decide(_request("r", 7))
    assert (again.outcome, again.replayed) == ("allow", how == "unanswered")
    assert engine.account(ANA).pools["money"][0][1] == 93
    with Engine.open(POLICY, db=url) as other:
        assert other.decide(_request("r", 7)).json == again.json
        assert other.account(ANA) == engine.account(ANA)
    engine.close()


@pytest.mark.rule("L13")
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("how", ["lost", "unanswered"])
def test_what_may_have_been_answered_is_not_granted_another_way(way: Proxy, how: str) -> None:
    """While the store is away the policy lets others pass, but not the one whose answer may stand in the journal."""
    engine = _engine(way, LIMITED)
    engine.decide(_request("before", 1))
    way.at_commit, way.then_down = how, True
    with pytest.raises(StoreFailure):
        engine.decide(_request("r", 4))
    for _ in range(2):
        with pytest.raises(StoreFailure) as failure:
            engine.decide(_request("r", 4))
        assert failure.value.code == "unreachable"
        assert engine.decide(_request("other", 3)).allowed
    way.then_down = way.down = False
    assert engine.decide(_request("r", 4)).replayed == (how == "unanswered")
    assert engine.decide(_request("other", 3)).replayed
    assert engine.account(ANA).windows["five.w"][3] == 8
    order = ["r", "other"] if how == "unanswered" else ["other", "r"]
    assert [record.key[3] for record in engine.records()] == ["before", *order]
    engine.close()


# ---- all of it at once


def test_callers_that_ask_again_are_granted_the_budget_and_each_of_them_once(way: Proxy, url: str) -> None:
    chance = random.Random(20261128)
    way.arrived.set()
    budget, callers, turns = 60, 6, 20
    answers: dict[str, bytes] = {}
    granted: list[str] = []
    engine = _engine(way, POLICY)
    way.choose = lambda: chance.choice(["lost", "unanswered", "late", None, None, None, None])
    _insist(lambda: engine.grant(ANA, "money", str(budget), id="C1"))

    def work(name: int) -> None:
        for turn in range(turns):
            id = f"{name}-{turn}"
            decision = _insist(lambda id=id: engine.decide(_request(id)))
            answers[id] = decision.json
            granted.extend([id] if decision.allowed else [])

    threads = [threading.Thread(target=work, args=(name,)) for name in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    way.choose = lambda: None
    assert (way.seen > 3, len(answers), len(granted)) == (True, callers * turns, budget)
    with Engine.open(POLICY, db=url) as other:
        records = list(other.records())
        assert [record.seq for record in records] == list(range(1, len(records) + 1))
        assert {record.key[3]: bytes(record.answer) for record in records[1:]} == answers
        assert len(records) == 1 + callers * turns
        assert other.account(ANA) == engine.account(ANA)
    engine.close()


def _insist(act: Callable[[], Any]) -> Any:
    while True:
        try:
            return act()
        except Failure as failure:
            assert failure.code in ("unreachable", "commit_unknown", "busy")
            time.sleep(0.01)


# ---- transactions that the server gives up


def _in_the_way(url: str, decided: threading.Event) -> None:
    """A transaction of somebody else, which takes the same locks as the engine in the other order: the engine's holds the
    writer's place and waits for the journal, this one has the journal and waits for the writer's place."""
    with psycopg.connect(url) as other:
        other.execute("SET deadlock_timeout = '60s'")  # the engine's finds the deadlock, and is given up
        other.execute("LOCK TABLE overspill.segments IN EXCLUSIVE MODE")
        other.execute("UPDATE overspill.head SET seq = seq")
        decided.wait(60)
        other.rollback()


def test_a_deadlock_is_no_answer_and_the_same_id_is_decided_once(postgres: Server, url: str) -> None:
    with Engine.open(POLICY, db=url, settle=False) as engine:
        engine.grant(ANA, "money", "10", id="C1")
        store: Any = engine._store
        store._session.execute("SET deadlock_timeout = '50ms'")
        store.begin()
        made, decided = segment(store.head()), threading.Event()
        other = threading.Thread(target=_in_the_way, args=(url, decided))
        other.start()
        waits = f"SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = '{url.rpartition('/')[2]}'"
        _until(lambda: postgres.execute(waits) == [(1,)])
        with pytest.raises(StoreFailure) as failure:
            store.append(made, has_events=False)
        assert (failure.value.code, bool(failure.value.help)) == ("busy", True)
        store.rollback()
        decided.set()
        other.join(60)
        assert (engine.decide(_request("r", 7)).outcome, engine.decide(_request("r", 7)).replayed) == ("allow", True)
        assert (chain(store), engine.account(ANA).pools["money"][0][1]) == ([1, 2], 3)


WAITS = [5_000 << attempt for attempt in range(AGAIN_MAX)]


def _waiting(engine: Engine) -> list[int]:
    """The microseconds that it waits from now on, where chance shortens nothing."""
    waits: list[int] = []
    engine._combiner._retries = Retries(waits.append, lambda most: most)
    return waits


def _given_up(server: Server, url: str, table: str, state: str, times: int) -> None:
    """The next transactions that add to a table are given up, so many; what counts them is not undone."""
    server.execute(
        f"""CREATE SEQUENCE IF NOT EXISTS public.tried; ALTER SEQUENCE public.tried RESTART;
        CREATE OR REPLACE FUNCTION public.given_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF nextval('public.tried') <= {times} THEN RAISE 'given up' USING ERRCODE = '{state}'; END IF; RETURN NEW;
        END $$; CREATE OR REPLACE TRIGGER given_up BEFORE INSERT ON overspill.{table}
        FOR EACH ROW EXECUTE FUNCTION public.given_up()""",
        url.rpartition("/")[2],
    )


@pytest.mark.parametrize("state", ["40001", "40P01"])
@pytest.mark.parametrize("place_first", [False, True])
def test_what_the_server_gives_up_is_tried_a_few_times_and_then_told(
    postgres: Server, url: str, state: str, place_first: bool
) -> None:
    """Also where it gives up more often than that: the same id is decided once, whenever it passes."""
    with Engine.open(POLICY, db=url, settle=False) as engine:
        engine.grant(ANA, "money", "10", id="C1")
        waits, store = _waiting(engine), engine._store
        store._crowded = 9 if place_first else 0  # type: ignore[attr-defined]
        for number, times in enumerate((1, AGAIN_MAX)):
            _given_up(postgres, url, "segments", state, times)
            assert engine.decide(_request(f"r{number}", 2)).outcome == "allow"
            assert waits == WAITS[:times]
            waits.clear()
        _given_up(postgres, url, "segments", state, AGAIN_MAX + 1)
        with pytest.raises(StoreFailure) as failure:
            engine.decide(_request("r", 3))
        assert (failure.value.code, bool(failure.value.help), waits) == ("busy", True, WAITS)
        assert [engine.decide(_request("r", 3)).replayed for _ in range(2)] == [False, True]
        assert (chain(store), engine.account(ANA).pools["money"][0][1]) == ([1, 2, 3, 4], 3)


def test_a_deadlock_is_over_as_soon_as_the_other_one_has_gone_on(postgres: Server, url: str) -> None:
    with Engine.open(POLICY, db=url, settle=False) as engine:
        engine.grant(ANA, "money", "10", id="C1")
        store: Any = engine._store
        store._session.execute("SET deadlock_timeout = '50ms'")
        decided = threading.Event()
        other = threading.Thread(target=_in_the_way, args=(url, decided))
        waits: list[int] = []

        def wait(micros: int) -> None:
            waits.append(micros)
            decided.set()
            other.join(60)

        engine._combiner._retries = Retries(wait)
        store._crowded = 2  # the writer's place is taken first, then what the other one waits for
        started = f"SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = '{url.rpartition('/')[2]}'"
        _at_first_append(engine, lambda: (other.start(), _until(lambda: postgres.execute(started) == [(1,)])))
        answers = [engine.decide(_request("r", 7)), engine.decide(_request("r", 7))]
        assert [(one.outcome, one.replayed) for one in answers] == [("allow", False), ("allow", True)]
        assert len(waits) == 1 and 0 <= waits[0] <= WAITS[0]
        assert (chain(store), engine.account(ANA).pools["money"][0][1]) == ([1, 2], 3)


def test_settlement_that_the_server_gives_up_is_tried_a_few_times_too(postgres: Server, url: str) -> None:
    with Engine.open(POLICY, db=url, settle=False) as engine:
        engine.grant(ANA, "money", "10", id="C1")
        waits = _waiting(engine)
        _given_up(postgres, url, "postings", "40001", AGAIN_MAX + 1)
        with pytest.raises(StoreFailure) as failure:
            engine.settle()
        assert (failure.value.code, waits, engine.settlement().waiting) == ("busy", WAITS, 1)
        assert (engine.settle(), engine.settlement().waiting) == (1, 0)
