"""When a worker beside the service is started again, by how long each one lasted, and what of it is told."""

from __future__ import annotations

import pytest

from overspill.cli.beside import Restarts

CASES = {
    "never lasting: twice as long each time, up to a minute, and told of once": (
        [0, 0.2, 0, 0, 59, 0, 0, 0, 0],
        [1, 2, 4, 8, 16, 32, 60, 60, 60],
        [0],
    ),
    "lasting: at once, and news each time": ([3600, 60, 86_400], [1, 1, 1], [0, 1, 2]),
    "lasting again, then not": ([0, 0, 0, 61, 0, 0], [1, 2, 4, 1, 2, 4], [0, 3]),
}


@pytest.mark.parametrize(("lasted", "pauses", "news"), CASES.values(), ids=CASES)
def test_a_worker_is_started_again_less_and_less_often(
    lasted: list[float], pauses: list[float], news: list[int]
) -> None:
    restarts = Restarts()
    found = [restarts.ended(seconds) for seconds in lasted]
    assert [pause for pause, _ in found] == pauses
    assert [number for number, (_, is_news) in enumerate(found) if is_news] == news
