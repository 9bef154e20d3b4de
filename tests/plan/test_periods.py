"""Windows in time: calendar boundaries through clock changes, month lengths, and when a generation ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill.plan.periods import calendar_period, scheduled_period, window_at
from overspill.plan.plan import CalendarPeriod, FirstUse, Schedule
from overspill.words.instants import DAY, HOUR, NEVER, instant_from_text, instant_text
from overspill.words.lengths import instant_after, length_from_text, length_text

# period, zone, an instant inside, start, end
CALENDAR = [
    ("day", "UTC", "2026-10-05T10:00:00Z", "2026-10-05T00:00:00Z", "2026-10-06T00:00:00Z"),
    ("day", "America/Los_Angeles", "2026-10-05T10:00:00Z", "2026-10-05T07:00:00Z", "2026-10-06T07:00:00Z"),
    # Spring forward: 23 hours; fall back: 25.
    ("day", "America/Los_Angeles", "2026-03-08T12:00:00Z", "2026-03-08T08:00:00Z", "2026-03-09T07:00:00Z"),
    ("day", "America/Los_Angeles", "2026-11-01T12:00:00Z", "2026-11-01T07:00:00Z", "2026-11-02T08:00:00Z"),
    # Midnight does not exist: the day begins when the gap ends.
    ("day", "Africa/Cairo", "2026-04-24T09:00:00Z", "2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"),
    ("day", "America/Sao_Paulo", "2018-11-04T12:00:00Z", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"),
    # The whole 30th was skipped.
    ("day", "Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"),
    ("day", "Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"),
    # Midnight comes twice: the first of the pair.
    ("day", "America/Havana", "2024-11-03T05:30:00Z", "2024-11-03T04:00:00Z", "2024-11-04T05:00:00Z"),
    # A half-hour zone with a half-hour change.
    ("day", "Australia/Lord_Howe", "2026-04-05T03:00:00Z", "2026-04-04T13:00:00Z", "2026-04-05T13:30:00Z"),
    ("week", "UTC", "2026-10-04T23:59:59Z", "2026-09-28T00:00:00Z", "2026-10-05T00:00:00Z"),
    ("week", "UTC", "2026-10-05T00:00:00Z", "2026-10-05T00:00:00Z", "2026-10-12T00:00:00Z"),
    ("month", "UTC", "2024-02-29T12:00:00Z", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"),
    ("month", "Europe/Berlin", "2026-10-31T23:30:00Z", "2026-10-31T23:00:00Z", "2026-11-30T23:00:00Z"),
    ("year", "UTC", "2026-12-31T23:59:59Z", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
]


@pytest.mark.rule("W7")
@pytest.mark.parametrize(("period", "zone", "now", "start", "end"), CALENDAR)
def test_calendar_windows_follow_their_zone(period: str, zone: str, now: str, start: str, end: str) -> None:
    found = calendar_period(period, zone, instant_from_text(now))
    assert tuple(map(instant_text, found)) == (start, end)


@pytest.mark.rule("W1")
@given(
    st.sampled_from(["day", "week", "month", "year"]),
    st.sampled_from(
        ["UTC", "America/Los_Angeles", "Africa/Cairo", "America/Havana", "Australia/Lord_Howe", "Asia/Beirut"]
    ),
    st.integers(0, 4 * 10**15),
)
def test_periods_are_half_open_and_without_gaps(period: str, zone: str, now: int) -> None:
    start, end = calendar_period(period, zone, now)
    assert start <= now < end
    assert calendar_period(period, zone, end)[0] == end
    assert calendar_period(period, zone, start) == (start, end)


LENGTHS = [
    ("2026-01-31T10:00:00Z", "1mo", "2026-02-28T10:00:00Z"),
    ("2024-01-31T10:00:00Z", "1mo", "2024-02-29T10:00:00Z"),
    ("2024-02-29T10:00:00Z", "12mo", "2025-02-28T10:00:00Z"),
    ("2024-02-29T10:00:00Z", "4y", "2028-02-29T10:00:00Z"),
    ("2026-12-31T23:59:59.5Z", "2mo", "2027-02-28T23:59:59.500000Z"),
    ("2026-03-08T00:00:00Z", "1d", "2026-03-09T00:00:00Z"),
]


@pytest.mark.rule("W1")
@pytest.mark.parametrize(("anchor", "length", "end"), LENGTHS)
def test_months_clamp_to_the_day_and_exact_lengths_do_not(anchor: str, length: str, end: str) -> None:
    assert instant_text(instant_after(instant_from_text(anchor), length_from_text(length))) == end


@pytest.mark.parametrize(
    ("text", "canonical"), [("60min", "1h"), ("7d", "1w"), ("1y", "12mo"), ("90s", "90s"), ("5h", "5h")]
)
def test_lengths_have_one_canonical_text(text: str, canonical: str) -> None:
    assert length_text(length_from_text(text)) == canonical


@pytest.mark.rule("W2")
def test_a_first_use_window_opens_at_its_draw_and_idle_time_does_not_run() -> None:
    kind = FirstUse(length=length_from_text("5h"))
    first = window_at(None, kind, DAY)
    assert first == (1, DAY, DAY + 5 * HOUR, 0)
    used = (*first[:3], 7)
    assert window_at(used, kind, DAY + 5 * HOUR - 1) == used
    assert window_at(used, kind, DAY + 9 * HOUR) == (2, DAY + 9 * HOUR, DAY + 14 * HOUR, 0)


@pytest.mark.rule("W3")
def test_a_calendar_window_counts_its_generations() -> None:
    kind = CalendarPeriod(period="day", zone="UTC")
    assert window_at((4, 0, DAY, 9), kind, DAY) == (5, DAY, 2 * DAY, 0)


# anchor, length, an instant inside, start, end
SCHEDULES = [
    ("2026-01-05T00:00:00Z", "7d", "2026-01-05T00:00:00Z", "2026-01-05T00:00:00Z", "2026-01-12T00:00:00Z"),
    ("2026-01-05T00:00:00Z", "7d", "2026-01-11T23:59:59Z", "2026-01-05T00:00:00Z", "2026-01-12T00:00:00Z"),
    ("2026-01-05T00:00:00Z", "7d", "2026-10-05T10:00:00Z", "2026-10-05T00:00:00Z", "2026-10-12T00:00:00Z"),
    # Before its anchor the schedule runs as well.
    ("2026-01-05T00:00:00Z", "7d", "2026-01-04T23:59:59Z", "2025-12-29T00:00:00Z", "2026-01-05T00:00:00Z"),
    # Months are counted from the anchor, so that the 31st comes back after February.
    ("2026-01-31T10:00:00Z", "1mo", "2026-02-28T09:59:59Z", "2026-01-31T10:00:00Z", "2026-02-28T10:00:00Z"),
    ("2026-01-31T10:00:00Z", "1mo", "2026-03-30T00:00:00Z", "2026-02-28T10:00:00Z", "2026-03-31T10:00:00Z"),
    ("2026-01-31T10:00:00Z", "3mo", "2026-10-05T10:00:00Z", "2026-07-31T10:00:00Z", "2026-10-31T10:00:00Z"),
    ("2024-02-29T00:00:00Z", "1y", "2027-12-31T00:00:00Z", "2027-02-28T00:00:00Z", "2028-02-29T00:00:00Z"),
    ("2026-01-31T10:00:00Z", "1mo", "2025-11-30T10:00:00Z", "2025-11-30T10:00:00Z", "2025-12-31T10:00:00Z"),
]


@pytest.mark.rule("W2")
@pytest.mark.parametrize(("anchor", "length", "now", "start", "end"), SCHEDULES)
def test_a_schedule_keeps_to_its_anchor(anchor: str, length: str, now: str, start: str, end: str) -> None:
    found = scheduled_period(instant_from_text(anchor), length_from_text(length), instant_from_text(now))
    assert tuple(map(instant_text, found)) == (start, end)


@pytest.mark.rule("W1")
@given(st.sampled_from(["5h", "7d", "1mo", "3mo", "1y"]), st.integers(0, 4 * 10**15), st.integers(0, 4 * 10**15))
def test_schedules_are_half_open_and_without_gaps(length: str, anchor: int, now: int) -> None:
    start, end = scheduled_period(anchor, length_from_text(length), now)
    assert start <= now < end
    assert scheduled_period(anchor, length_from_text(length), end)[0] == end
    assert scheduled_period(anchor, length_from_text(length), start) == (start, end)


@pytest.mark.rule("W2")
def test_a_scheduled_window_opens_at_its_schedule_not_at_its_draw() -> None:
    kind = Schedule(length=length_from_text("7d"), anchor=0)
    assert window_at(None, kind, 9 * DAY) == (1, 7 * DAY, 14 * DAY, 0)
    assert window_at((1, 7 * DAY, 14 * DAY, 3), kind, 14 * DAY) == (2, 14 * DAY, 21 * DAY, 0)


@pytest.mark.rule("W1")
@pytest.mark.parametrize(
    ("anchor", "length", "end"),
    [
        ("9998-12-31T00:00:00Z", "1y", "9999-12-31T00:00:00Z"),
        ("9999-12-30T00:00:00Z", "1d", "9999-12-31T00:00:00Z"),
        ("2026-10-05T10:00:00Z", "7973y", "9999-10-05T10:00:00Z"),
        ("2026-10-05T10:00:00Z", "7974y", None),
        ("2026-10-05T10:00:00Z", "999999w", None),
        ("9999-12-31T23:59:59.999999Z", "1ms", None),
        (None, "1mo", None),
        (None, "5h", None),
    ],
)
def test_what_outlasts_the_calendar_has_no_end(anchor: str | None, length: str, end: str | None) -> None:
    start = NEVER if anchor is None else instant_from_text(anchor)
    found = instant_after(start, length_from_text(length))
    assert (None if found == NEVER else instant_text(found)) == end


@pytest.mark.rule("W7")
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/Los_Angeles"])
@pytest.mark.parametrize("period", ["day", "week", "month", "year"])
def test_the_last_period_of_the_calendar_never_ends(period: str, zone: str) -> None:
    last = instant_from_text("9999-12-31T23:59:59.999999Z")
    start, end = calendar_period(period, zone, last)
    assert start <= last < end == NEVER


@pytest.mark.rule("W2")
@pytest.mark.parametrize("length", ["999999w", "9000y"])
def test_the_last_scheduled_period_never_ends(length: str) -> None:
    anchor = instant_from_text("2026-01-05T00:00:00Z")
    assert scheduled_period(anchor, length_from_text(length), anchor + 5 * DAY) == (anchor, NEVER)
