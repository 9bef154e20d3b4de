"""Disks that are really full: decisions are refused with one clear failure, nothing is half written, and they go on when there
is space again."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from overspill import Engine, StoreFailure
from store.places import ANA, POLICY, chain
from store.processes import settled_once, started_worker, wait
from system.deciding import left, request, until_full
from system.tools import Disk, disk, started, worker

WORKER = Path(__file__).parent / "worker.py"
GRANTED = 100_000


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Disk]:
    with disk(tmp_path / "small", 1536) as mounted:
        yield mounted


def _open(small: Disk) -> Engine:
    return Engine.open(POLICY, db=small.folder / "x.db")


def test_a_full_disk_refuses_until_there_is_space_again(small: Disk) -> None:
    engine, number = _open(small), 0
    engine.grant(ANA, "money", str(GRANTED), id="C1")
    for _ in range(3):
        number = until_full(engine, number)
        before = engine.account(ANA)
        for _ in range(3):
            assert until_full(engine, number) == number
        assert (engine.account(ANA), left(engine)) == (before, GRANTED - number)
        assert engine.decide(request(0)).replayed
        assert chain(engine._store)[-1] == number + 1
        small.grow(512)
        assert not engine.decide(request(number)).replayed
        number += 1
    engine.close()
    small.grow(1024)
    with _open(small) as again:
        assert left(again) == GRANTED - number
        assert all(again.decide(request(one)).replayed for one in range(number))


@pytest.mark.parametrize("by", ["its own thread", "a worker"])
def test_settlement_waits_for_space_and_goes_on(small: Disk, by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("overspill.runtime.settling.AGAIN", 0.05)
    db = str(small.folder / "x.db")
    engine = Engine.open(POLICY, db=db, settle=by == "its own thread")
    engine.grant(ANA, "money", str(GRANTED), id="C1")
    worker = started_worker(db) if by == "a worker" else None
    wait(lambda: engine.settlement().through == 1)
    number = until_full(engine, 0)
    small.fill()
    for _ in range(20):  # more than fits into what is left of the log
        with suppress(StoreFailure):
            engine.settle()
    with pytest.raises(StoreFailure) as failure:
        engine.decide(request(number))
    assert failure.value.code == "disk_full"
    small.grow(4096)
    wait(lambda: engine.settlement().waiting == 0)
    assert engine.decide(request(number)).outcome == "allow"
    settled_once(engine)
    if worker is not None:
        assert worker.poll() is None
        worker.terminate()
        assert worker.wait(60) == 0
    engine.close()


def test_what_was_killed_on_a_full_disk_lost_nothing(small: Disk) -> None:
    db = small.folder / "x.db"
    with _open(small) as engine:
        engine.grant(ANA, "money", str(GRANTED), id="C1")
    process = started(worker(WORKER, db, "w", 100_000))
    assert process.stdout is not None
    acknowledged = []
    for line in process.stdout:
        if line == "! disk_full\n":
            process.send_signal(signal.SIGKILL)
            break
        acknowledged.append(line.strip())
    process.communicate()
    small.fill()
    with pytest.raises(StoreFailure) as failure:
        _open(small)
    assert failure.value.code == "disk_full"
    small.grow(2048)
    with _open(small) as engine:
        assert set(acknowledged[1:]) <= {record.id for record in engine.records()}
        assert engine.decide(request(1)).outcome == "allow"
        chain(engine._store)


def test_a_file_that_cannot_be_made_is_made_when_there_is_space(small: Disk) -> None:
    filler = small.fill()
    for _ in range(2):
        with pytest.raises(StoreFailure) as failure:
            _open(small)
        assert failure.value.code == "disk_full"
    filler.unlink()
    with _open(small) as engine:
        engine.grant(ANA, "money", "1", id="C1")
        assert engine.decide(request(1)).outcome == "allow"


def test_a_disk_that_is_read_only_is_named(small: Disk) -> None:
    with _open(small) as engine:
        engine.grant(ANA, "money", "1", id="C1")
    small.read_only(True)
    with pytest.raises(StoreFailure) as failure:
        _open(small)
    assert failure.value.code == "read_only"
    small.read_only(False)
    with _open(small) as engine:
        assert engine.decide(request(1)).outcome == "allow"
