"""When it is tried again: ten attempts, at growing distances, never together, and never sooner than was asked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from overspill.hooks.schedule import DISTANCES, derived_jitter, next_after
from overspill.words.instants import DAY, HOUR, MINUTE, SECOND


def test_the_schedule_is_the_one_that_is_stated() -> None:
    waits = [next_after("e", attempts, jitter=lambda event, attempts: 0) for attempts in range(1, 12)]
    assert waits == [
        5 * SECOND,
        5 * MINUTE,
        30 * MINUTE,
        2 * HOUR,
        5 * HOUR,
        10 * HOUR,
        14 * HOUR,
        20 * HOUR,
        24 * HOUR,
        None,
        None,
    ]


@given(st.text(), st.integers(1, len(DISTANCES)), st.integers(0, 10 * DAY))
def test_it_is_longer_by_up_to_a_fifth_and_the_same_each_time(event: str, attempts: int, asked: int) -> None:
    distance = DISTANCES[attempts - 1]
    found = next_after(event, attempts)
    assert found == next_after(event, attempts)
    assert found is not None
    assert distance <= found < distance + distance // 5
    later = next_after(event, attempts, asked)
    assert later == max(found, min(asked, DAY))


def test_what_failed_together_is_not_tried_together() -> None:
    found = {derived_jitter(f"evt_{number}", 1) for number in range(1000)}
    assert len(found) > 500
    assert min(found) < 50
    assert 950 < max(found) < 1000
