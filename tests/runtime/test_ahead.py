"""A batch that is decided ahead of its commit: whatever happens between the two, it is as if it had been decided at the commit."""

from __future__ import annotations

import sqlite3
from asyncio import new_event_loop
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from overspill import Engine, Failure, ManualClock, Request, StoreFailure
from overspill.records.answers import Decision
from overspill.runtime.waiting import Waiting
from overspill.step.commands import Consume, Preview
from overspill.step.keys import identified
from overspill.words.instants import instant_from_text

ANA = {"user": "u_ana"}
NOW = instant_from_text("2026-10-05T10:00:00Z")


def _request(id: str) -> Request:
    """One credit, which is all that there is."""
    meters = {"input_tokens": 8000, "cached_input_tokens": 0, "output_tokens": 0}
    return Request(id=id, account=ANA, fields={"product": "codex", "model": "gpt-5.5"}, meters=meters)


def _opened(db: Path) -> Engine:
    return Engine.open(db=db, clock=ManualClock(NOW), settle=False)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    engine = _opened(tmp_path / "x.db")
    engine.set_attributes(ANA, {"plan": "free"}, id="signup")
    engine.grant(ANA, "credits", "1", id="C1")
    return engine


def _nothing(_: Path) -> None:
    pass


def _another_decides(db: Path) -> None:
    with _opened(db) as other:
        assert other.decide(_request("other")).allowed


def _another_decides_the_same(db: Path) -> None:
    with _opened(db) as other:
        assert other.decide(_request("own")).allowed


def _another_looks(db: Path) -> None:
    with _opened(db) as other:
        assert other.preview(_request("other")).allowed


BETWEEN: dict[str, tuple[type[Consume] | type[Preview], Callable[[Path], None], tuple[str, bool], int]] = {
    "nothing": (Consume, _nothing, ("allow", False), 3),
    "nothing, before a preview": (Preview, _nothing, ("allow", False), 2),
    "another engine takes what there is": (Consume, _another_decides, ("deny", False), 4),
    "another engine takes what there is, before a preview": (Preview, _another_decides, ("deny", False), 3),
    "another engine decides the same": (Consume, _another_decides_the_same, ("allow", True), 3),
    "another engine looks": (Consume, _another_looks, ("allow", False), 3),
}


@pytest.mark.parametrize(
    "is_known_late", [False, True], ids=["before it is decided", "behind it, the place being taken"]
)
@pytest.mark.parametrize("name", BETWEEN)
def test_what_happens_behind_the_end_that_is_known_is_met(
    name: str, is_known_late: bool, engine: Engine, tmp_path: Path
) -> None:
    kind, happens, expected, records = BETWEEN[name]
    db = tmp_path / "x.db"
    waiting = Waiting(identified(kind(tenant="default", request=_request("own"))))
    if is_known_late:
        with _taken(db):
            commit = engine._combiner.ahead([waiting])
        happens(db)
    else:
        happens(db)
        commit = engine._combiner.ahead([waiting])
    assert commit is not None
    commit()
    assert (_outcome(waiting), waiting.replayed) == expected
    assert kind is Preview or engine.decide(_request("own")).json == waiting.result().json
    assert len(list(engine.records())) == records


@contextmanager
def _taken(db: Path) -> Iterator[None]:
    """The writer's place is another process's."""
    connection = sqlite3.connect(db, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield
    connection.close()


def test_what_is_decided_holds_the_place_until_the_commit(engine: Engine, tmp_path: Path) -> None:
    commit = engine._combiner.ahead([Waiting(identified(Consume(tenant="default", request=_request("own"))))])
    assert commit is not None
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        sqlite3.connect(tmp_path / "x.db", timeout=0, isolation_level=None).execute("BEGIN IMMEDIATE")
    commit()
    with _taken(tmp_path / "x.db"):
        pass


def test_what_cannot_be_written_at_once_is_written_at_the_commit(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = Waiting(identified(Consume(tenant="default", request=_request("own"))))
    with monkeypatch.context() as patch:
        patch.setattr(engine._store, "append", _full)
        assert engine._combiner.ahead([waiting]) is None
    engine._combiner.run_all([waiting])
    assert _outcome(waiting) == "allow"


def test_who_is_interrupted_takes_no_answer_from_others(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    async def asks() -> str:
        return (await engine.adecide(_request("own"))).outcome

    loop = new_event_loop()
    asked = loop.create_task(asks())
    monkeypatch.setattr(engine._store, "append", interrupted)
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(asked)
    assert loop.run_until_complete(asked) == "allow"
    loop.close()


def _outcome(waiting: Waiting) -> str:
    return Decision(waiting.result(), waiting.replayed).outcome


def test_nobody_else_decides_until_the_commit_and_everybody_does_behind_it(engine: Engine) -> None:
    first, second = (Waiting(identified(Consume(tenant="default", request=_request(id)))) for id in ("r1", "r2"))
    commit = engine._combiner.ahead([first])
    assert commit is not None
    assert engine._combiner.ahead([second]) is None
    commit()
    assert engine.decide(_request("r2")).outcome == "deny"


def _again_ahead(engine: Engine) -> str:
    waiting = Waiting(identified(Consume(tenant="default", request=_request("r2"))))
    commit = engine._combiner.ahead([waiting])
    assert commit is not None
    commit()
    return _outcome(waiting)


def _together(engine: Engine) -> str:
    [one] = engine.decide_all([_request("r2")])
    assert isinstance(one, Decision)
    return one.outcome


def _finished(engine: Engine) -> int:
    engine._combiner.finish()
    return engine._combiner.states.head.seq


BEHIND: dict[str, tuple[Callable[[Engine], object], object]] = {
    "a decision": (lambda engine: engine.decide(_request("r2")).outcome, "deny"),
    "several": (_together, "deny"),
    "a batch of a loop": (_again_ahead, "deny"),
    "the same again": (lambda engine: engine.decide(_request("r1")).replayed, True),
    "a preview": (lambda engine: engine.preview(_request("r2")).outcome, "deny"),
    "how the account stands": (lambda engine: engine.account(ANA).version, 3),
    "whoever does what is left": (_finished, 3),
    "an end": (lambda engine: engine.close(), None),
}


@pytest.mark.parametrize("name", BEHIND)
def test_whoever_comes_behind_a_commit_meets_what_it_left(name: str, engine: Engine) -> None:
    comes, met = BEHIND[name]
    waiting = Waiting(identified(Consume(tenant="default", request=_request("r1"))))
    commit = engine._combiner.ahead([waiting])
    assert commit is not None
    commit()  # and nobody is there any more who would do what it has left
    assert _outcome(waiting) == "allow"
    assert comes(engine) == met
    assert engine._combiner.states.head.seq >= 3


def test_what_fails_at_the_commit_has_changed_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = Waiting(identified(Consume(tenant="default", request=_request("r1"))))
    commit = engine._combiner.ahead([waiting])
    assert commit is not None
    before = engine._combiner.states.head

    with monkeypatch.context() as patch:
        patch.setattr(engine._store, "commit", _full)
        commit()
    with pytest.raises(Failure, match="no space"):
        waiting.result()
    assert engine._combiner.states.head == before
    assert engine.decide(_request("r1")).outcome == "allow"


def _full(*_: object, **__: object) -> None:
    raise StoreFailure("disk_full", "there is no space", help="make some")
