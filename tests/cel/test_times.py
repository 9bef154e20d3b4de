"""Timestamps and durations, to the nanosecond and to the ends of their ranges."""

from __future__ import annotations

import pytest
from cel_support import Error, outcome, same
from hypothesis import given
from hypothesis import strategies as st

from overspill.plan import times
from overspill.plan.times import Duration, Timestamp

FAILS = Error("")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('timestamp("1970-01-01T00:00:00Z")', Timestamp(0, 0)),
        ('timestamp("1969-12-31T23:59:59.000000001Z")', Timestamp(-1, 1)),
        ('timestamp("2020-01-01T00:00:00+01:00")', Timestamp(1577833200, 0)),
        ('timestamp("2024-02-29T12:00:00.5-08:00")', Timestamp(1709236800, 500_000_000)),
        ('timestamp("0001-01-01T00:00:00Z")', Timestamp(-62135596800, 0)),
        ('timestamp("9999-12-31T23:59:59.999999999Z")', Timestamp(253402300799, 999_999_999)),
        ('timestamp("9999-12-31T23:59:59-00:01")', FAILS),
        ('timestamp("2023-02-29T00:00:00Z")', FAILS),
        ('timestamp("2023-01-01T24:00:00Z")', FAILS),
        ('timestamp("2023-01-01T00:00:60Z")', FAILS),
        ('timestamp("2023-01-01")', FAILS),
        ('timestamp("2023-01-01T00:00:00")', FAILS),
        ("timestamp(253402300800)", FAILS),
        ("int(timestamp(-1))", -1),
        ('string(timestamp("2020-01-01T00:00:00.120Z"))', "2020-01-01T00:00:00.120Z"),
        ('string(timestamp("2020-01-01T01:00:00+01:00"))', "2020-01-01T00:00:00Z"),
        ('duration("1h30m")', Duration(5400 * 10**9)),
        ('duration("-1.5s")', Duration(-15 * 10**8)),
        ('duration("1us")', Duration(1000)),
        ('duration("0")', Duration(0)),
        ('duration(".5ms")', Duration(500_000)),
        ('duration("9223372036.854775807s")', Duration(2**63 - 1)),
        ('duration("9223372036.854775808s")', FAILS),
        ('duration("-9223372036.854775808s")', Duration(-(2**63))),
        ('duration("1")', FAILS),
        ('duration("")', FAILS),
        ('duration("-")', FAILS),
        ('duration("1d")', FAILS),
        ('duration("1h 1m")', FAILS),
        ('string(duration("90m"))', "5400s"),
        ('string(duration("-1ms"))', "-0.001s"),
        ('timestamp(0) + duration("1ns")', Timestamp(0, 1)),
        ('duration("-1ns") + timestamp(0)', Timestamp(-1, 999_999_999)),
        ("timestamp(10) - timestamp(4)", Duration(6 * 10**9)),
        ('timestamp("9999-12-31T23:59:59Z") + duration("1s")', FAILS),
        ('timestamp("9999-12-31T23:59:59Z") - timestamp("0001-01-01T00:00:00Z")', FAILS),
        ('timestamp(1) > timestamp(0) && duration("1s") < duration("1001ms")', True),
        ('timestamp("2020-01-01T01:00:00+01:00") == timestamp("2020-01-01T00:00:00Z")', True),
        # parts
        ('timestamp("2024-02-29T13:14:15.016Z").getMonth()', 1),
        ('timestamp("2024-02-29T13:14:15.016Z").getDate()', 29),
        ('timestamp("2024-02-29T13:14:15.016Z").getDayOfMonth()', 28),
        ('timestamp("2024-02-29T13:14:15.016Z").getDayOfYear()', 59),
        ('timestamp("2024-02-29T13:14:15.016Z").getDayOfWeek()', 4),
        ('timestamp("2024-02-29T13:14:15.016Z").getMilliseconds()', 16),
        ('timestamp("2024-07-01T00:30:00Z").getHours("Europe/Paris")', 2),
        ('timestamp("2024-07-01T00:30:00Z").getHours("America/New_York")', 20),
        ('timestamp("2024-07-01T00:30:00Z").getMinutes("+05:45")', 15),
        ('timestamp("2024-07-01T00:30:00Z").getDate("-01:00")', 30),
        ('timestamp("0001-01-01T00:00:00Z").getFullYear("-01:00")', 0),
        ('timestamp("9999-12-31T23:59:59Z").getFullYear("+00:01")', 10000),
        ('timestamp("9999-07-01T00:00:00Z").getHours("Europe/Paris")', 2),
        ('timestamp("0001-01-01T00:00:00Z").getHours("Europe/Paris")', 0),
        ('timestamp(0).getHours("Nowhere/Town")', FAILS),
        ('timestamp(0).getHours("../../etc/passwd")', FAILS),
        ('timestamp(0).getHours("America")', FAILS),
        ('timestamp(0).getHours("+24:00")', FAILS),
        ('duration("-90m").getHours()', -1),
        ('duration("1500ms").getSeconds()', 1),
        ('duration("-1500ms").getMilliseconds()', -500),
    ],
)
def test_instants_and_lengths(text: str, value: object) -> None:
    assert same(value, outcome(text))


MOMENTS = st.builds(Timestamp, st.integers(-62135596800, 253402300799), st.integers(0, 999_999_999))
LENGTHS = st.builds(Duration, st.integers(-(2**63), 2**63 - 1))


@given(MOMENTS, LENGTHS)
def test_text_reads_back(moment: Timestamp, length: Duration) -> None:
    assert times.timestamp_of_string(times.string_of_timestamp(moment)) == moment
    assert times.duration_of_string(times.string_of_duration(length)) == length


@given(MOMENTS, st.sampled_from(["", "UTC", "Asia/Kathmandu", "America/St_Johns", "-11:30"]))
def test_the_parts_in_a_zone_are_those_of_a_clock_that_is_ahead(moment: Timestamp, zone: str) -> None:
    ahead = times._ahead(moment.seconds, zone)
    shifted = moment.seconds + ahead
    if -62135596800 <= shifted <= 253402300799:
        there = Timestamp(shifted, moment.nanos)
        for part in (times.full_year, times.month, times.day_of_year, times.day_of_week, times.hours, times.seconds):
            assert part(moment, zone) == part(there)
