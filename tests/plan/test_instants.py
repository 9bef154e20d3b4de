"""Instants that accounts hold, in conditions: timestamps there, microseconds in the state, text in traces and commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from overspill import Engine, Failure, ManualClock, Request
from overspill.words.instants import instant_from_text

POLICY = """policy trials version 1;
language 1;
unit runs: integer, singular run;
account user { joined: timestamp; trial_until: timestamp?; seen: timestamp = 2026-01-01T00:00:00Z; }
account team of user { founded: timestamp?; }
request { runs: meter; }
limit included { per user; unit runs; window day: calendar day in UTC; capacity 1 run; }
pool gift { per user; unit runs; on overshoot refund; free; }
waterfall trials {
  serves true;
  counts runs;
  deny too_new when CONDITION;
  draw included;
  draw gift on error skip when user.trial_until > user.joined + duration("24h");
  otherwise deny used_up;
}
"""
NOW = instant_from_text("2026-10-05T10:00:00Z")
ANA = {"user": "u_ana"}
JOINED = "2026-09-30T22:30:00.5Z"


def _engine(condition: str = "false", db: Path | None = None) -> Engine:
    policy = {"t.spill": POLICY.replace("CONDITION", condition).encode()}
    engine = Engine.open(policy, db=db, clock=ManualClock(NOW))
    engine.set_attributes(ANA, {"joined": JOINED}, id="signup")
    return engine


def _request(id: str = "r", runs: int = 1) -> Request:
    return Request(id=id, account=ANA, meters={"runs": runs})


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ('user.joined == timestamp("2026-09-30T22:30:00.500Z")', True),
        ('user.joined < timestamp("2026-09-30T22:30:00.6Z")', True),
        ('user.joined + duration("1h30m") > timestamp("2026-10-01T00:00:00Z")', True),
        ('user.joined - user.seen > duration("6540h")', True),
        (
            "user.joined.getFullYear() == 2026 && user.joined.getMonth() == 8 && user.joined.getMilliseconds() == 500",
            True,
        ),
        ('user.joined.getDate("America/Los_Angeles") == 30 && user.joined.getDate("Asia/Tokyo") == 1', True),
        ('string(user.joined).startsWith("2026-09-30T22:30")', True),
        ("int(user.joined) == 1790807400", True),
        ("[user.seen, user.joined].exists(at, at == user.joined)", True),
        ("has(user.trial_until) || has(team.founded)", False),
        ('user.seen == timestamp("2026-01-01T00:00:00Z") && user.seen > user.joined', False),
    ],
)
def test_conditions_read_them(condition: str, holds: bool) -> None:
    with _engine(condition) as engine:
        assert engine.decide(_request()).outcome == ("deny" if holds else "allow")


def test_the_trace_shows_them_as_text_and_replays_to_the_byte(tmp_path: Path) -> None:
    db = tmp_path / "x.db"
    with _engine(db=db) as engine:
        engine.grant(ANA, "gift", "5", id="G")
        engine.set_attributes(ANA, {"trial_until": "2026-10-02T00:00:00Z"}, id="trial")
        given = engine.decide(_request(runs=3)).json
    facts = json.loads(given)["trace"][0]["facts"]
    assert facts == {
        "request.runs": 3,
        "user.trial_until": "2026-10-02T00:00:00Z",
        "user.joined": "2026-09-30T22:30:00.500000Z",
    }
    assert json.loads(given)["draws"][1]["layer"] == "gift"
    with _engine(db=db) as engine:
        assert engine.decide(_request(runs=3)).json == given
        assert [bytes(record.answer) for record in engine.records()][-1] == given


def test_an_absent_one_is_null() -> None:
    with _engine() as engine:
        engine.grant(ANA, "gift", "5", id="G")
        denied = engine.decide(_request(runs=3))
        facts = json.loads(denied.json)["trace"][0]["facts"]
        assert (denied.outcome, facts["user.trial_until"]) == ("deny", None)


@pytest.mark.parametrize("value", ["yesterday", "2026-09-30T22:30:00", "2026-02-30T00:00:00Z", 17, True])
def test_what_is_no_instant_is_refused(value: str | int) -> None:
    with _engine() as engine:
        with pytest.raises(Failure, match="joined") as error:
            engine.set_attributes(ANA, {"joined": value}, id="again")
        assert (error.value.code, error.value.pointer) == ("invalid_attribute", "/attributes/joined")
