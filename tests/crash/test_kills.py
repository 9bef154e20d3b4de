"""Real processes: killed at random points they lose nothing acknowledged and leave nothing half done; two at once on
one file agree to the unit."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from overspill import Engine
from overspill.cli.reconcile import of_database

WORKER = Path(__file__).parent / "worker.py"
ANA = {"user": "u_ana"}
KILLS = 32


@pytest.fixture
def db(tmp_path: Path) -> Path:
    path = tmp_path / "x.db"
    with Engine.open(db=path) as engine:
        engine.set_attributes(ANA, {"plan": "free"}, id="signup")
        engine.grant(ANA, "credits", "100000", id="C1")
    return path


def _start(db: Path, name: str, most: int = 10**9) -> subprocess.Popen[str]:
    command = [sys.executable, str(WORKER), str(db), name, str(most)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ})


def _lines(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout is not None
    for line in process.stdout:
        if line.endswith("\n"):
            yield line.strip()


def test_kill_minus_nine_loses_no_acknowledged_decision(db: Path) -> None:
    chance = random.Random(20261005)
    acknowledged: list[str] = []
    for kill in range(KILLS):
        process = _start(db, f"k{kill}")
        after = chance.randrange(1, 60)
        for count, line in enumerate(_lines(process)):
            if line != "ready":
                acknowledged.append(line.split()[0])
            if count >= after:
                process.send_signal(signal.SIGKILL)
                break
        acknowledged += [line.split()[0] for line in _lines(process) if line != "ready"]
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    with Engine.open(db=db) as engine:
        records = list(engine.records())
        kept = {record.id for record in records}
        assert [record.seq for record in records] == list(range(1, len(records) + 1))
        assert len(acknowledged) > KILLS
        assert set(acknowledged) <= kept
        lot = engine.account(ANA).pools["credits"][0]
    decided = sum(record.key[2] == "consume" for record in records)
    assert Decimal(lot[1]) / 10**6 == 100_000 - decided
    assert of_database(str(db)).is_clean


def test_two_processes_deciding_at_once_agree_to_the_unit(db: Path) -> None:
    with Engine.open(db=db) as engine:
        engine.grant({"user": "u_bob"}, "credits", "1", id="B1")
    workers = [_start(db, name, 120) for name in ("a", "b")]
    answers = [line for worker in workers for line in _lines(worker) if line != "ready"]
    for worker in workers:
        assert worker.wait() == 0
        assert worker.stdout is not None
        worker.stdout.close()
    with Engine.open(db=db) as engine:
        lot = engine.account(ANA).pools["credits"][0]
    assert len(answers) == len({line.split()[0] for line in answers}) == 240
    assert lot[1] == (100_000 - 240) * 10**6
