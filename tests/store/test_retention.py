"""Retention: what is forgotten is the settled part of the outbox, and a replay after it is answered as before."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

from book.settled import copied, settled
from cli.test_commands import run
from overspill import Engine, Request
from overspill.ports.store import Store
from overspill.runtime.retention import compact
from overspill.store.opened import opened
from overspill.words.failures import Failure
from store.places import ANA, POLICY, Place, put


def _tables(place: Place) -> Mapping[str, list[Any]]:
    """All rows of all tables of the store."""
    assert place.db is not None
    if place.kind == "sqlite":
        file = sqlite3.connect(place.db)
        names = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {name: sorted(map(repr, file.execute(f"SELECT * FROM {name}"))) for name in names}
        file.close()
        return found
    query = "SELECT tablename FROM pg_tables WHERE schemaname = 'overspill'"
    with psycopg.connect(place.db) as connection:
        names = [name for (name,) in connection.execute(query)]
        return {name: sorted(map(repr, connection.execute(f"SELECT * FROM overspill.{name}"))) for name in names}


def test_nothing_is_forgotten_but_the_settled_part_of_the_outbox(shared: Place) -> None:
    store = shared.open()
    settled(copied(1, store, 1500), through=100)
    before = _tables(shared)
    through = store.ledger.settled().through
    rows = list(store.outbox(0))
    old = [row for row in rows if row[1] <= through]
    assert compact(store) == len(old) > 0
    after = _tables(shared)
    assert {name for name in before if before[name] != after[name]} == {"outbox"}
    assert list(store.outbox(0)) == [row for row in rows if row[1] > through] != []
    assert compact(store) == 0
    store.close()


def test_nothing_is_forgotten_that_is_not_settled(store: Store) -> None:
    for _ in range(3):
        put(store, has_events=True)
    assert compact(store) == 0
    assert list(store.outbox(0)) == [(1, 2), (3, 4), (5, 6)]


def test_many_rows_are_forgotten_a_few_at_a_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("overspill.runtime.retention.ROWS", 7)
    settled(copied(1, store, 400))
    count = len(list(store.outbox(0)))
    assert compact(store) == count > 7
    assert list(store.outbox(0)) == []


@pytest.mark.rule("I1")
def test_settling_goes_on_behind_it(store: Store) -> None:
    """Settled in parts, and compacted after each: the book is that of a store which forgets nothing."""
    expected = settled(copied(1, opened(None), 1500))
    copied(1, store, 1500)
    for through in (40, 41, 150, store.head().seq):
        settled(store, through)
        compact(store)
    assert list(store.outbox(0)) == []
    assert list(store.ledger.postings(0)) == list(expected.ledger.postings(0))
    assert list(store.ledger.balances()) == list(expected.ledger.balances())
    expected.close()


def test_what_is_not_committed_is_not_forgotten(store: Store) -> None:
    settled(copied(1, store, 400))
    rows = list(store.outbox(0))
    store.begin()
    assert store.drop_outbox(store.head().seq, 10**6) == len(rows)
    store.rollback()
    assert list(store.outbox(0)) == rows


def _history(engine: Engine) -> list[tuple[bytes, bool]]:
    """Every kind of command that has a key: (answer, whether it was answered before)."""

    def asked(name: str, amount: int) -> Request:
        return Request(id=name, account=ANA, fields={}, meters={"credits": amount})

    found: list[tuple[bytes, bool]] = []

    def done(answer: Any) -> Any:
        found.append((answer.json, answer.replayed))
        return answer

    done(engine.grant(ANA, "money", "50", id="L", category="paid"))
    first = done(engine.decide(asked("r1", 7)))
    done(engine.decide(asked("r2", 1000)))
    held = done(engine.reserve(asked("r3", 10)))
    done(engine.capture(held.hold.id, {"credits": 4}, id="1", final=False))
    done(engine.capture(held.hold.id, {"credits": 2}, id="2"))
    kept = done(engine.reserve(asked("r4", 5)))
    done(engine.extend(kept.hold.id, id="e"))
    done(engine.release(kept.hold.id))
    done(engine.reverse(first.id, id="undo"))
    done(engine.void(ANA, "money", "L", id="over"))
    return found


@pytest.mark.rule("I1")
def test_a_replay_after_compaction_is_answered_as_before(shared: Place) -> None:
    """Settled, compacted, vacuumed, opened again: each command has its bytes again and changes nothing, and another command
    under a key that was used is refused."""
    with Engine.open(POLICY, db=shared.db) as engine:
        answers = _history(engine)
        assert [replayed for _, replayed in answers] == [False] * len(answers)
    _compacted(shared)
    before = _tables(shared)
    with Engine.open(POLICY, db=shared.db) as engine:
        head = engine._store.head()
        assert _history(engine) == [(answer, True) for answer, _ in answers]
        with pytest.raises(Failure) as caught:
            engine.decide(Request(id="r1", account=ANA, fields={}, meters={"credits": 8}))
        assert caught.value.code == "idempotency_conflict"
        assert engine._store.head() == head
        assert list(engine._store.outbox(0)) == []
    after = _tables(shared)
    kept = ("segments", "postings", "entries", "balances", "ids", "forms", "policies", "parked", "kept")
    assert [name for name in kept if before[name] != after[name]] == []


def _compacted(place: Place) -> None:
    store = settled(place.open())
    assert compact(store) > 0
    store.close()
    assert place.db is not None
    if place.kind == "sqlite":
        file = sqlite3.connect(place.db, isolation_level=None)
        file.execute("VACUUM")
        file.close()
    else:
        with psycopg.connect(place.db, autocommit=True) as connection:
            connection.execute("VACUUM FULL")


def test_the_command_says_what_it_forgot(tmp_path: Path) -> None:
    with Engine.open(POLICY, db=tmp_path / "x.db") as engine:
        engine.grant(ANA, "money", "50", id="L", category="paid")
        engine.settle()
    assert run("db", "compact", "--db", "x.db", cwd=tmp_path).out == "x.db  1 row of the outbox forgotten\n"
    assert run("db", "compact", "--db", "x.db", "--format", "json", cwd=tmp_path).out == '{"outbox":0}\n'
    assert run("db", "compact", "--db", "y.db", cwd=tmp_path).code == 3


CANARIES: list[tuple[str, Callable[[Store], object]]] = [
    ("ids", lambda store: store._execute("DELETE FROM ids")),  # type: ignore[attr-defined]
    ("segments", lambda store: store._execute("DELETE FROM segments")),  # type: ignore[attr-defined]
]


@pytest.mark.parametrize(("table", "forget"), CANARIES, ids=[row[0] for row in CANARIES])
def test_forgetting_more_would_be_found(tmp_path: Any, table: str, forget: Callable[[Store], object]) -> None:
    """The canary: a compaction that drops keys, or what they lead to, changes what a replay answers."""
    path = tmp_path / "x.db"
    with Engine.open(POLICY, db=path) as engine:
        answers = _history(engine)
    store = opened(path)
    forget(store)
    store.close()
    with pytest.raises((Failure, AssertionError, AttributeError, TypeError)), Engine.open(POLICY, db=path) as engine:
        assert _history(engine) == [(answer, True) for answer, _ in answers]
