"""The wall clock jumps, under a real clock of the engine's: what ends by time ends by the time that has passed (LANGUAGE.md T3,
ASSURANCE.md rows 43 and 44)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from overspill import Engine, Failure, ManualClock, Request
from overspill.runtime import clock
from overspill.words.instants import DAY, HOUR, MINUTE, SECOND, instant_from_text
from support.postgres import Server

NOON = instant_from_text("2026-10-05T12:00:00Z")
ANA = {"user": "ana"}
POLICY = {
    "p.spill": b"""policy p version 1; language 1; unit credits: integer; account user { } request { credits: meter; }
limit five { per user; unit credits; window w: 1h from first_use; capacity 4 credits; }
limit daily { per user; unit credits; window d: calendar day in UTC; capacity 9 credits; }
waterfall w { serves true; counts credits; draw five; draw daily; otherwise deny used_up;
  holds expire after 15min, late capture 15min; }
"""
}


class Machine:
    """What the `time` module says on a machine: `passed` goes on, `wall` is where somebody has put it besides."""

    def __init__(self) -> None:
        self.passed, self.wall = 0, NOON

    def time_ns(self) -> int:
        return (self.wall + self.passed) * 1000

    def monotonic_ns(self) -> int:
        return self.passed * 1000


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(clock, "time", machine)
    return machine


def _request(id: str, credits: int = 1) -> Request:
    return Request(id=id, account=ANA, meters={"credits": credits})


JUMPS = [
    ("back an hour", [-HOUR]),
    ("back years", [-3000 * DAY]),
    ("forward", [DAY]),
    ("forward, then back", [DAY, -DAY]),
    ("back, then forward", [-DAY, 2 * DAY]),
    ("to and fro", [DAY, -2 * DAY, 3 * DAY, -2 * DAY]),
]


@pytest.mark.rule("T3")
@pytest.mark.parametrize("jumps", [row[1] for row in JUMPS], ids=[row[0] for row in JUMPS])
def test_no_jump_ends_a_hold_early_or_late_or_opens_a_window_again(machine: Machine, jumps: list[int]) -> None:
    with Engine.open(POLICY) as engine:
        hold = engine.reserve(_request("h", 4)).hold
        assert hold is not None
        step = 15 * MINUTE // (len(jumps) + 1)
        instants = [engine.now()]
        for number, jump in enumerate(jumps):
            machine.wall += jump
            machine.passed += step
            assert engine.sweep() == 0
            assert engine.account(ANA).windows["five.w"][0] == 1
            assert engine.decide(_request(f"r{number}", 0)).allowed
            instants.append(engine.now())
        assert instants == [NOON + number * step for number in range(len(jumps) + 1)]
        machine.passed = 15 * MINUTE - 1
        assert (engine.sweep(), len(engine.account(ANA).holds)) == (0, 1)
        machine.passed = 15 * MINUTE
        assert engine.sweep() == 1
        machine.passed = HOUR - SECOND
        assert engine.decide(_request("last", 4)).draws[0].windows[0].generation == 1
        machine.passed = HOUR
        assert engine.decide(_request("next", 4)).draws[0].windows[0].generation == 2
        with pytest.raises(Failure, match="is over"):
            engine.capture(hold.id, {"credits": 1})
        assert [record.at for record in engine.records()] == sorted(record.at for record in engine.records())


@pytest.mark.rule("T3")
@pytest.mark.parametrize("behind", [SECOND, HOUR, 40 * DAY])
def test_who_starts_with_a_wall_clock_that_is_behind_goes_on_where_the_journal_is(
    machine: Machine, tmp_path: Path, behind: int
) -> None:
    """No window is opened again and no hold lives on; nothing counts twice."""
    with Engine.open(POLICY, db=tmp_path / "x.db") as engine:
        assert engine.decide(_request("r1", 4)).allowed
        machine.passed += 30 * MINUTE
        assert engine.decide(_request("r2", 9)).draws[0].layer == "daily"
    machine.wall -= behind + 30 * MINUTE
    with Engine.open(POLICY, db=tmp_path / "x.db") as engine:
        assert engine.now() == NOON + 30 * MINUTE
        assert engine.decide(_request("r3", 1)).outcome == "deny"
        machine.passed += 30 * MINUTE
        assert engine.decide(_request("r4", 4)).allowed
        assert engine.decide(_request("r5", 1)).outcome == "deny"


# ---- a server that has a clock of its own

AHEAD = [
    ("the other is behind", [100, 101], 90, 10),
    ("the other is ahead", [100, 110], 130, -20),
    ("within the question", [100, 110], 105, 0),
    ("at its ends", [100, 100], 100, 0),
    ("none is asked", [100, 110], None, 0),
]


@pytest.mark.parametrize(("reads", "theirs", "ahead"), [row[1:] for row in AHEAD], ids=[row[0] for row in AHEAD])
def test_of_another_clock_only_what_is_sure_is_told(
    monkeypatch: pytest.MonkeyPatch, reads: list[int], theirs: int | None, ahead: int
) -> None:
    left = iter(reads)
    monkeypatch.setattr(clock.time, "time_ns", lambda: next(left) * 1000)
    assert clock.ahead_of(lambda: theirs) == ahead


@pytest.mark.rule("T3")
@pytest.mark.parametrize("away", [-HOUR, 0, HOUR])
def test_who_starts_with_another_clock_than_the_servers_is_told(
    postgres: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, away: int
) -> None:
    url = postgres.database()
    with monkeypatch.context() as moved:
        if away:
            machine = Machine()
            [(now,)] = postgres.execute("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
            machine.wall = now + away
            moved.setattr(clock, "time", machine)
        with Engine.open(POLICY, db=url) as engine:
            assert engine.decide(_request("r")).allowed
        with Engine.open(POLICY, db=url, clock=ManualClock(NOON)):
            pass
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [one["event"] for one in told] == (["clock_differs"] if away else [])
    for one in told:
        assert -10 * MINUTE < one["ahead_of_server_micros"] - away <= 0
        assert one["help"] and "p%25" not in one["server"]
