"""Real processes, killed at each point of what they do: it is done whole or not at all, and whoever does it again ends where a
process would have ended that nobody killed, to the byte (ASSURANCE.md section 3.1)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from crash.doomed import ACTS, NAMES, NOON, Charges, opened
from overspill import Engine
from overspill.cli.reconcile import of_store
from overspill.store.opened import opened as opened_store
from overspill.words.instants import HOUR
from store.processes import settled_once

Undisturbed = Callable[[str], tuple[list[tuple[Any, ...]], list[Any]]]
DOOMED = Path(__file__).parent / "doomed.py"
# (what is done, the points at which it is killed, how many records are there then beside those before)
POINTS: list[tuple[str, dict[str, int]]] = [
    ("decide", {"before begin": 0, "after begin": 0, "before commit": 0, "after commit": 1}),
    ("deny", {"before commit": 0, "after commit": 1}),
    ("capture", {"before commit": 0, "after commit": 1}),
    ("grant", {"before commit": 0, "after commit": 1}),
    ("sweep", {"before commit": 0, "after commit": 4, "before commit 2": 4, "after commit 2": 8}),
    (
        "pay",
        {
            "before commit": 0,
            "after commit": 1,
            "before charge": 1,
            "after charge": 1,
            "before commit 2": 1,
            "after commit 2": 2,
        },
    ),
]
CASES = [(act, point, added) for act, points in POINTS for point, added in points.items()]


@pytest.fixture(params=["sqlite", "postgres"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres").database())
    return str(tmp_path / "x.db")


@pytest.fixture
def charges(tmp_path: Path) -> Charges:
    return Charges(tmp_path / "charges")


def _before(db: str | None, act: str) -> int:
    """How many records there are before it."""
    with opened(db) as engine:
        ACTS[act][0](engine)
        return len(list(engine.records()))


def _killed(db: str, act: str, point: str, charges: Charges) -> None:
    paths = os.pathsep.join([str(DOOMED.parents[1]), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, str(DOOMED), db, act, point, str(charges.path)]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, check=False, timeout=120)
    assert done.returncode == -9


def _journal(engine: Engine) -> list[tuple[Any, ...]]:
    return [(one.seq, one.at, one.id, one.key, bytes(one.answer), bytes(one.command)) for one in engine.records()]


def _states(engine: Engine) -> list[Any]:
    return [engine.account({"user": name}) for name in NAMES]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """The journal and the accounts of a process that nobody kills."""

    @cache
    def found(act: str) -> tuple[list[tuple[Any, ...]], list[Any]]:
        folder = tmp_path_factory.mktemp("undisturbed")
        db = str(folder / "x.db")
        _before(db, act)
        with opened(db, ACTS[act][2]) as engine:
            ACTS[act][1](engine, Charges(folder / "charges"))
            return _journal(engine), _states(engine)

    return found


@pytest.mark.parametrize(("act", "point", "added"), CASES, ids=[f"{act}, killed {point}" for act, point, _ in CASES])
def test_who_is_killed_at_a_point_and_does_it_again_ends_where_nobody_is_killed(
    db: str, act: str, point: str, added: int, charges: Charges, undisturbed: Undisturbed
) -> None:
    journal, states = undisturbed(act)
    before = _before(db, act)
    _killed(db, act, point, charges)
    with opened(db, ACTS[act][2]) as engine:
        there = _journal(engine)
        assert there == journal[: before + added]
        assert [engine.explain(one[2]) is not None for one in there] == [True] * len(there)
        announced = [last for _, last in engine._store.outbox(0)]
        assert announced[-1:] == [there[-1][0]] or act == "deny"
        answer = ACTS[act][1](engine, charges)
        if answer is not None:
            assert (answer.replayed, answer.json) == (added > 0, journal[-1][4])
        assert (_journal(engine), _states(engine)) == (journal, states)
        ACTS[act][1](engine, charges)
        assert _journal(engine) == journal
        assert len(charges.all()) == (act == "pay")
        settled_once(engine)
    _explained(db)


def _explained(db: str) -> None:
    with closing(opened_store(db)) as store:
        verdict = of_store(store, NOON + HOUR)
    assert (verdict.findings, verdict.is_clean) == ([], True)


@pytest.mark.rule("S6")
@pytest.mark.parametrize(
    "point", ["before begin_settling", "after begin_settling", "half of settle", "after settle", "after commit"]
)
def test_a_worker_that_is_killed_at_a_point_has_settled_all_of_its_batch_or_nothing(
    db: str, point: str, charges: Charges
) -> None:
    before = _before(db, "settle")
    _killed(db, "settle", point, charges)
    done = point == "after commit"
    with opened(db) as engine:
        posted = [seq for seq, _ in engine._store.ledger.postings(0)]
        assert (engine.settlement().through, bool(posted)) == ((before, True) if done else (0, False))
        assert engine.settle() == (0 if done else before)
        settled_once(engine)
    _explained(db)


@pytest.fixture(autouse=True)
def _two_at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A sweep takes several batches, as in the process that is killed."""
    monkeypatch.setattr("overspill.runtime.combiner.BATCH_MAX", 2)
    yield
