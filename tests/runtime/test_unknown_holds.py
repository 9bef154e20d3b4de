"""Usage of a hold that nobody has is told to whoever runs the engine: at once, seldom, and with nothing that a caller wrote."""

from __future__ import annotations

import json
from typing import Any

import pytest

from overspill import Engine, Failure, ManualClock, Request
from overspill.runtime.unknown_holds import EVERY, UnknownHolds
from overspill.words.ids import derived_id
from store.places import ANA, POLICY

HOLD = derived_id("nobody's", "hold")


class Heard:
    def __init__(self) -> None:
        self.clock, self.alarms = ManualClock(0), list[dict[str, Any]]()
        self.holds = UnknownHolds(self.clock.now, lambda event, **facts: self.alarms.append({"event": event, **facts}))

    def counts(self) -> list[int]:
        return [one["captures"] for one in self.alarms]


def test_the_first_is_told_at_once_and_of_a_flood_how_many_there_were() -> None:
    heard = Heard()
    for number in range(1000):
        heard.holds.captured("acme", derived_id(str(number), "hold"))
    assert heard.counts() == [1]
    heard.clock.advance(EVERY - 1)
    heard.holds.captured("acme", HOLD)
    assert heard.counts() == [1]
    heard.clock.advance(1)
    heard.holds.captured("other", HOLD)
    assert heard.counts() == [1, 1001]
    last = heard.alarms[-1]
    assert (last["event"], last["tenant"], last["hold"]) == ("unknown_hold_captured", "other", HOLD)
    assert last["help"]


@pytest.mark.parametrize("hold", ["ana@example.org", "sk-live-1", "", 7, None, "hold_\n", derived_id("a", "dec")])
def test_what_a_caller_has_made_up_is_in_no_alarm(hold: Any) -> None:
    heard = Heard()
    heard.holds.captured("acme", hold)
    [told] = heard.alarms
    assert set(told) == {"event", "captures", "tenant", "help"}


def test_an_engine_tells_its_captures_and_nothing_else_that_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with Engine.open(POLICY, clock=ManualClock(0)) as engine:
        engine.grant(ANA, "money", "10", id="C1")
        before = list(engine.records())
        for act in (
            lambda: engine.release(HOLD),
            lambda: engine.extend(HOLD, id="x"),
            lambda: engine.decide(Request(id="r", account=ANA, meters={"unknown": 1})),
        ):
            with pytest.raises(Failure):
                act()
        assert capsys.readouterr().err == ""
        for tenant in (engine, engine.of_tenant("acme"), engine.of_tenant("acme")):
            with pytest.raises(Failure) as failure:
                tenant.capture(HOLD, {"credits": 1})
            assert failure.value.code == "unknown_hold"
        [line] = capsys.readouterr().err.splitlines()
        told = json.loads(line)
        assert (told["event"], told["hold"], told["captures"]) == ("unknown_hold_captured", HOLD, 1)
        assert list(engine.records()) == before
        held = engine.reserve(Request(id="h", account=ANA, meters={"credits": 1}))
        assert held.hold is not None
        engine.capture(held.hold.id, {"credits": 1})
        assert capsys.readouterr().err == ""
