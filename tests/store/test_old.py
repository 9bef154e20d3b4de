"""Databases of older schemas, as the last program that had each wrote them (`old/make.py`): brought up to date, also by many
at once and after being killed at any point, they go on as if nothing had been."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from overspill import Engine, ManualClock, Request
from overspill.cli.main import run
from overspill.runtime.build import build
from overspill.store.backups import backup
from overspill.store.described import described
from overspill.store.migrations import shipped
from overspill.store.opened import looked_into, opened
from overspill.words.failures import StoreFailure
from overspill.words.instants import instant_from_text
from store.places import chain
from store.processes import settled_once
from support.postgres import Server

OLD = Path(__file__).parent / "old"
NAMES = sorted(path.stem for path in OLD.glob("*.sql"))
RELEASED = {"postgres": (1, 3), "sqlite": (6, 8)}
"""Schemas that a database may still have; those in between were nobody's."""
LATER = instant_from_text("2026-10-05T11:00:00Z")
ANA = {"user": "u_ana"}
DIES = Path(__file__).parent / "old" / "dies.py"


class Old(NamedTuple):
    """`answers` are the SHA-256 of those that it gave, by the caller's id; the last one, `open`, left a hold."""

    kind: str
    schema: int
    db: str
    answers: dict[str, str]

    @property
    def missing(self) -> list[str]:
        return [one.name for one in shipped(self.kind) if one.number > self.schema]


def _made(name: str, request: pytest.FixtureRequest) -> Old:
    kind, number = name.split("_")
    text = (OLD / f"{name}.sql").read_text("utf-8")
    if kind == "sqlite":
        db = str(request.getfixturevalue("tmp_path") / "old.db")
        with closing(sqlite3.connect(db)) as connection:
            connection.executescript(text)
    else:
        db = request.getfixturevalue("postgres").database()
        with psycopg.connect(db) as server:
            server.execute("CREATE SCHEMA overspill; SET search_path = overspill, pg_catalog")
            server.execute(
                "CREATE TABLE migrations (number bigint PRIMARY KEY, name text NOT NULL, checksum bytea NOT NULL,"
                " applied_at timestamptz NOT NULL DEFAULT now())"
            )
            for migration in shipped("postgres")[: int(number)]:
                server.execute(migration.sql)
            server.execute("TRUNCATE head" + (", settlement" if int(number) > 1 else ""))
            server.execute("SET session_replication_role = replica")  # rows in any order
            server.execute(text)
    return Old(kind, int(number), db, json.loads((OLD / f"{name}.json").read_text("utf-8")))


@pytest.fixture(params=NAMES)
def old(request: pytest.FixtureRequest) -> Old:
    return _made(request.param, request)


def _open(db: str) -> Engine:
    return Engine.open("codex_sora", db=db, clock=ManualClock(LATER), settle=False)


def _request(id: str, tokens: int) -> Request:
    meters = {"input_tokens": tokens, "cached_input_tokens": 0, "output_tokens": 0}
    return Request(id=id, account=ANA, fields={"product": "codex", "model": "gpt-5.5"}, meters=meters)


def _goes_on(old: Old) -> None:
    """Every answer is known, the open hold is captured, more is decided, and all of it is settled."""
    with _open(old.db) as engine:
        before = len(chain(engine._store))
        for number in range(6):
            given = engine.decide(_request(f"r{number}", 60_000 + number))
            assert sha256(given.json).hexdigest() == old.answers[f"r{number}"]
        again = engine.reserve(_request("open", 20_000))
        assert (sha256(again.json).hexdigest(), again.replayed) == (old.answers["open"], True)
        assert again.hold is not None
        receipt = engine.capture(again.hold.id, {"input_tokens": 10_000, "cached_input_tokens": 0, "output_tokens": 0})
        assert not receipt.replayed
        assert engine.decide(_request("new", 8000)).outcome == "allow"
        assert len(chain(engine._store)) == before + 2
        assert engine.status(ANA).accounts[0].pools
        settled_once(engine)
    assert run(["reconcile", "--db", old.db]) == 0


def test_there_is_one_of_each_schema_that_was_released() -> None:
    assert [f"{kind}_{number}" for kind in RELEASED for number in RELEASED[kind]] == NAMES


def test_an_old_database_is_migrated_when_it_is_opened(old: Old) -> None:
    _goes_on(old)
    with closing(opened(old.db)) as store:
        assert store.lacks() == ()


UNHURRIED = ("--late-after", "1000000000", "--sweep-within", "1000000000")
"""Nobody has settled it since."""


def test_an_old_database_is_reconciled_as_it_is_and_again_when_it_is_migrated(
    old: Old, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is changed in it; where there is no book yet, that is said."""
    has_book = not any(name.endswith("_ledger.sql") for name in old.missing)
    assert run(["reconcile", "--db", old.db, *UNHURRIED]) == (0 if has_book else 3)
    told = capsys.readouterr()
    assert ("unexplained: nothing" in told.out, "not_migrated" in told.err) == (has_book, not has_book)
    with closing(looked_into(old.db)) as store:
        assert [one.name for one in store.lacks()] == old.missing
    assert run(["db", "migrate", "--db", old.db]) == 0
    assert run(["reconcile", "--db", old.db, *UNHURRIED]) == 0


@pytest.mark.parametrize("name", ["sqlite_8", "postgres_3"])
def test_what_is_wrong_with_an_old_database_is_found_before_it_is_migrated(
    name: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    old = _made(name, request)
    change = "UPDATE {}balances SET amount = {} WHERE account LIKE 'lot:%'"
    if old.kind == "sqlite":
        with closing(sqlite3.connect(old.db)) as file:
            assert file.execute(change.format("", "CAST(amount + 1 AS TEXT)")).rowcount
            file.commit()
    else:
        with psycopg.connect(old.db) as server:
            assert server.execute(change.format("overspill.", "amount + 1")).rowcount
    assert run(["reconcile", "--db", old.db, *UNHURRIED]) == 1
    assert "LED15" in capsys.readouterr().out
    with closing(looked_into(old.db)) as store:
        assert [one.name for one in store.lacks()] == old.missing


def test_who_only_looks_goes_on_behind_a_lost_connection(postgres: Server) -> None:
    url = postgres.database()
    opened(url).close()
    with closing(looked_into(url)) as store:
        [(process,)] = store.rows("SELECT pg_backend_pid()")
        postgres.execute(f"SELECT pg_terminate_backend({process}, 5000)")
        assert store.head().seq == 0
        assert store.rows("SELECT pg_backend_pid()") != [(process,)]


def test_a_dry_run_says_what_a_migration_does_and_does_nothing(old: Old, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert run(["db", "migrate", "--dry-run", "--db", old.db]) == 0
        said = capsys.readouterr()
        assert said.out.splitlines() == [f"would apply {name}" for name in old.missing]
        assert "records in one chain" in said.err
    assert run(["db", "migrate", "--db", old.db]) == 0
    assert capsys.readouterr().out.splitlines() == [f"applied {name}" for name in old.missing]
    assert run(["db", "migrate", "--db", old.db]) == 0
    assert capsys.readouterr().out == ""
    _goes_on(old)


def test_an_old_database_is_described_as_it_is(old: Old, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(looked_into(old.db)) as store:
        told = described(store)
    assert (told.schema, list(told.lacks)) == (old.schema, old.missing)
    assert (told.records, told.restored, [one.name for one in told.policies]) == (23, None, ["codex_sora"])
    assert run(["db", "status", "--db", old.db]) == 0
    assert f"lacks {', '.join(old.missing)}: overspill db migrate" in capsys.readouterr().out
    assert run(["db", "status", "--db", old.db, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["missing_migrations"] == old.missing


def test_an_old_file_is_backed_up_as_it_is_and_put_back_migrated(old: Old, tmp_path: Path) -> None:
    target = tmp_path / "b.db"
    if old.kind == "postgres":
        with pytest.raises(StoreFailure, match="older schema") as failure:
            backup(old.db, target, at=LATER, by=build())
        assert (failure.value.code, target.exists()) == ("older_version", False)
        return
    assert backup(old.db, target, at=LATER, by=build()).schema == old.schema
    back = str(tmp_path / "y.db")
    assert run(["db", "restore", str(target), "--db", back]) == 0
    assert run(["db", "accept", "--db", back, "--known", f"{target}.manifest.json"]) == 0
    _goes_on(old._replace(db=back))


def test_a_migration_that_is_killed_at_any_point_is_brought_to_its_end(old: Old) -> None:
    """Before each of its statements in turn, each time on what the ones before have left."""
    kills, at, missing = 0, 0, old.missing
    while _dies(old.db, at):
        with closing(looked_into(old.db)) as store:
            assert chain(store)[-1] == 23
            left = [one.name for one in store.lacks()]
        assert left == missing[len(missing) - len(left) :]
        kills, at, missing = kills + 1, at + 1 if left == missing else 0, left
    assert kills >= 3 * len(old.missing)
    _goes_on(old)


def _dies(db: str, before: int) -> bool:
    """Whether a process that opens the database was killed before the statement of that number."""
    paths = os.pathsep.join([str(DIES.parents[2]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, str(DIES), db, str(before)], env={**os.environ, "PYTHONPATH": paths}, check=False
    )
    assert done.returncode in (0, -9)
    return done.returncode == -9
