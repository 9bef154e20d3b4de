"""Holds: what is held, booked in parts, given back and booked late, against a model of three numbers each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from machines.bench import SETTINGS, START, WAITS, Machine
from overspill import Failure
from overspill.words.instants import HOUR, MINUTE

AMOUNTS = st.sampled_from((0, 1, 2, 5, 9, 20))


@dataclass
class Model:
    """`size` is what is drawn for the hold, `total` what its captures have used."""

    size: int
    expires_at: int
    total: int = 0
    is_open: bool = True

    @property
    def used(self) -> int:
        return min(self.total, self.size)


class Holds(Machine):
    policy = """pool money { per user; unit credits; }
    waterfall w { serves true; counts credits; draw money; otherwise deny used_up;
      holds expire after 15min, late capture 1h; }"""

    def __init__(self) -> None:
        super().__init__()
        self.engine.grant({"user": "ana"}, "money", "50", id="L")
        self.free, self.now = 50, START
        self.holds: dict[str, Model] = {}
        self.ended: list[str] = []

    # ---- the model

    def time_out(self) -> None:
        for hold in self.holds.values():
            if hold.is_open and hold.expires_at <= self.now:
                self.free += hold.size - hold.used
                hold.size, hold.is_open = hold.used, False
        over = [id for id, hold in self.holds.items() if hold.expires_at + HOUR <= self.now]
        self.ended += over
        for id in over:
            del self.holds[id]

    def end(self, id: str) -> None:
        hold = self.holds.pop(id)
        self.free += hold.size - hold.used
        self.ended.append(id)

    # ---- what happens

    @rule(credits=AMOUNTS)
    def reserve(self, credits: int) -> None:
        decision = self.engine.reserve(self.request("ana", credits))
        assert decision.allowed == (credits <= self.free)
        if decision.hold is not None:
            self.free -= credits
            self.holds[decision.hold.id] = Model(credits, self.now + 15 * MINUTE)

    @precondition(lambda self: self.holds)
    @rule(data=st.data(), credits=AMOUNTS, final=st.booleans())
    def capture(self, data: st.DataObject, credits: int, final: bool) -> None:
        id = data.draw(st.sampled_from(sorted(self.holds)))
        hold = self.holds[id]
        receipt = self.engine.capture(id, {"credits": credits}, id=self.id(), final=final)
        absorbed = hold.total - hold.used
        hold.total += credits
        more = min(max(hold.total - hold.size, 0), self.free)
        self.free, hold.size = self.free - more, hold.size + more
        assert (receipt["used"], receipt["late"]) == (str(credits), not hold.is_open)
        assert receipt["absorbed"] == str(hold.total - hold.used - absorbed)
        if final:
            self.end(id)

    @precondition(lambda self: self.holds)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        id = data.draw(st.sampled_from(sorted(self.holds)))
        self.engine.release(id, id=self.id())
        self.end(id)

    @precondition(lambda self: self.holds)
    @rule(data=st.data())
    def extend(self, data: st.DataObject) -> None:
        id = data.draw(st.sampled_from(sorted(self.holds)))
        hold = self.holds[id]
        if hold.is_open:
            self.engine.extend(id, id=self.id())
            hold.expires_at = max(hold.expires_at, self.now + 15 * MINUTE)
        else:
            self.refused(lambda: self.engine.extend(id, id=self.id()))

    @precondition(lambda self: self.ended)
    @rule(data=st.data(), credits=AMOUNTS)
    def too_late(self, data: st.DataObject, credits: int) -> None:
        id = data.draw(st.sampled_from(self.ended))
        self.refused(lambda: self.engine.capture(id, {"credits": credits}, id=self.id()))
        self.refused(lambda: self.engine.release(id, id=self.id()))

    def refused(self, action: Any) -> None:
        with pytest.raises(Failure) as failure:
            action()
        assert failure.value.code == "hold_closed"

    @rule(micros=st.sampled_from(WAITS))
    def wait(self, micros: int) -> None:
        self.now += micros
        self.clock.set(self.now)
        self.time_out()

    @invariant()
    def what_is_free_is_free(self) -> None:
        assert self.available("ana") == str(self.free)


@pytest.mark.rule("S1")
@pytest.mark.rule("S2")
class TestHolds(Holds.TestCase):  # type: ignore[name-defined,misc]
    settings = SETTINGS
