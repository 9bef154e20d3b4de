"""Timestamps and durations of expressions: exact integers, no clock and no calendar arithmetic that rounds.

A timestamp is seconds since 1970-01-01T00:00:00Z and nanoseconds within the second, in the years 1 to 9999; a duration
is a signed count of nanoseconds within int64, some 292 years (cel-spec, `doc/langdef.md`, "Timestamps", "Durations").
Zones are those of the tzdata package, as calendar windows have them.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from overspill.plan.values import fail
from overspill.plan.zones import zone_of
from overspill.words.codec import Struct

NANOS = 10**9
_DURATION_MAX = 2**63 - 1
_SECONDS_MIN, _SECONDS_MAX = -62_135_596_800, 253_402_300_799
_DAY = 86_400
_ERA = 146_097 * _DAY
"""400 years: after so many seconds the calendar repeats, weekdays included."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_TIMESTAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,24}))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_OFFSET = re.compile(r"([+-]?)(\d{1,2}):(\d\d)", re.ASCII)
_PART = re.compile(r"(\d{0,24})(?:\.(\d{0,24}))?(ns|us|ms|s|m|h)", re.ASCII)
_PARTS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": NANOS, "m": 60 * NANOS, "h": 3600 * NANOS}


class Timestamp(Struct, frozen=True, order=True):
    """`seconds` since the epoch, rounded down, and `nanos` after them, 0 to 999,999,999."""

    seconds: int
    nanos: int


class Duration(Struct, frozen=True, order=True):
    """A signed length of time."""

    nanos: int


def _timestamp(nanos: int) -> Timestamp:
    """From nanoseconds since the epoch. Raises CelError outside the years 1 to 9999."""
    seconds, rest = divmod(nanos, NANOS)
    return Timestamp(seconds, rest) if _SECONDS_MIN <= seconds <= _SECONDS_MAX else fail("timestamp out of range")


def _duration(nanos: int) -> Duration:
    return Duration(nanos) if -_DURATION_MAX - 1 <= nanos <= _DURATION_MAX else fail("duration out of range")


def _nanos(moment: Timestamp) -> int:
    return moment.seconds * NANOS + moment.nanos


# ---- from and to text and int


def timestamp_of_string(text: str) -> Timestamp:
    """RFC 3339 with any offset; digits of a fraction beyond nanoseconds are dropped."""
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        fail(f"cannot convert to timestamp: {text[:40]}")
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    try:
        days = date(year, month, day).toordinal() - _EPOCH_DAY
    except ValueError:
        fail(f"no day of the calendar: {text[:40]}")
    ahead = int(match[9] or 0) * 60 + int(match[10] or 0)
    if hour > 23 or minute > 59 or second > 59 or int(match[9] or 0) > 23 or int(match[10] or 0) > 59:
        fail(f"no time of the day: {text[:40]}")
    seconds = days * _DAY + hour * 3600 + minute * 60 + second - (-ahead if match[8] == "-" else ahead) * 60
    return _timestamp(seconds * NANOS + int((match[7] or "")[:9].ljust(9, "0")))


def timestamp_of_micros(micros: int) -> Timestamp:
    """An instant as accounts hold it."""
    seconds, rest = divmod(micros, 10**6)
    return Timestamp(seconds, rest * 1000)


def timestamp_of_int(seconds: int) -> Timestamp:
    return _timestamp(seconds * NANOS)


def int_of_timestamp(moment: Timestamp) -> int:
    """Whole seconds, rounded down to the past."""
    return moment.seconds


def duration_of_string(text: str) -> Duration:
    """`1h30m`, `-1.5s`, `0`: numbers with units, a sign before all of them; what is below a nanosecond is dropped."""
    body = text[1:] if text[:1] in ("+", "-") else text
    total, at = 0, 0
    while body != "0" and (at < len(body) or not body):
        part = _PART.match(body, at)
        if part is None or not (part[1] or part[2]):
            fail(f"cannot convert to duration: {text[:40]}")
        unit, fraction = _PARTS[part[3]], part[2] or ""
        total += int(part[1] or "0") * unit + int(fraction or "0") * unit // 10 ** len(fraction)
        at = part.end()
    return _duration(-total if text[:1] == "-" else total)


def _fraction(nanos: int) -> str:
    """`.120`: three, six or nine digits, or nothing."""
    digits = f"{nanos:09d}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f".{digits}" if digits else ""


def string_of_timestamp(moment: Timestamp) -> str:
    """RFC 3339 in UTC."""
    day, second = divmod(moment.seconds, _DAY)
    clock = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
    return f"{date.fromordinal(day + _EPOCH_DAY).isoformat()}T{clock}{_fraction(moment.nanos)}Z"


def string_of_duration(length: Duration) -> str:
    """Seconds: `90s`, `-0.001s`."""
    seconds, nanos = divmod(abs(length.nanos), NANOS)
    return f"{'-' if length.nanos < 0 else ''}{seconds}{_fraction(nanos)}s"


# ---- arithmetic


def add_duration(left: Duration, right: Duration) -> Duration:
    return _duration(left.nanos + right.nanos)


def subtract_duration(left: Duration, right: Duration) -> Duration:
    return _duration(left.nanos - right.nanos)


def timestamp_plus(moment: Timestamp, length: Duration) -> Timestamp:
    return _timestamp(_nanos(moment) + length.nanos)


def duration_plus(length: Duration, moment: Timestamp) -> Timestamp:
    return _timestamp(_nanos(moment) + length.nanos)


def timestamp_minus(moment: Timestamp, length: Duration) -> Timestamp:
    return _timestamp(_nanos(moment) - length.nanos)


def time_between(later: Timestamp, earlier: Timestamp) -> Duration:
    return _duration(_nanos(later) - _nanos(earlier))


# ---- parts of a timestamp, in UTC or in a zone


def _ahead(seconds: int, zone: str) -> int:
    """How many seconds `zone` (`Europe/Paris`, `+05:30`, `05:30`; empty: UTC) is ahead of UTC at an instant."""
    offset = _OFFSET.fullmatch(zone)
    if offset is not None:
        hours, minutes = int(offset[2]), int(offset[3])
        if hours > 23 or minutes > 59:
            fail(f"unknown time zone: {zone}")
        return (hours * 60 + minutes) * (-60 if offset[1] == "-" else 60)
    try:
        tz = zone_of(zone or "UTC")
    except (OSError, ValueError):
        fail(f"unknown time zone: {zone[:40]}")
    # The first and the last year lie at the ends of what datetime takes: 400 years on, or back, are the same to a zone.
    inside = seconds + _ERA if seconds < _SECONDS_MIN + 366 * _DAY else seconds
    inside = inside - _ERA if inside > _SECONDS_MAX - 366 * _DAY else inside
    ahead = (_EPOCH + timedelta(seconds=inside)).astimezone(tz).utcoffset()
    return 0 if ahead is None else ahead.days * _DAY + ahead.seconds


def _local(moment: Timestamp, zone: str) -> tuple[int, int]:
    """(day since the epoch, second of the day) as clocks in `zone` show them."""
    return divmod(moment.seconds + _ahead(moment.seconds, zone), _DAY)


def _year_and_day(moment: Timestamp, zone: str) -> tuple[int, int, int, int]:
    """(year, month from 0, day of the month from 0, day of the year from 0). A zone may reach the years 0 and 10000."""
    day = _local(moment, zone)[0] + _EPOCH_DAY
    shift = 400 if day < 1 else -400 if day > date.max.toordinal() else 0
    there = date.fromordinal(day + shift // 400 * 146_097)
    first = date(there.year, 1, 1)
    return there.year - shift, there.month - 1, there.day - 1, there.toordinal() - first.toordinal()


def full_year(moment: Timestamp, zone: str = "") -> int:
    return _year_and_day(moment, zone)[0]


def month(moment: Timestamp, zone: str = "") -> int:
    """0 for January."""
    return _year_and_day(moment, zone)[1]


def day_of_month(moment: Timestamp, zone: str = "") -> int:
    """From 0."""
    return _year_and_day(moment, zone)[2]


def day_of_month_from_one(moment: Timestamp, zone: str = "") -> int:
    return _year_and_day(moment, zone)[2] + 1


def day_of_year(moment: Timestamp, zone: str = "") -> int:
    """From 0."""
    return _year_and_day(moment, zone)[3]


def day_of_week(moment: Timestamp, zone: str = "") -> int:
    """0 for Sunday."""
    return (_local(moment, zone)[0] + 4) % 7


def hours(moment: Timestamp, zone: str = "") -> int:
    return _local(moment, zone)[1] // 3600


def minutes(moment: Timestamp, zone: str = "") -> int:
    return _local(moment, zone)[1] // 60 % 60


def seconds(moment: Timestamp, zone: str = "") -> int:
    return _local(moment, zone)[1] % 60


def milliseconds(moment: Timestamp, zone: str = "") -> int:
    """Of the second; a zone changes nothing, but has to be one."""
    _ahead(moment.seconds, zone)
    return moment.nanos // 10**6


# ---- parts of a duration, towards zero


def _whole(length: Duration, unit: int) -> int:
    return length.nanos // unit if length.nanos >= 0 else -(-length.nanos // unit)


def duration_hours(length: Duration) -> int:
    return _whole(length, 3600 * NANOS)


def duration_minutes(length: Duration) -> int:
    return _whole(length, 60 * NANOS)


def duration_seconds(length: Duration) -> int:
    return _whole(length, NANOS)


def duration_milliseconds(length: Duration) -> int:
    """The part below a second, not the whole."""
    return _whole(length, 10**6) - _whole(length, NANOS) * 1000
