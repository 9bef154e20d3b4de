"""What was given up is tried a few times after waits that are bounded, and nothing else is."""

from __future__ import annotations

import pytest

from overspill.runtime.retries import AGAIN_MAX, WAIT_MICROS, Retries, chance
from overspill.words.failures import Interrupted, StoreFailure


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
