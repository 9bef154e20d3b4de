"""A disk that becomes read-only under an engine, as file systems do that find an error in themselves: it is refused in one clear
sentence, nothing that was acknowledged is lost, and whoever opens the file when it is writable again goes on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from overspill import Engine, StoreFailure
from overspill.cli.main import run
from store.places import ANA, POLICY, chain
from store.processes import settled_once
from system.deciding import left, request
from system.tools import Breakable, breakable, started, worker

WORKER = Path(__file__).parent / "worker.py"
GRANTED = 100_000


@pytest.fixture
def broken_soon(tmp_path: Path) -> Iterator[Breakable]:
    with breakable(tmp_path) as made:
        yield made


def test_a_disk_that_becomes_read_only_under_an_engine_is_named_and_nothing_is_lost(broken_soon: Breakable) -> None:
    db = broken_soon.folder / "x.db"
    acknowledged: set[str] = set()
    for turn in range(2):
        with Engine.open(POLICY, db=db) as engine:
            engine.grant(ANA, "money", str(GRANTED), id=f"C{turn}")
        lines = _until_read_only(broken_soon, db, turn)
        assert lines[-1] in ("! disk_error", "! store_stopped")  # its settler may have met it first
        acknowledged.update(lines[1:-1])
        _refused(db)
        broken_soon.mend()
        with Engine.open(POLICY, db=db) as engine:
            records = list(engine.records())
            chain(engine._store)
            assert acknowledged <= {record.id for record in records}
            allowed = sum(b'"outcome":"allow"' in bytes(record.answer) for record in records)
            assert left(engine) == GRANTED * (turn + 1) - allowed
            assert engine.decide(request(turn)).allowed
            settled_once(engine)
        assert run(["reconcile", "--db", str(db)]) == 0


def _until_read_only(disk: Breakable, db: Path, turn: int) -> list[str]:
    """What an engine has said that decides without end, on a disk that finds an error in itself meanwhile."""
    process = started(worker(WORKER, db, f"w{turn}", 1_000_000))
    assert process.stdout is not None
    lines = [process.stdout.readline().strip() for _ in range(50)]
    disk.find_an_error()
    rest, said = process.communicate(timeout=120)
    assert process.returncode == 3
    assert "Traceback" not in said
    assert "its file system has become read-only" in said.splitlines()[-1], said
    assert "make it writable" in said
    return [*lines, *rest.splitlines()]


def _refused(db: Path) -> None:
    """As long as it is read-only, nobody begins."""
    with pytest.raises(StoreFailure) as failure:
        Engine.open(POLICY, db=db)
    assert (failure.value.code, bool(failure.value.help)) == ("read_only", True)
    settling = started([sys.executable, "-m", "overspill", "worker", "--once", "--db", str(db)])
    _, said = settling.communicate(timeout=120)
    assert (settling.returncode, "is read-only" in said, "Traceback" in said) == (3, True, False)
