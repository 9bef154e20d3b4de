"""By which program a record was made: once in the store for each build, beside the journal's bytes, read back with each."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from account.test_layers import ANA, NOON
from overspill import Engine, ManualClock, __version__
from overspill.prove.digest import kernel_digest
from overspill.records.build import Build
from overspill.runtime.build import build
from overspill.store.sqlite import SqliteStore
from overspill.words.failures import StoreFailure


def _engine(db: Path) -> Engine:
    return Engine.open(db=db, clock=ManualClock(NOON))


def _set(engine: Engine, id: str) -> str:
    receipt: str = engine.set_attributes(ANA, {"plan": "plus"}, id=id)["set"]
    return receipt


def _rows(db: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(db)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_a_build_is_version_kernel_and_zones() -> None:
    import tzdata

    assert build() == Build(overspill=__version__, kernel=kernel_digest(), tzdata=tzdata.IANA_VERSION)


@pytest.mark.rule("V1")
def test_each_record_is_read_back_with_the_build_that_made_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    db = tmp_path / "x.db"
    with _engine(db) as engine:
        first = _set(engine, "a")
    made, later = build(), Build(overspill="9.9.9", kernel="sha256:0", tzdata="2099z")
    monkeypatch.setattr("overspill.runtime.build.build", lambda: later)
    with _engine(db) as engine:
        second = _set(engine, "b")
        assert [record.build for record in engine.records()] == [made, later]
        explained = [engine.explain(id) for id in (first, second)]
    assert [one.record.build for one in explained if one is not None] == [made, later]
    assert _rows(db, "SELECT count(*) FROM builds") == [(2,)]
    assert _rows(db, "SELECT count(DISTINCT build) FROM segments") == [(2,)]


def test_it_stands_beside_the_journals_bytes_not_in_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = []
    for name in ("one", "two"):
        db = tmp_path / f"{name}.db"
        built = Build(overspill=name, kernel="sha256:0", tzdata="2099z")
        monkeypatch.setattr("overspill.runtime.build.build", lambda built=built: built)
        with _engine(db) as engine:
            _set(engine, "a")
        bodies.append(_rows(db, "SELECT body, hash FROM segments"))
    assert bodies[0] == bodies[1]


def test_a_build_whose_first_segment_fails_is_put_with_the_next() -> None:
    store = SqliteStore(":memory:")
    store.use_build(build())
    from overspill.records.journal import GENESIS, Segment

    segment = Segment(1, 1, GENESIS, GENESIS, b"{}\n")
    store.begin()
    store.append(segment, has_events=False)
    store.rollback()
    store.begin()
    store.append(segment, has_events=False)
    store.commit()
    assert [one.build for one in store.segments(0)] == [build()]


def test_a_segment_of_nobody_knows_what_names_no_build() -> None:
    store = SqliteStore(":memory:")
    from overspill.records.journal import GENESIS, Segment

    store.begin()
    store.append(Segment(1, 1, GENESIS, GENESIS, b"{}\n"), has_events=False)
    store.commit()
    assert [one.build for one in store.segments(0)] == [None]


def test_a_file_of_an_earlier_schema_is_refused(tmp_path: Path) -> None:
    db = tmp_path / "x.db"
    _engine(db).close()
    connection = sqlite3.connect(db)
    connection.execute("PRAGMA user_version = 3")
    connection.close()
    with pytest.raises(StoreFailure, match="schema 3"):
        _engine(db)


def test_importing_the_package_finds_nothing_out() -> None:
    script = "import overspill, sys; from overspill import *; print([n for n in ('tzdata', 'overspill.runtime.build') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
