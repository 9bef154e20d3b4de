"""A PostgreSQL server on a disk that is really full: decisions are refused with one clear failure, nothing is half written, and
they go on when there is space again. Also where the server cannot live without space, and has to be started again."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from overspill import Engine, StoreFailure
from store.places import ANA, POLICY, chain
from store.processes import checked, funded, lines, settled_once, start, started_worker, wait
from support.postgres import Server
from system.deciding import left, request, until_full
from system.tools import Disk, disk

GRANTED = 100_000


@contextmanager
def _reachable(kilobytes: int) -> Iterator[Disk]:
    """A disk where the unprivileged user of a server may look."""
    with tempfile.TemporaryDirectory(prefix="overspill-disk-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        with disk(Path(folder) / "small", kilobytes) as mounted:
            yield mounted


@pytest.fixture
def small() -> Iterator[tuple[Disk, str]]:
    """(a disk that has all of a server's data, an empty database of it). Its log is made ahead, and is not what has no room."""
    with _reachable(160 * 1024) as mounted, Server(data=mounted.folder) as server:
        yield mounted, server.database()


def test_a_server_with_a_full_disk_refuses_until_there_is_space_again(small: tuple[Disk, str]) -> None:
    full, url = small
    number = 0
    with Engine.open(POLICY, db=url) as engine:
        engine.grant(ANA, "money", str(GRANTED), id="C1")
        engine.decide(request(number))
        for _ in range(3):
            filler = full.fill()
            number = until_full(engine, number + 1)
            before = engine.account(ANA)
            for _ in range(3):
                assert until_full(engine, number) == number
            assert (engine.account(ANA), left(engine)) == (before, GRANTED - number)
            assert engine.decide(request(0)).replayed
            assert chain(engine._store)[-1] == number + 1
            filler.unlink()
            assert not engine.decide(request(number)).replayed
    with Engine.open(POLICY, db=url) as again:
        assert left(again) == GRANTED - number - 1
        assert all(again.decide(request(one)).replayed for one in range(number + 1))
        settled_once(again)


@pytest.mark.parametrize("by", ["its own thread", "a worker"])
def test_settlement_waits_for_space_on_the_server_and_goes_on(
    small: tuple[Disk, str], by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("overspill.runtime.settling.AGAIN", 0.05)
    full, url = small
    engine = Engine.open(POLICY, db=url, settle=by == "its own thread")
    engine.grant(ANA, "money", str(GRANTED), id="C1")
    worker = started_worker(url) if by == "a worker" else None
    wait(lambda: engine.settlement().through == 1)
    filler = full.fill()
    number = until_full(engine, 0)
    with suppress(StoreFailure):
        engine.settle()
    with pytest.raises(StoreFailure) as failure:
        engine.decide(request(number))
    assert failure.value.code == "disk_full"
    filler.unlink()
    assert engine.decide(request(number)).outcome == "allow"
    settled_once(engine)
    if worker is not None:
        assert worker.poll() is None
        worker.terminate()
        assert worker.wait(60) == 0
    engine.close()


def test_a_server_that_ended_for_want_of_space_has_lost_nothing_when_it_is_back() -> None:
    """Its log has no room: it ends itself under load, cannot come back, and is started again when there is space. Whoever asks
    meanwhile is refused; two engines and a worker go on by themselves."""
    with _reachable(16 * 1024) as full, Server(wal=full.folder, wal_megabytes=1) as server:
        url = server.database()
        funded(url, GRANTED)
        acknowledged: set[str] = set()
        with Engine.open(POLICY, db=url, settle=False) as engine:
            acknowledged.add(engine.decide(request(0)).id)
            processes = [start(url, name, str(GRANTED)) for name in ("a", "b")]
            worker = started_worker(url)
            readers = [
                threading.Thread(target=lambda one=one: acknowledged.update(id for id, _ in lines(one)))
                for one in processes
            ]
            for reader in readers:
                reader.start()
            try:
                _more(acknowledged)
                wait(lambda: engine.settlement().through > 0)  # the worker has begun
                filler = full.fill()
                wait(server.ended)
                assert "No space left on device" in server.log()
                for number in (0, 1, 2):
                    with pytest.raises(StoreFailure) as failure:
                        engine.decide(request(number))
                    assert failure.value.code == "unreachable"
                filler.unlink()
                server.start()
                assert engine.decide(request(0)).replayed
                acknowledged.add(engine.decide(request(1)).id)
                _more(acknowledged)
                assert worker.poll() is None
            finally:
                for process in (*processes, worker):
                    process.kill()
                    process.wait(60)
                for reader in readers:
                    reader.join(60)
        assert checked(url, GRANTED, acknowledged) >= len(acknowledged) > 20


def _more(acknowledged: set[str]) -> None:
    before = len(acknowledged)
    wait(lambda: len(acknowledged) > before + 10)
