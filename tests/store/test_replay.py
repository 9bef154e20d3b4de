"""`overspill replay` on each kind of database: what it reads, which records it runs again, and what it finds."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from overspill import Engine, ManualClock, Request
from overspill.records.journal import GENESIS, segment_hash
from overspill.words.instants import HOUR, instant_from_text
from store.places import ANA, POLICY, Place

NOON = instant_from_text("2026-10-05T12:00:00Z")
OTHER = {"p.spill": POLICY["p.spill"].replace(b"version 1", b"version 2").replace(b"fill whole", b"fill split")}


@pytest.fixture
def db(shared: Place) -> str:
    """Ten records, one an hour, of two versions of a policy; the last three are in no snapshot."""
    assert shared.db is not None
    _write(shared.db, POLICY, range(4))
    _write(shared.db, OTHER, range(4, 7))
    _write(shared.db, POLICY, range(7, 10), closed=False)
    return shared.db


def _write(db: str, policy: dict[str, bytes], hours: range, *, closed: bool = True) -> None:
    clock = ManualClock(NOON)
    engine = Engine.open(policy, db=db, clock=clock)
    for hour in hours:
        clock.set(NOON + hour * HOUR)
        if hour % 4 == 3:
            engine.grant(ANA, "money", "5", id=f"C{hour}")
        else:
            engine.decide(Request(id=f"r{hour}", account=ANA, meters={"credits": hour}))
    if closed:
        engine.close()


def _replay(db: str, *arguments: str, code: int = 0) -> dict[str, Any]:
    command = [sys.executable, "-m", "overspill", "replay", "--db", db, "--format", "json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    told: dict[str, Any] = json.loads(done.stdout or done.stderr)
    return told


def _run(db: str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """On either kind; `?` stands for a value, `TABLE ` for the schema's name."""
    if db.startswith("postgresql"):
        with psycopg.connect(db, autocommit=True) as connection:
            cursor = connection.execute(statement.replace("?", "%s").replace("TABLE ", "overspill."), values)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []
    connection = sqlite3.connect(db, isolation_level=None)
    try:
        return connection.execute(statement.replace("TABLE ", ""), values).fetchall()
    finally:
        connection.close()


CHOSEN = [
    ((), 10),
    (("--since", "2026-10-05T14:00:00Z", "--until", "2026-10-05T16:00:00Z"), 2),
    (("--since", "2026-10-05T20:00:00.000001Z"), 1),
    (("--records", "3-5"), 3),
    (("--records", "7"), 1),
    (("--records", "8-"), 3),
    (("--records", "-2"), 2),
    (("--records", "11-"), 0),
    (("--sample", "3"), 3),
    (("--sample", "2", "--records", "3-6"), 2),
]


@pytest.mark.rule("V2")
def test_a_journal_is_run_again_whole_or_in_part(db: str) -> None:
    for arguments, count in CHOSEN:
        told = _replay(db, *arguments)
        assert told == {
            "total": {"records": 10, "replayed": count, "missed": 0, "findings": 0, "other_builds": []},
            "findings": [],
        }


def test_each_record_is_run_again_under_the_policy_that_it_was_made_under(db: str) -> None:
    with Engine.open(POLICY, db=db) as engine:
        named = [(record.seq, record.policy) for record in engine.records() if record.policy]
    assert [seq for seq, _ in named] == [1, 5, 8]
    assert named[0][1] == named[2][1] != named[1][1]
    _run(db, "UPDATE TABLE policies SET sources = (SELECT sources FROM TABLE policies WHERE digest = ?)", named[0][1])
    told = _replay(db, code=1)
    assert told["total"] == {"records": 10, "replayed": 7, "missed": 3, "findings": 1, "other_builds": []}
    [finding] = told["findings"]
    assert (finding["finding"], finding["record"]) == ("missing_policy", 5)
    assert "are another policy's" in finding["now"]
    _run(db, "DELETE FROM TABLE policies WHERE digest = ?", named[1][1])
    assert "was published to this store" in _replay(db, code=1)["findings"][0]["now"]
    _run(db, "DELETE FROM TABLE policies")
    assert _replay(db, code=1)["total"]["missed"] == 10


def test_another_build_is_told_and_is_no_finding(db: str) -> None:
    _run(db, "UPDATE TABLE builds SET overspill = '0.0.1'")
    told = _replay(db, "--records", "2-4")["total"]
    assert (told["findings"], told["other_builds"][0][0]["overspill"], told["other_builds"][0][1]) == (0, "0.0.1", 3)
    command = [sys.executable, "-m", "overspill", "replay", "--db", db]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr.startswith("build_differs: 10 of them were made by overspill 0.0.1, kernel ")
    assert done.stderr.endswith("10 of 10 records replayed, 0 findings\n")


# ---- canaries: bytes of the journal, in a chain that holds

CHANGED = [
    (b'"meters":{"credits":6}', b'"meters":{"credits":7}', 7, "/answer/requested"),
    (b'"amount":"5","category"', b'"amount":"6","category"', 4, "/answer/amount"),
    (b'"amount":"5","unit"', b'"amount":"6","unit"', 4, "/answer/amount"),
    (b'["C3",1,', b'["C3",2,', 5, "/effects/default~1user~1u_ana/0/2/1"),
]  # fmt: skip


def _changed(db: str, was: bytes, now: bytes) -> None:
    """Puts other bytes into the journal of a file, and makes all hashes anew."""
    hash = GENESIS
    for first, body in _run(db, "SELECT first_seq, body FROM segments ORDER BY first_seq"):
        body, before = body.replace(was, now, 1), hash
        hash = segment_hash(before, body)
        _run(
            db,
            "UPDATE segments SET previous_hash = ?, hash = ?, body = ? WHERE first_seq = ?",
            before,
            hash,
            body,
            first,
        )


@pytest.mark.parametrize(("was", "now", "record", "place"), CHANGED)
def test_a_byte_that_was_changed_is_found(tmp_path: Path, was: bytes, now: bytes, record: int, place: str) -> None:
    db = str(tmp_path / "x.db")
    _write(db, POLICY, range(10))
    _changed(db, was, now)
    first = _replay(db, code=1)["findings"][0]
    assert (first["finding"], first["record"], first["place"]) == ("difference", record, place)
    command = [sys.executable, "-m", "overspill", "replay", "--db", db]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout.startswith(
        f"record {record} ({first['command']} {first['id']}): {place} was {first['was']}, and is "
    )


def test_a_journal_that_cannot_be_read_is_one_clear_failure(tmp_path: Path) -> None:
    db = str(tmp_path / "x.db")
    _write(db, POLICY, range(10))
    _changed(db, b'"seq":5', b'"seq":x')
    error = _replay(db, code=2)["error"]
    assert (error["code"], error["message"]) == (
        "unreadable_record",
        "the journal cannot be read between the records 1 and 10",
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("--since", "yesterday"),
        ("--records", "x"),
        ("--records", ""),
        ("--records", "1-2-3"),
        ("--records", "³"),
        ("--sample", "0"),
    ],
)
def test_what_says_no_range_is_refused(tmp_path: Path, arguments: tuple[str, str]) -> None:
    db = str(tmp_path / "x.db")
    _write(db, POLICY, range(1))
    command = [sys.executable, "-m", "overspill", "replay", "--db", db, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (2, "", False)
    assert arguments[0] in done.stderr


@pytest.mark.parametrize("changed", [False, True])
def test_on_a_terminal_it_says_how_far_it_is_until_there_is_a_finding(tmp_path: Path, changed: bool) -> None:
    db = str(tmp_path / "x.db")
    with Engine.open(POLICY, db=db) as engine:
        engine.decide_all([Request(id=f"r{number}", account=ANA, meters={"credits": 1}) for number in range(2600)])
    if changed:
        _changed(db, b'"requested":"1"', b'"requested":"2"')
    ours, terminal = pty.openpty()
    command = [sys.executable, "-m", "overspill", "replay", "--db", db]
    environment = {**os.environ, "TERM": "xterm"}
    with (tmp_path / "out").open("w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=terminal, env=environment)
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError):  # the terminal is gone when the process is
        while part := os.read(ours, 65536):
            shown += part
    os.close(ours)
    assert process.wait() == int(changed)
    assert (b"of 2,600 records replayed" in shown) is not changed
    assert b"2600 of 2600 records replayed" in shown
