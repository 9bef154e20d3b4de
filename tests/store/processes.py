"""Processes on one database, and what must hold of it whatever became of them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from overspill import Engine
from overspill.cli.reconcile import of_store
from overspill.ports.store import Store
from overspill.store.described import described
from store.ledgers import same_as_the_fold
from store.places import ANA, POLICY, chain

WORKER = Path(__file__).parent / "worker.py"


def start(db: str | None, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(WORKER), str(db), *arguments]
    paths = os.pathsep.join([str(WORKER.parents[1]), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths})


def lines(process: subprocess.Popen[str]) -> Iterator[list[str]]:
    """(id, outcome) of each answer, and no half line of one that was killed."""
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            if line.endswith("\n") and line != "ready\n":
                yield line.split()


def funded(db: str | None, credits: int) -> None:
    with Engine.open(POLICY, db=db) as engine:
        engine.grant(ANA, "money", str(credits), id="C1")


def checked(db: str | None, granted: int, acknowledged: set[str]) -> int:
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
        settled_once(engine)
        return len(records) - 1


def settled_once(engine: Engine) -> None:
    """What is posted, when nothing waits any more, is the fold of the journal, posted by nobody else; and every unit is
    explained by a program that shares nothing with either. The engine's own settler looks into the store meanwhile too."""
    store, alone = engine._store, engine._combiner.exclusively
    wait(lambda: not engine.settle() and not alone(lambda: _waiting(store)))
    records = list(engine.records())
    alone(lambda: same_as_the_fold(store, records))
    verdict = alone(lambda: of_store(store, engine.now()))
    assert (verdict.findings, verdict.is_clean) == ([], True)


def _waiting(store: Store) -> int:
    """Also those that a server does not give yet, as long as somebody else's transaction is open on it."""
    settling = described(store).settling  # type: ignore[arg-type]
    assert settling is not None
    return settling.waiting


def started_worker(db: str | None) -> subprocess.Popen[bytes]:
    """Settles until it is killed, or until something is wrong that does not pass by itself."""
    command = [sys.executable, "-m", "overspill", "worker", "--db", str(db), "--every", "5"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def wait(for_it: object) -> None:
    assert callable(for_it)
    for _ in range(1200):
        if for_it():
            return
        time.sleep(0.05)
    raise AssertionError("the engines do not go on")
