"""System calls that fail, in a real process on a real file: at whatever call it is, nothing that was acknowledged is lost,
nothing is done by half, and after a failed sync nothing more is written before the file is opened again."""

from __future__ import annotations

import random
import re
import sys
from contextlib import closing
from pathlib import Path

import pytest

from overspill import Engine, Request
from overspill.cli.main import run
from overspill.store.opened import opened
from store.places import ANA, POLICY, chain
from store.processes import settled_once
from system.tools import FAULTS, started, tool, with_fault, worker

WORKER = Path(__file__).parent / "worker.py"
DECISIONS, GRANTED = 40, 1000
SYNCS, WRITES = "fsync,fdatasync", "pwrite64"
# (system calls, what they do once, which failures that may be)
CASES = [
    (SYNCS, "error=EIO", {"disk_error", "store_stopped", "cannot_open"}),
    (SYNCS, "error=ENOSPC", {"disk_error", "disk_full", "store_stopped", "cannot_open"}),
    (WRITES, "error=EIO", {"disk_error", "disk_full", "store_stopped", "cannot_open"}),
    (WRITES, "error=ENOSPC", {"disk_full", "disk_error"}),
]


def _granted(db: str) -> None:
    with Engine.open(POLICY, db=db) as engine:
        engine.grant(ANA, "money", str(GRANTED), id="C1")


def _ran(command: list[str]) -> tuple[int, list[str], set[str]]:
    """(exit code, acknowledged ids, codes of failures)."""
    process = started(command)
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in err, err
    lines = [line.split() for line in out.splitlines() if line != "ready"]
    failures = {line[1] for line in lines if line[0] == "!"}
    return process.returncode, [line[0] for line in lines if line[0] != "!"], failures


def _calls(command: list[str], log: Path, calls: str) -> int:
    """How many of these system calls the command makes."""
    counted = [tool("strace"), "-f", "--seccomp-bpf", "-o", str(log), "-e", f"trace={calls}"]
    assert _ran([*counted, *command])[0] == 0
    return len(re.findall(rf"({calls.replace(',', '|')})\(", log.read_text()))


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("calls", "fault", "codes"), CASES, ids=[f"{one[0].split(',')[0]} {one[1]}" for one in CASES])
def test_a_call_that_fails_loses_nothing_acknowledged(calls: str, fault: str, codes: set[str], tmp_path: Path) -> None:
    chance = random.Random(20261201)
    there, failed = str(tmp_path / "there.db"), 0
    _granted(there)
    every = _calls(worker(WORKER, there, "count", DECISIONS), tmp_path / "calls", calls)
    assert every >= DECISIONS
    acknowledged: set[str] = set()
    for point in range(FAULTS):
        made = point % 4 == 3  # every fourth one makes its file first
        db = str(tmp_path / f"made{point}.db") if made else there
        when = chance.randrange(1, every + (20 if made else 0))
        code, ids, failures = _ran(
            with_fault(calls, f"{fault}:when={when}", worker(WORKER, db, f"p{point}", DECISIONS))
        )
        assert (failures <= codes, code in (0, 3)) == (True, True), (when, code, failures)
        assert code == 0 or failures
        failed += bool(failures)
        if made:
            _checked(db, set(ids), granted=0)
        else:
            acknowledged.update(ids)
            _checked(db, acknowledged, GRANTED)
    assert failed >= FAULTS // 3


def _checked(db: str, acknowledged: set[str], granted: int) -> None:
    with closing(opened(db)) as store:
        chain(store)
    with Engine.open(POLICY, db=db) as engine:
        after = engine.decide(Request(id="after", account=ANA, meters={"credits": 1}))
        assert after.allowed == (granted > 0)
        records = list(engine.records())
        assert [record.seq for record in records] == list(range(1, len(records) + 1))
        ids = [record.id for record in records]
        assert (len(set(ids)), acknowledged <= set(ids)) == (len(ids), True)
        allowed = sum(b'"outcome":"allow"' in bytes(record.answer) for record in records)
        left = sum(lot[1] for lot in engine.account(ANA).pools.get("money", ()))
        assert left == granted - allowed >= 0
        settled_once(engine)
    assert run(["reconcile", "--db", db]) == 0


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("calls", "fault", "codes"), CASES, ids=[f"{one[0].split(',')[0]} {one[1]}" for one in CASES])
def test_a_worker_whose_calls_fail_settles_each_record_once(
    calls: str, fault: str, codes: set[str], tmp_path: Path
) -> None:
    """It ends, and says why; the next one goes on from what is durable."""
    chance = random.Random(20261203)
    db, failed = str(tmp_path / "x.db"), 0
    _granted(db)
    command = [sys.executable, "-m", "overspill", "worker", "--once", "--db", db, "--format", "json"]
    _decided(db, "count")
    every = _calls(command, tmp_path / "calls", calls)
    for point in range(FAULTS):
        _decided(db, f"p{point}")
        process = started(with_fault(calls, f"{fault}:when={chance.randrange(1, every + 1)}", command))
        _, err = process.communicate(timeout=120)
        said = set(re.findall(r'"error":\{"code":"([a-z_]+)"', err))
        assert ("Traceback" in err, said <= codes, process.returncode) in ((False, True, 0), (False, True, 3)), err
        assert bool(said) == (process.returncode == 3)
        failed += bool(said)
        with Engine.open(POLICY, db=db, settle=False) as engine:
            chain(engine._store)
            settled = engine._store.ledger.settled().through
            assert {seq for seq, _ in engine._store.ledger.postings(0)} == set(range(1, settled + 1))
    assert failed >= FAULTS // 3
    with Engine.open(POLICY, db=db, settle=False) as engine:
        settled_once(engine)


def _decided(db: str, name: str) -> None:
    with Engine.open(POLICY, db=db, settle=False) as engine:
        for number in range(20):
            engine.decide(Request(id=f"{name}-{number}", account=ANA, meters={"credits": 1}))


def test_after_a_failed_sync_nothing_is_written_before_the_file_is_opened_again(tmp_path: Path) -> None:
    """What the sync of a lost page says the next time is not believed: the same process does not sync again."""
    db = str(tmp_path / "x.db")
    _granted(db)
    log = tmp_path / "calls"
    command = [tool("strace"), "-f", "--seccomp-bpf", "-o", str(log), "-e", f"trace={SYNCS},{WRITES}"]
    inject = ["-e", f"inject={SYNCS}:error=EIO:when=12"]
    code, ids, failures = _ran([*command, *inject, *worker(WORKER, db, "w", DECISIONS)])
    assert (code, failures) == (3, {"disk_error"})
    behind = log.read_text().split("(INJECTED)", 1)[1]
    assert not re.findall(r"(fsync|fdatasync|pwrite64)\(", behind), behind
    _checked(db, set(ids), GRANTED)
