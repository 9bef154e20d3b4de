"""Windows, resets and caps: what is used of each, when it begins anew, and what a reset does, commanded or redeemed."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from machines.bench import SETTINGS, START, WAITS, Machine
from overspill import Failure
from overspill.words.instants import DAY, HOUR

AMOUNTS = st.sampled_from((0, 1, 3, 4, 7, 12))
HOURS, DAILY, SEAT = 10, 24, 8
"""Capacities of the window of two hours and of the day, and the cap of the day."""


class Windows(Machine):
    policy = f"""limit included {{
      per user; unit credits; window two_hours: 2h from first_use; window day: calendar day in UTC;
      capacity two_hours {HOURS} credits, day {DAILY} credits; banked_reset valid 3h restart_anchor;
    }}
    pool money {{ per user; unit credits; }}
    cap seat {{ per user; unit credits; window day: calendar day in UTC; up to {SEAT} credits; mode strict; }}
    waterfall w {{ serves true; counts credits; draw included; draw money within seat; otherwise deny used_up; }}"""

    def __init__(self) -> None:
        super().__init__()
        self.engine.grant({"user": "ana"}, "money", "1000000", id="L")
        self.now = START
        self.ends_at: int | None = None
        self.day = START // DAY
        self.hours_used = self.day_used = self.seat_used = 0
        self.banked: list[tuple[int, str]] = []
        """(expiry, id) of the resets that were granted."""

    # ---- the model

    def begin_anew(self) -> None:
        if self.ends_at is not None and self.ends_at <= self.now:
            self.ends_at, self.hours_used = None, 0
        if self.day != self.now // DAY:
            self.day, self.day_used, self.seat_used = self.now // DAY, 0, 0

    def included(self) -> int:
        return min(HOURS - self.hours_used, DAILY - self.day_used)

    # ---- what happens

    @rule(credits=AMOUNTS)
    def ask(self, credits: int) -> None:
        decision = self.engine.decide(self.request("ana", credits))
        first = min(credits, self.included())
        second = min(credits - first, SEAT - self.seat_used)
        assert decision.allowed == (first + second == credits)
        if not decision.allowed:
            return
        draws = {draw.layer: int(draw.amount) for draw in decision.draws}
        assert draws == {name: part for name, part in (("included", first), ("money", second)) if part}
        if first:
            self.ends_at = self.ends_at or self.now + 2 * HOUR
        self.hours_used, self.day_used = self.hours_used + first, self.day_used + first
        self.seat_used += second

    @rule(day=st.booleans())
    def reset(self, day: bool) -> None:
        """By an operator: every window keeps its end, a closed one stays closed."""
        names = ["day"] if day else None
        found = self.engine.reset({"user": "ana"}, "included", id=self.id(), of=names)["windows"]
        assert {one["window"] for one in found} <= {"included.two_hours", "included.day"}
        self.hours_used, self.day_used = self.hours_used if day else 0, 0

    @rule()
    def grant_reset(self) -> None:
        id = self.id()
        self.engine.grant_reset({"user": "ana"}, "included", id=id)
        self.banked.append((self.now + 3 * HOUR, id))

    @rule()
    def redeem(self) -> None:
        """The one that expires first; the hours begin now, the day keeps its end."""
        usable = sorted(one for one in self.banked if self.now < one[0])
        if not usable:
            with pytest.raises(Failure) as failure:
                self.engine.redeem({"user": "ana"}, "included", id=self.id())
            assert failure.value.code == ("reset_expired" if self.banked else "no_reset")
            return
        assert self.engine.redeem({"user": "ana"}, "included", id=self.id())["reset"] == usable[0][1]
        self.banked.remove(usable[0])
        self.ends_at, self.hours_used = self.now + 2 * HOUR, 0
        self.day_used = 0

    @rule(micros=st.sampled_from(WAITS))
    def wait(self, micros: int) -> None:
        self.now += micros
        self.clock.set(self.now)
        self.begin_anew()

    @invariant()
    def what_is_left_is_left(self) -> None:
        assert self.available("ana") == str(self.included() + SEAT - self.seat_used)


@pytest.mark.rule("W2")
@pytest.mark.rule("W4")
@pytest.mark.rule("W6")
@pytest.mark.rule("L8")
class TestWindows(Windows.TestCase):  # type: ignore[name-defined,misc]
    settings = SETTINGS
