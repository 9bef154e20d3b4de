"""Backups and what is put back: whole, as of one instant, while others write; and a database that lacks what was decided
since is not decided on before somebody has said that it does."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from overspill import Engine, ManualClock, Request
from overspill.cli.main import run
from overspill.runtime.build import build
from overspill.store.backups import backup, restore
from overspill.store.opened import opened
from overspill.store.postgres_copies import OWN, TABLES
from overspill.store.sqlite import SqliteStore
from overspill.words.failures import Failure, StoreFailure
from overspill.words.instants import instant_from_text
from store.places import ANA, POLICY, Place, chain
from store.processes import settled_once
from support.service_processes import Connection, Process, key_for, process

NOW = instant_from_text("2026-10-05T10:00:00Z")


def _open(db: str | None, **more: Any) -> Engine:
    return Engine.open(POLICY, db=db, clock=ManualClock(NOW), **more)


def _decided(db: str | None, first: int, last: int) -> None:
    """Records `first` to `last`: a grant, then decisions on it."""
    with _open(db) as engine:
        for number in range(first, last + 1):
            if number == 1:
                engine.grant(ANA, "money", "100", id="C1")
            else:
                engine.decide(Request(id=f"r{number}", account=ANA, meters={"credits": 1}))


def _left(db: str | None) -> int:
    with _open(db) as engine:
        return sum(lot[1] for lot in engine.account(ANA).pools["money"])


def _backup(db: str | None, folder: Path, name: str = "b.db") -> Path:
    assert db is not None
    backup(db, folder / name, at=NOW, by=build())
    return folder / name


def _restore(source: Path, db: str | None, *, replace: bool = False) -> None:
    assert db is not None
    restore(source, db, replace=replace, at=NOW)


def _refused(db: str | None, code: str, match: str = ".") -> None:
    with pytest.raises(StoreFailure, match=match) as failure:
        _open(db)
    assert failure.value.code == code
    assert failure.value.help


def _cli(*arguments: object) -> int:
    return run([str(one) for one in arguments])


# ---- backups


def test_a_backup_is_the_whole_database(shared: Place, tmp_path: Path) -> None:
    _decided(shared.db, 1, 20)
    made = _backup(shared.db, tmp_path)
    told = json.loads(Path(f"{made}.manifest.json").read_text())
    assert (told["to"], told["bytes"], told["of"][:4]) == (20, made.stat().st_size, shared.kind[:4])
    assert sorted(os.listdir(tmp_path))[:2] == ["b.db", "b.db.manifest.json"]
    restored = str(tmp_path / "y.db")
    _restore(made, restored)
    assert _cli("db", "accept", "--db", restored, "--known", f"{made}.manifest.json") == 0
    with closing(opened(restored)) as copy, closing(opened(shared.db)) as store:
        assert chain(copy) == chain(store)
        assert list(copy.outbox(0)) == list(store.outbox(0))
        assert copy.snapshots_through() == store.snapshots_through() == 20
    assert _left(restored) == _left(shared.db) == 81
    with _open(restored) as engine:
        assert engine.decide(Request(id="r20", account=ANA, meters={"credits": 1})).replayed


def test_a_backup_replaces_nothing(tmp_path: Path) -> None:
    db = str(tmp_path / "x.db")
    _decided(db, 1, 3)
    made = _backup(db, tmp_path)
    before = made.read_bytes()
    with pytest.raises(Failure, match="is there already") as failure:
        _backup(db, tmp_path)
    assert (failure.value.code, made.read_bytes()) == ("file_exists", before)


def test_a_backup_while_engines_write_is_one_instant(shared: Place, tmp_path: Path) -> None:
    _decided(shared.db, 1, 1)
    worker = Path(__file__).parent / "worker.py"
    paths = os.pathsep.join([str(worker.parents[1]), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, str(worker), str(shared.db), "w", "100000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths})
    assert process.stdout is not None
    try:
        ends = []
        for number in range(3):
            acknowledged = [process.stdout.readline() for _ in range(10)]
            made = _backup(shared.db, tmp_path, f"b{number}.db")
            ends.append(json.loads(Path(f"{made}.manifest.json").read_text())["to"])
            with closing(sqlite3.connect(made)) as copy:
                records = b"".join(body for (body,) in copy.execute("SELECT body FROM segments"))
            assert all(line.split()[0].encode() in records for line in acknowledged if line != "ready\n")
        assert ends == sorted(ends)
        assert ends[0] < ends[-1]
    finally:
        process.kill()
        process.communicate()


def _bit(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_a_backup_that_is_not_whole_any_more_is_not_put_back(tmp_path: Path) -> None:
    db = str(tmp_path / "x.db")
    _decided(db, 1, 20)
    made = _backup(db, tmp_path)
    with closing(sqlite3.connect(made)) as file:  # the last record's text, wherever it stands
        body = file.execute("SELECT body FROM segments ORDER BY first_seq DESC LIMIT 1").fetchone()[0]
    at = made.read_bytes().index(body[:60]) + 30
    _bit(made, at)
    for code, manifest in (("corrupt", True), ("chain_broken", False)):
        if not manifest:
            Path(f"{made}.manifest.json").unlink()
        with pytest.raises(StoreFailure) as failure:
            _restore(made, str(tmp_path / "y.db"))
        assert failure.value.code == code
    assert sorted(os.listdir(tmp_path)) == ["b.db", "x.db", "x.db-anchor"]


# ---- put back


def test_what_was_put_back_is_not_decided_on_before_its_loss_is_accepted(
    shared: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _decided(shared.db, 1, 10)
    made = _backup(shared.db, tmp_path)
    _decided(shared.db, 11, 15)
    last = _backup(shared.db, tmp_path, "last.db")
    with pytest.raises(StoreFailure) as failure:
        _restore(made, shared.db)
    assert failure.value.code == "database_exists"
    assert _left(shared.db) == 86
    _restore(made, shared.db, replace=True)
    _refused(shared.db, "restored", "while record 15 was there before")
    accept = ("db", "accept", "--db", shared.db, "--known", f"{last}.manifest.json")
    assert _cli(*accept) == 2
    assert "the records 11..15 are known" in capsys.readouterr().err
    assert _cli(*accept, "--missing", "11..14") == 2
    _refused(shared.db, "restored")
    assert _cli(*accept, "--missing", "11..15") == 0
    assert _left(shared.db) == 91
    assert _cli(*accept) == 2  # it still lacks what is known there
    capsys.readouterr()
    with _open(shared.db) as engine:
        assert not engine.decide(Request(id="r11", account=ANA, meters={"credits": 1})).replayed
        chain(engine._store)


def test_with_nothing_known_that_is_to_be_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db = str(tmp_path / "x.db")
    _decided(db, 1, 10)
    made = _backup(db, tmp_path)
    for path in (db, f"{db}-anchor"):
        os.unlink(path)
    _restore(made, db)
    assert _cli("db", "accept", "--db", db) == 2
    assert "error[nothing_known]" in capsys.readouterr().err
    assert _cli("db", "accept", "--db", db, "--missing", "unknown", "--actor", "ana") == 0
    assert _left(db) == 91


def test_one_that_is_open_is_not_replaced(tmp_path: Path) -> None:
    db = str(tmp_path / "x.db")
    _decided(db, 1, 10)
    made = _backup(db, tmp_path)
    with _open(db) as engine:
        with pytest.raises(StoreFailure, match="is open in another process") as failure:
            _restore(made, db, replace=True)
        assert failure.value.code == "in_use"
        assert engine.decide(Request(id="r11", account=ANA, meters={"credits": 1})).outcome == "allow"
    assert _left(db) == 90


def test_one_that_is_replaced_is_kept_and_not_decided_on(tmp_path: Path) -> None:
    db = str(tmp_path / "x.db")
    _decided(db, 1, 10)
    made = _backup(db, tmp_path)
    _decided(db, 11, 15)
    _restore(made, db, replace=True)
    kept = f"{db}.replaced-15"
    _refused(kept, "restored")
    _restore(Path(kept), db, replace=True)
    assert _cli("db", "accept", "--db", db) == 0
    assert _left(db) == 86


def test_a_damaged_one_is_replaced_too(tmp_path: Path) -> None:
    db = tmp_path / "x.db"
    _decided(str(db), 1, 10)
    made = _backup(str(db), tmp_path)
    db.write_bytes(b"no database at all " * 100)
    _restore(made, str(db), replace=True)
    assert (tmp_path / "x.db.replaced-damaged").read_bytes().startswith(b"no database")
    assert _cli("db", "accept", "--db", db) == 0
    assert _left(str(db)) == 91


def test_an_engine_that_has_a_replaced_database_open_writes_nothing_more(url: str, tmp_path: Path) -> None:
    _decided(url, 1, 10)
    made = _backup(url, tmp_path)
    with _open(url) as engine:
        engine.decide(Request(id="r11", account=ANA, meters={"credits": 1}))
        _restore(made, url, replace=True)
        with pytest.raises(StoreFailure) as failure:
            engine.decide(Request(id="r12", account=ANA, meters={"credits": 1}))
        assert failure.value.code == "journal_behind"
    assert _cli("db", "accept", "--db", url, "--missing", "11..11") == 0
    assert _left(url) == 91


def test_a_file_moves_to_a_server_and_back(url: str, tmp_path: Path) -> None:
    db, back = str(tmp_path / "x.db"), str(tmp_path / "y.db")
    _decided(db, 1, 30)
    made = _backup(db, tmp_path)
    _restore(made, url)
    assert _cli("db", "accept", "--db", url, "--known", f"{db}-anchor") == 0
    _decided(url, 31, 40)
    _restore(_backup(url, tmp_path, "c.db"), back)
    assert _cli("db", "accept", "--db", back, "--known", tmp_path / "c.db.manifest.json") == 0
    with closing(opened(back)) as file, closing(opened(url)) as store:
        assert chain(file) == chain(store)
        assert file.head().seq == 40
    assert _left(back) == _left(url) == 61


def test_an_export_brings_back_what_a_backup_lacks(
    shared: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _decided(shared.db, 1, 10)
    made = _backup(shared.db, tmp_path)
    _decided(shared.db, 11, 25)
    with _open(shared.db) as engine:
        engine.settle()
    export = tmp_path / "export"
    assert _cli("export", "--db", shared.db, "--out", export) == 0
    _restore(made, shared.db, replace=True)
    capsys.readouterr()
    assert _cli("db", "recover", "--db", shared.db, "--from", export, "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["added"] == 15
    assert _cli("db", "recover", "--db", shared.db, "--from", export) == 0
    _refused(shared.db, "restored")
    assert _cli("db", "accept", "--db", shared.db, "--known", export) == 0
    with _open(shared.db) as engine:
        assert all(
            engine.decide(Request(id=f"r{number}", account=ANA, meters={"credits": 1})).replayed
            for number in range(2, 26)
        )
        settled_once(engine)
    assert _left(shared.db) == 76


def test_an_export_of_another_journal_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db, other, export = str(tmp_path / "x.db"), str(tmp_path / "o.db"), tmp_path / "export"
    _decided(db, 1, 3)
    _decided(other, 2, 9)
    assert _cli("export", "--db", other, "--out", export) == 0
    assert _cli("db", "recover", "--db", db, "--from", export) == 3
    assert "error[other_history]" in capsys.readouterr().err
    assert _cli("export", "--db", other, "--out", tmp_path / "part", "--from", "6") == 0
    assert _cli("db", "recover", "--db", db, "--from", tmp_path / "part") == 3
    assert "error[records_missing]" in capsys.readouterr().err
    assert _left(db) == 98


# ---- copies that are put back by hand


def _older(db: Path, folder: Path) -> None:
    shutil.copy(folder / "older.db", db)


def _empty(db: Path, folder: Path) -> None:
    db.unlink()


def _other(db: Path, folder: Path) -> None:
    db.unlink()
    _decided(str(folder / "o.db"), 2, 16)
    shutil.copy(folder / "o.db", db)


BY_HAND: list[tuple[Callable[[Path, Path], None], str, str]] = [
    (_older, "records_missing", "ends at record 10, and the anchor knows record 15"),
    (_empty, "records_missing", "ends at record 0"),
    (_other, "other_history", "is another one at record 15"),
]


@pytest.mark.parametrize(("put_back", "code", "match"), BY_HAND, ids=["older", "empty", "other"])
def test_a_file_that_its_anchor_does_not_know_is_refused(
    tmp_path: Path, put_back: Callable[[Path, Path], None], code: str, match: str
) -> None:
    db = tmp_path / "x.db"
    _decided(str(db), 1, 10)
    shutil.copy(db, tmp_path / "older.db")
    _decided(str(db), 11, 15)
    put_back(db, tmp_path)
    _refused(str(db), code, match)


def test_what_a_newer_version_has_written_beside_it_is_refused(tmp_path: Path) -> None:
    """An anchor, and the manifest of a backup, have versions too."""
    db, made = tmp_path / "x.db", tmp_path / "b.db"
    _decided(str(db), 1, 10)
    assert _cli("db", "backup", "--db", db, "--out", made) == 0
    manifest = Path(f"{made}.manifest.json")
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "backup": 2, "more": 1}))
    with pytest.raises(StoreFailure, match="made by a newer version") as failure:
        restore(made, str(tmp_path / "y.db"), replace=False, at=0)
    assert (failure.value.code, failure.value.help) == ("newer_version", "upgrade Overspill")
    assert not (tmp_path / "y.db").exists()
    anchor = Path(f"{db}-anchor")
    for version in ("2", "10"):
        anchor.write_text(f"overspill {version} something else\n")
        _refused(str(db), "newer_version", "was written by a newer version")
        assert anchor.read_text() == f"overspill {version} something else\n"


def test_an_older_copy_is_accepted_with_what_it_lacks(tmp_path: Path) -> None:
    db = tmp_path / "x.db"
    _decided(str(db), 1, 10)
    shutil.copy(db, tmp_path / "older.db")
    _decided(str(db), 11, 15)
    _older(db, tmp_path)
    assert _cli("db", "accept", "--db", db) == 2
    assert _cli("db", "accept", "--db", db, "--missing", "11..15") == 0
    _decided(str(db), 11, 12)
    assert _left(str(db)) == 89


def test_a_newer_copy_and_a_file_without_its_anchor_are_served(tmp_path: Path) -> None:
    db = tmp_path / "x.db"
    _decided(str(db), 1, 10)
    shutil.copy(db, tmp_path / "newer.db")
    _decided(str(tmp_path / "newer.db"), 11, 12)
    shutil.copy(tmp_path / "newer.db", db)
    assert _left(str(db)) == 89
    for torn in (b"", b"overspill 1 00", b"\0" * 97):
        Path(f"{db}-anchor").write_bytes(torn)
        assert _left(str(db)) == 89
    Path(f"{db}-anchor").unlink()
    _decided(str(db), 13, 13)
    assert Path(f"{db}-anchor").read_text().startswith("overspill 1 0000000000000000013 ")


def test_a_server_has_its_anchor_where_it_is_named(url: str, postgres: Any, tmp_path: Path) -> None:
    """A database that the server's own tools put back is known by nothing inside of it."""
    anchor = tmp_path / "usage-anchor"
    with _open(url, anchor=anchor) as engine:
        engine.grant(ANA, "money", "100", id="C1")
    name = url.rpartition("/")[2]
    older = postgres.database(template=name)
    with _open(url, anchor=anchor) as engine:
        engine.decide(Request(id="r2", account=ANA, meters={"credits": 1}))
    with pytest.raises(StoreFailure) as failure:
        _open(older, anchor=anchor)
    assert failure.value.code == "records_missing"
    assert _cli("db", "accept", "--db", older, "--known", anchor, "--missing", "2..2") == 0


def test_a_service_and_a_worker_refuse_what_their_anchor_knows_to_be_older(
    url: str, postgres: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Also one that was put back by the server's own tools, until it is accepted where the anchor is."""
    anchor = str(tmp_path / "usage-anchor")
    named, key = ["--anchor", anchor], key_for(url)
    _set(url, key, "first", *named)
    older = postgres.database(template=url.rpartition("/")[2])
    _set(url, key, "second", *named)
    with pytest.raises(AssertionError, match="records_missing"):
        Process(older, *named)
    nobody = ("--nats", "nats://127.0.0.1:9")
    for command in (["worker", "--once"], ["worker", "--once", *nobody], ["relay", "--once", *nobody]):
        capfd.readouterr()
        assert _cli(*command, "--db", older, *named) == 3
        assert "records_missing" in capfd.readouterr().err
    assert _cli("db", "accept", "--db", older, *named, "--missing", "2..2") == 0
    assert _cli("worker", "--once", "--db", older, *named) == 0
    _set(older, key, "third", *named)


def _set(db: str, key: str, id: str, *options: str) -> None:
    """One record, by a service that runs for as long as that takes."""
    with process(db, *options) as one:
        caller = Connection(one.port, key)
        asked = {"attributes": {"plan": "plus"}}
        assert caller.ask("POST", "/v1/accounts/user/u_ana/attributes", asked, id).status == 200
        caller.close()
        assert one.stop() == 0


def test_what_is_no_manifest_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db = str(tmp_path / "x.db")
    _decided(db, 1, 2)
    wrong = tmp_path / "wrong.json"
    for text in ("", "{}", '{"to": 1, "hash": "zz"}', "[1]"):
        wrong.write_text(text)
        assert _cli("db", "accept", "--db", db, "--known", wrong) == 2
        assert "error[not_a_manifest]" in capsys.readouterr().err
    assert _cli("db", "accept", "--db", db, "--known", tmp_path / "none") == 2
    assert "error[unreadable]" in capsys.readouterr().err
    assert _cli("db", "accept", "--db", db) == 2
    assert "error[not_restored]" in capsys.readouterr().err


def test_every_table_of_both_stores_is_copied(url: str, tmp_path: Path) -> None:
    """A table that is added is added to `postgres_copies.TABLES`, or is said to be each store's own."""
    known = {table.name: set(table.columns.split(", ")) for table in TABLES}
    with closing(opened(tmp_path / "x.db")) as file, closing(opened(url)) as server:
        assert isinstance(file, SqliteStore)
        for name, columns in known.items():
            assert {column for (column,) in file.rows(f"SELECT name FROM pragma_table_info('{name}')")} == columns
        in_file = {name for (name,) in file.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
        on_server = {
            name
            for (name,) in server.rows(
                "SELECT relname FROM pg_class WHERE relnamespace = 'overspill'::regnamespace AND relkind = 'r'"
            )
        }
    assert in_file - OWN == set(known)
    assert on_server - OWN == set(known)
