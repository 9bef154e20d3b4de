"""The thread that settles beside an engine outlasts what fails in it, and tells of that once."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from overspill.runtime import settling
from overspill.runtime.settling import Settling
from overspill.words.failures import StoreFailure

AWAY = StoreFailure("unreachable", "the server is away", help="start it")
FULL = StoreFailure("disk_full", "the disk is full", help="make room")
FAILING: dict[str, tuple[list[Exception], list[str]]] = {
    "a store that is away": ([AWAY, AWAY, AWAY], ["unreachable"]),
    "first this, then that": ([AWAY, FULL, FULL], ["unreachable", "disk_full"]),
    "a defect of ours": ([AssertionError("odd"), AssertionError("odd")], ["internal_error"]),
    "a defect, and then the disk": ([KeyError("odd"), FULL], ["internal_error", "disk_full"]),
}


@pytest.mark.parametrize(("failing", "told"), FAILING.values(), ids=FAILING)
def test_what_fails_is_told_once_and_tried_again(
    failing: list[Exception], told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "AGAIN", 0)
    left, settled, heard = list(failing), threading.Event(), list[str]()

    def step() -> int:
        if left:
            raise left.pop(0)
        settled.set()
        return 0

    def alarm(event: str, **facts: Any) -> None:
        assert (event, bool(facts["help"])) == ("not_settled", True)
        heard.append(facts["code"])

    thread = Settling(step, alarm)
    thread.wake()
    assert settled.wait(60)
    assert thread.stop()
    assert (left, heard) == ([], told)
