"""Who asks in a loop hears what is expected while the commit is waited for, and what is so behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from overspill import Engine, Failure, ManualClock, Request, StoreFailure
from overspill.records.answers import Decision
from overspill.step.commands import Consume
from overspill.words.instants import instant_from_text

ANA = {"user": "u_ana"}
NOW = instant_from_text("2026-10-05T10:00:00Z")
METERS = {"input_tokens": 8000, "cached_input_tokens": 0, "output_tokens": 0}
"""Of one credit, which is all that there is."""


def _request(id: str, **others: Any) -> Request:
    return Request(
        **{"id": id, "account": ANA, "fields": {"product": "codex", "model": "gpt-5.5"}, "meters": METERS, **others}
    )


class _Hears:
    """Writes down what is said, and which record is the journal's last one when it is so."""

    def __init__(self, engine: Engine, is_expected: Event) -> None:
        self._engine, self._is_expected = engine, is_expected
        self.said: list[object] = []
        self.expected: Sequence[Decision] | None = None
        self.done = asyncio.get_running_loop().create_future()

    def expect(self, outcomes: Sequence[Decision]) -> None:
        self.expected = outcomes
        self.said.append(("expected", _told(outcomes)))
        self._is_expected.set()

    def answer(self, outcomes: Sequence[Decision | Failure]) -> None:
        last = self._engine._combiner.exclusively(lambda: self._engine._combiner.states.head.seq)
        self.said.append(("so", _told(outcomes), last))
        self.done.set_result(outcomes is self.expected)


def _told(outcomes: Sequence[Decision | Failure]) -> list[str]:
    return [one.code if isinstance(one, Failure) else one.outcome for one in outcomes]


def _nothing(_: Path) -> None:
    pass


def _another_decides(db: Path) -> None:
    with Engine.open(db=db, clock=ManualClock(NOW), settle=False) as other:
        assert other.decide(_request("other")).allowed


def _committed(commit: Callable[[], None]) -> None:
    commit()


def _full(_: Callable[[], None]) -> None:
    raise StoreFailure("disk_full", "there is no space", help="make some")


ODD = _request("r2", meters={"input_tokens": 1})
HEARD: dict[str, tuple[list[Request], Callable[[Path], None], Callable[[Callable[[], None]], None], list[object]]] = {
    "one": ([_request("r1")], _nothing, _committed, [("expected", ["allow"]), ("so", ["allow"], 3), True]),
    "several": (
        [_request("r1"), _request("r2")],
        _nothing,
        _committed,
        [("expected", ["allow", "deny"]), ("so", ["allow", "deny"], 4), True],
    ),
    "one twice": (
        [_request("r1"), _request("r1")],
        _nothing,
        _committed,
        [("expected", ["allow", "allow"]), ("so", ["allow", "allow"], 3), True],
    ),
    "a commit that fails": (
        [_request("r1")],
        _nothing,
        _full,
        [("expected", ["allow"]), ("so", ["disk_full"], 2), False],
    ),
    "another process that was first": (
        [_request("r1")],
        _another_decides,
        _committed,
        [("expected", ["allow"]), ("so", ["deny"], 4), False],
    ),
    "what is not decided": (
        [_request("r1"), ODD],
        _nothing,
        _committed,
        [("so", ["allow", "missing_meter"], 3), False],
    ),
    "nothing that can be decided": (
        [_request("a b"), _request("")],
        _nothing,
        _committed,
        [("so", ["invalid_id"] * 2, 2), False],
    ),
}


@pytest.mark.parametrize("name", HEARD)
def test_what_is_expected_is_answered_where_it_comes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests, happens, commits, expected = HEARD[name]
    with Engine.open(db=tmp_path / "x.db", clock=ManualClock(NOW), settle=False) as engine:
        engine.set_attributes(ANA, {"plan": "free"}, id="signup")
        engine.grant(ANA, "credits", "1", id="C1")
        happens(tmp_path / "x.db")
        is_expected, commit = Event(), engine._store.commit

        def commit_behind_it() -> None:
            if any(isinstance(one, tuple) and one[0] == "expected" for one in expected):
                assert is_expected.wait(60)
            commits(commit)

        monkeypatch.setattr(engine._store, "commit", commit_behind_it)

        async def ask() -> list[object]:
            hears = _Hears(engine, is_expected)
            if len(requests) == 1:
                engine.soon(Consume, requests[0], hears)
            else:
                engine.soon_all(Consume, requests, hears)
            is_the_same = await hears.done
            return [*hears.said, is_the_same]

        assert asyncio.run(ask()) == expected
