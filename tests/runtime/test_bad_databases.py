"""Database files that cannot serve: each is one clear failure, and is left as it was."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from overspill import Engine, Failure, PolicyFaults, Request, StoreFailure


def _text(path: Path) -> None:
    path.write_bytes(b"this is no database at all, but a text that is long enough to be read as one\n" * 20)


def _foreign(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    connection.close()


def _newer(path: Path) -> None:
    Engine.open(db=path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


def _folder(path: Path) -> None:
    path.mkdir()


CASES: list[tuple[str, Callable[[Path], None], str]] = [
    ("not_a_database", _text, "not an SQLite database"),
    ("not_ours", _foreign, "another program"),
    ("newer_version", _newer, "newer version"),
    ("not_a_database", _folder, "is a folder"),
]


@pytest.mark.parametrize(("code", "make", "message"), CASES, ids=[case[1].__name__ for case in CASES])
def test_a_file_that_is_not_ours_is_refused_and_left_alone(
    tmp_path: Path, code: str, make: Callable[[Path], None], message: str
) -> None:
    path = tmp_path / "x.db"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StoreFailure, match=message) as error:
        Engine.open(db=path)
    assert error.value.code == code
    assert error.value.help
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreFailure, match="no folder"):
        Engine.open(db=tmp_path / "nowhere" / "x.db")


def test_a_read_only_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.db"
    Engine.open(db=path).close()
    # Root may write everything, so what the system says is put in its mouth.
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(StoreFailure, match="read-only"):
        Engine.open(db=path)


def test_a_read_only_folder_is_named_with_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.db"
    Engine.open(db=path).close()
    monkeypatch.setattr(os, "access", lambda asked, _: Path(asked) == path)
    with pytest.raises(StoreFailure, match=f"the folder {tmp_path} is read-only") as error:
        Engine.open(db=path)
    assert "make it writable" in str(error.value.help)


def _request(id: str) -> Request:
    return Request(
        id=id,
        account={"user": "u_ana"},
        fields={"product": "codex", "model": "gpt-5.5"},
        meters={"input_tokens": 8000, "cached_input_tokens": 0, "output_tokens": 0},
    )


def test_a_full_disk_refuses_decisions_and_loses_nothing(tmp_path: Path) -> None:
    engine = Engine.open(db=tmp_path / "x.db", settle=False)
    engine.set_attributes({"user": "u_ana"}, {"plan": "plus"}, id="signup")
    engine.decide(_request("r0"))
    connection = engine._store._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    before, number = engine.account({"user": "u_ana"}), 0
    with pytest.raises(StoreFailure, match="disk is full") as error:
        for number in range(1, 100):
            before = engine.account({"user": "u_ana"})
            engine.decide(_request(f"r{number}"))
    assert error.value.code == "disk_full"
    assert engine.account({"user": "u_ana"}) == before
    connection.execute("PRAGMA max_page_count = 1000000")
    assert engine.decide(_request(f"r{number}")).outcome == "allow"
    engine.close()


def test_a_journal_that_was_edited_is_found_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    engine = Engine.open(db=path, settle=False)
    engine.set_attributes({"user": "u_ana"}, {"plan": "plus"}, id="signup")
    engine._store._connection.execute("UPDATE segments SET body = CAST(replace(body, 'plus', 'prox') AS BLOB)")
    with pytest.raises(StoreFailure, match="hash chain"):
        Engine.open(db=path)
    engine._store.close()


def test_a_locked_file_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("overspill.store.sqlite.LOCK_SECONDS", 0)
    path = tmp_path / "x.db"
    engine = Engine.open(db=path, settle=False)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreFailure, match="locked"):
        engine.set_attributes({"user": "u_ana"}, {"plan": "plus"}, id="signup")
    other.execute("ROLLBACK")
    other.close()
    assert engine.set_attributes({"user": "u_ana"}, {"plan": "plus"}, id="signup")["account"] == "user/u_ana"
    engine.close()


@pytest.mark.parametrize(
    "policy", [{"p.spill": b"policy p versio"}, {}, "no_such_policy"], ids=["faulty", "empty", "none"]
)
def test_where_there_is_no_policy_no_database_is_made(tmp_path: Path, policy: Any) -> None:
    with pytest.raises((Failure, PolicyFaults)):
        Engine.open(policy, db=tmp_path / "x.db", settle=False)
    assert list(tmp_path.iterdir()) == []
