"""Calendars whole: every zone at each of its clock changes for ten years, every month end of a century, and zones whose rules are
changed by an update (LANGUAGE.md W7; ASSURANCE.md rows 45, 46 and 48)."""

from __future__ import annotations

import json
import subprocess
import sys
from calendar import monthrange
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from overspill import Engine, ManualClock, Request
from overspill.check.periods import zones
from overspill.cli.main import run
from overspill.cli.replay import _package
from overspill.plan import periods
from overspill.plan.periods import calendar_period, scheduled_period
from overspill.plan.zones import zone_of, zones_version
from overspill.records.build import Build
from overspill.words.instants import HOUR, SECOND, InstantError, instant_from_text, instant_text
from overspill.words.lengths import instant_after, length_from_text

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FROM, TO = datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)


def _instant(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def _local_date(zone: str, instant: int) -> date:
    return (EPOCH + timedelta(microseconds=instant)).astimezone(zone_of(zone)).date()


def _changes(zone: str) -> Iterator[datetime]:
    """The week of each change of its offset."""
    tz, week, before = zone_of(zone), FROM, None
    while week < TO:
        offset = week.astimezone(tz).utcoffset()
        if before is not None and offset != before:
            yield week
        week, before = week + timedelta(weeks=1), offset


@pytest.mark.rule("W7")
def test_every_local_day_of_every_zone_is_one_period_whatever_its_clocks_do() -> None:
    """None twice, none missing: around each change of ten years days follow each other without a gap, and each begins at the first
    instant of its date."""
    changes = 0
    for zone in sorted(zones()):
        for week in _changes(zone):
            changes += 1
            now, last = _instant(week - timedelta(days=9)), _instant(week + timedelta(days=2))
            start, end = calendar_period("day", zone, now)
            while start < last:
                day = _local_date(zone, start)
                assert start <= now < end, (zone, day)
                assert _local_date(zone, start - SECOND) == day - timedelta(days=1), (zone, day)
                assert calendar_period("day", zone, end - SECOND) == (start, end), (zone, day)
                assert 20 * HOUR < end - start < 28 * HOUR, (zone, day)
                now, (start, end) = end, calendar_period("day", zone, end)
                assert (start, _local_date(zone, start)) == (now, day + timedelta(days=1)), (zone, day)
    assert changes > 2000


def _first(period: str, day: date) -> date:
    """The first day of what the day is in."""
    if period == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if period == "month" else day.replace(month=1, day=1)


def _followed(period: str, zone: str, begin: datetime, end: datetime) -> int:
    """How many periods follow each other from the one instant to the other, each from the first second of its first day."""
    now, last, count = _instant(begin), _instant(end), 0
    start, until = calendar_period(period, zone, now)
    while start < last:
        day, before = _local_date(zone, start), _local_date(zone, start - SECOND)
        assert start <= now < until, (zone, day)
        assert (_first(period, day), before) == (day, day - timedelta(days=1)), (zone, day)
        assert _first(period, _local_date(zone, until - SECOND)) == day, (zone, day)
        assert calendar_period(period, zone, until - SECOND) == (start, until), (zone, day)
        now, (start, until), count = until, calendar_period(period, zone, until), count + 1
        assert start == now, (zone, day)
    return count


@pytest.mark.rule("W7")
@pytest.mark.parametrize(("period", "years"), [("week", None), ("month", 10), ("year", 10)])
def test_every_week_month_and_year_of_every_zone_is_one_period(period: str, years: int | None) -> None:
    """Months and years of ten years, weeks around each change of them."""
    inside = timedelta(days=3)
    for zone in sorted(zones()):
        if years is None:
            for week in _changes(zone):
                assert 2 <= _followed(period, zone, week - timedelta(weeks=2), week + timedelta(days=2)) <= 4, zone
        else:
            expected = years * (12 if period == "month" else 1)
            assert _followed(period, zone, FROM + inside, TO - inside) == expected, zone


# (text, microseconds since 1970; None where it is refused)
EDGES = [
    ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
    ("1969-12-31T23:59:59.999999Z", -1),
    ("1970-01-01T00:00:00Z", 0),
    ("2016-12-31T23:59:59.999999Z", 1_483_228_799_999_999),
    ("2016-12-31T23:59:60Z", None),
    ("2017-01-01T00:00:00Z", 1_483_228_800_000_000),
    ("2026-02-29T00:00:00Z", None),
    ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
    ("10000-01-01T00:00:00Z", None),
]


@pytest.mark.parametrize(("text", "instant"), EDGES)
def test_instants_at_the_edges_are_integers_or_refused(text: str, instant: int | None) -> None:
    """A leap second is no instant of ours: none is counted, so that time has no gap and stands nowhere twice."""
    if instant is None:
        with pytest.raises(InstantError):
            instant_from_text(text)
    else:
        assert (instant_from_text(text), instant_text(instant)) == (instant, text)


# ---- month ends


def _clamped(moment: datetime, months: int) -> datetime:
    """So many months later, by another way: the same day, or the month's last."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))


ENDS = [
    datetime(year, month, day, 10, 30, tzinfo=UTC)
    for year in range(2000, 2101)
    for month in range(1, 13)
    for day in range(28, monthrange(year, month)[1] + 1)
]


@pytest.mark.rule("W1")
@pytest.mark.parametrize("months", [1, 2, 12, 48])
def test_every_month_end_of_a_century_is_followed_by_the_day_that_there_is(months: int) -> None:
    length = length_from_text(f"{months}mo")
    for end in ENDS:
        assert instant_after(_instant(end), length) == _instant(_clamped(end, months)), end


@pytest.mark.rule("W7")
@pytest.mark.parametrize("day", ["2000-01-31", "2000-02-29", "2001-08-30"])
def test_a_schedule_of_months_keeps_the_day_that_it_was_anchored_to(day: str) -> None:
    """For a century, from its anchor on and not from one clamped end to the next."""
    anchor = datetime.fromisoformat(f"{day}T10:30:00+00:00")
    month = length_from_text("1mo")
    for number in range(1200):
        start, end = (_instant(_clamped(anchor, number + one)) for one in (0, 1))
        assert scheduled_period(_instant(anchor), month, start) == (start, end)
        assert scheduled_period(_instant(anchor), month, end - 1) == (start, end)


# ---- rules that change

BERLIN = "Europe/Berlin"
BEFORE = instant_from_text("2026-10-05T12:00:00Z")
POLICY = {
    "p.spill": b"""policy p version 1; language 1; unit credits: integer; account user { } request { credits: meter; }
limit daily { per user; unit credits; window d: calendar day in Europe/Berlin; capacity 5 credits; }
waterfall w { serves true; counts credits; draw daily; otherwise deny used_up; }
"""
}


class Ruled(tzinfo):
    """Berlin, three hours further from `since` on."""

    def __init__(self, since: date) -> None:
        self._since = since

    def utcoffset(self, moment: datetime | None) -> timedelta:
        assert moment is not None
        plain = moment.replace(tzinfo=None)
        offset = plain.replace(tzinfo=zone_of(BERLIN)).utcoffset()
        assert offset is not None
        return offset + timedelta(hours=3 * (plain.date() >= self._since))

    def dst(self, moment: datetime | None) -> timedelta:
        return timedelta(0)


def _decided(db: Path, first: int, last: int) -> list[bytes]:
    """A request of two credits each eight hours."""
    clock = ManualClock(BEFORE)
    with Engine.open(POLICY, db=db, clock=clock) as engine:
        found = []
        for number in range(first, last):
            clock.set(BEFORE + number * 8 * HOUR)
            request = Request(id=f"r{number}", account={"user": "ana"}, meters={"credits": 2})
            found.append(engine.decide(request).json)
        return found


def _replayed(db: Path, capsys: pytest.CaptureFixture[str], code: int) -> Any:
    capsys.readouterr()
    assert run(["replay", "--db", str(db), "--format", "json"]) == code
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def updated(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[date], None]]:
    """Another edition of the zones, by which Berlin is elsewhere from an instant on."""

    def update(since: date) -> None:
        monkeypatch.setattr(periods, "zone_of", lambda name: Ruled(since))
        built = Build(overspill="0", kernel="sha256:0", tzdata="2099z")
        monkeypatch.setattr("overspill.runtime.build.build", lambda: built)
        periods._midnight.cache_clear()

    yield update
    periods._midnight.cache_clear()


@pytest.mark.rule("V1")
@pytest.mark.parametrize("past", [False, True], ids=["from now on", "also in the past"])
def test_what_was_decided_by_zones_that_an_update_changes_stays_decided(
    tmp_path: Path, updated: Callable[[date], None], capsys: pytest.CaptureFixture[str], past: bool
) -> None:
    """Old answers keep their bytes and an open window its end; only a replay under other rules for the past differs, and says which
    edition each record was made by."""
    db, now = tmp_path / "x.db", BEFORE + 9 * 8 * HOUR
    first = _decided(db, 0, 10)
    with Engine.open(POLICY, db=db, clock=ManualClock(now)) as engine:
        was = engine.account({"user": "ana"}).windows["daily.d"]
    updated(date(2026, 1, 1) if past else date(2026, 10, 10))
    assert _decided(db, 0, 10) == first
    with Engine.open(POLICY, db=db, clock=ManualClock(now)) as engine:
        assert engine.account({"user": "ana"}).windows["daily.d"] == was
    later = _decided(db, 10, 22)
    with Engine.open(POLICY, db=db, clock=ManualClock(now)) as engine:
        built = [record.build.tzdata for record in engine.records() if record.build is not None]
        ends = [json.loads(one)["draws"][0]["windows"][0] for one in (*first, *later) if b'"outcome":"allow"' in one]
    assert (len(built), built[10:]) == (22, ["2099z"] * 12)
    assert built[0] == built[9] != "2099z"
    generations = [one["generation"] for one in ends]
    assert generations == sorted(generations)
    told = _replayed(db, capsys, int(past))
    assert {one["record"] <= 10 for one in told["findings"]} == ({True} if past else set())
    assert [build["tzdata"] for build, _ in told["total"]["other_builds"]] != []
    assert run(["replay", "--db", str(db)]) == int(past)
    assert ("pip install tzdata==20" in capsys.readouterr().err) == past
    there = [sys.executable, "-m", "overspill", "replay", "--db", str(db), "--records", "1-10"]
    assert subprocess.run(there, check=False).returncode == 0, "by the edition that they were made by"


@pytest.mark.parametrize(
    ("edition", "package"), [("2026a", "tzdata==2026.1"), ("2026f", "tzdata==2026.6"), ("2026", ""), ("", "")]
)
def test_an_edition_has_its_package(edition: str, package: str) -> None:
    assert _package(edition) == package


def test_the_package_that_is_installed_is_called_so() -> None:
    assert _package(zones_version()) == f"tzdata=={version('tzdata')}"
