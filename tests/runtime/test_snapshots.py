"""Snapshots are written in parts beside the decisions: whoever opens the store meanwhile knows every account and every id."""

from __future__ import annotations

from pathlib import Path

import pytest

from overspill import Engine, ManualClock, Request, StoreFailure
from overspill.cli.reconcile import of_database
from overspill.runtime import ids, snapshots
from overspill.words.instants import instant_from_text

NOW = instant_from_text("2026-10-05T10:00:00Z")
ACCOUNTS = [{"user": f"u_{number}"} for number in range(7)]
DECISIONS = 160


def _begun(db: Path) -> Engine:
    engine = _opened(db)
    for one in ACCOUNTS:
        engine.set_attributes(one, {"plan": "pro"}, id="signup")
    return engine


def _opened(db: Path) -> Engine:
    return Engine.open(db=db, clock=ManualClock(NOW), settle=False)


def _request(number: int) -> Request:
    return Request(
        id=f"r{number}",
        account=ACCOUNTS[number % len(ACCOUNTS)],
        fields={"product": "codex", "model": "gpt-5.5"},
        meters={"input_tokens": 80, "cached_input_tokens": 0, "output_tokens": 0},
    )


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(snapshots, "SNAPSHOT_EVERY", 40)
    monkeypatch.setattr(snapshots, "PART", 9)
    monkeypatch.setattr(ids, "PLACES", (7, 2**12 - 1))  # a larger table is taken while ids are recent
    return tmp_path / "x.db"


def _through(engine: Engine) -> int:
    return engine._combiner.exclusively(engine._store.snapshots_through)


def test_whoever_opens_the_store_between_two_parts_knows_all(db: Path) -> None:
    engine = _begun(db)
    passes = {0}
    for number in range(DECISIONS):
        given = engine.decide(_request(number))
        passes.add(_through(engine))
        if number % 9 == 0:  # at each part of a pass by now
            other = _opened(db)
            assert [other.account(one) for one in ACCOUNTS] == [engine.account(one) for one in ACCOUNTS]
            assert all(other.decide(_request(earlier)).replayed for earlier in range(number + 1))
        assert all(engine.decide(_request(earlier)).replayed for earlier in (0, number // 2, number))
        assert engine.decide(_request(number)).json == given.json
    assert passes == {0, 40, 80, 120, 160}
    engine.settle()
    assert of_database(str(db)).findings == []


def test_a_part_costs_no_commit_of_its_own(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = _begun(db)
    commit, commits = engine._store.commit, []
    monkeypatch.setattr(engine._store, "commit", lambda: (commits.append(_ended(engine)), commit()))
    for number in range(DECISIONS):
        engine.decide(_request(number))
    assert len(commits) == DECISIONS
    assert _through(engine) > 0


def _ended(engine: Engine) -> int:
    return engine._store.head().seq


@pytest.mark.parametrize("code", ["disk_full", "corrupt"])
def test_a_part_that_fails_is_nobodys_failure_and_written_later(
    db: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    monkeypatch.setattr(snapshots, "REST", 5)
    engine = _begun(db)
    written, failed = engine._store.write_snapshots, []

    def failing(*arguments: object) -> None:
        if len(failed) < 3:
            failed.append(_ended(engine))
            raise StoreFailure(code, "there is no space", help="make some")
        written(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(engine._store, "write_snapshots", failing)
    assert [engine.decide(_request(number)).allowed for number in range(DECISIONS)] == [True] * DECISIONS
    assert failed == [40, 45, 50]  # five batches after each are without a part: the same one again, and four more
    assert _through(engine) > 0
    engine.close()
    with _opened(db) as again:
        assert all(again.decide(_request(number)).replayed for number in range(DECISIONS))
        again.settle()
    assert of_database(str(db)).findings == []
