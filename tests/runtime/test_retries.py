"""What was given up is tried a few times after waits that are bounded, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from overspill import Engine, Failure, Request
from overspill.runtime.retries import AGAIN_MAX, WAIT_MICROS, Retries, chance
from overspill.words.failures import Interrupted, StoreFailure
from store.places import POLICY


def test_only_what_was_given_up_is_tried_again() -> None:
    waits: list[int] = []
    calls: list[int] = []

    def act() -> None:
        calls.append(len(calls))
        raise StoreFailure("unreachable", "gone") if len(calls) > 2 else Interrupted("given up")

    with pytest.raises(StoreFailure, match="gone"):
        Retries(waits.append, lambda most: most // 2).run(act)
    assert (len(calls), waits) == (3, [WAIT_MICROS // 2, WAIT_MICROS])


def test_the_last_failure_is_told() -> None:
    calls: list[int] = []

    def act() -> None:
        calls.append(len(calls))
        raise Interrupted(f"given up {len(calls)}")

    with pytest.raises(Interrupted, match=f"given up {AGAIN_MAX + 1}") as failure:
        Retries(lambda _: None).run(act)
    assert failure.value.code == "busy"


def test_chance_stays_within_what_is_asked_for() -> None:
    drawn = {chance(3) for _ in range(2_000)}
    assert drawn == {0, 1, 2, 3}


def test_what_is_given_up_while_it_is_decided_takes_the_whole_batch_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A read that is given up ends the transaction: it is no answer to the one command that asked for it."""
    waits: list[int] = []
    with Engine.open(POLICY) as engine:
        store: Any = engine._store
        real, left = store.snapshot, [1]

        def snapshot(key: str) -> Any:
            if left and key.endswith("bob"):
                left.pop()
                raise Interrupted("given up")
            return real(key)

        monkeypatch.setattr(store, "snapshot", snapshot)
        monkeypatch.setattr(engine._combiner, "_retries", Retries(waits.append))
        requests = [Request(id=name, account={"user": name}, meters={"credits": 1}) for name in ("ana", "bob", "cy")]
        answers = engine.decide_all(requests)
        assert [one.outcome for one in answers if not isinstance(one, Failure)] == ["deny"] * 3
        assert (len(waits), left, [record.seq for record in engine.records()]) == (1, [], [1, 2, 3])
