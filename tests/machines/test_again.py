"""Any command again gives the same bytes and changes nothing; another payload under its id is a conflict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from machines.bench import SETTINGS, WAITS, Machine
from overspill import Failure, Request

ANA, BOB = {"user": "ana"}, {"user": "bob"}
Ask = Callable[[int], Any]
"""Asks with a payload that depends on a number, and is otherwise the same."""


class Again(Machine):
    policy = """limit five { per user; unit credits; window w: 5h from first_use; capacity 9 credits;
      banked_reset valid 1d keep_anchor; }
    pool money { per user; unit credits; on overshoot debt up to 5 credits; }
    waterfall w { serves true; counts credits; draw five; draw money; otherwise deny used_up; }"""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[tuple[Ask, bytes]] = []
        self.holds: list[str] = []
        self.lots: list[str] = []

    def do(self, ask: Ask) -> Any:
        """A command for the first time; what is refused stores nothing."""
        try:
            answer = ask(1)
        except Failure:
            return None
        assert not answer.replayed
        self.done.append((ask, answer.json))
        return answer

    # ---- commands

    @rule(credits=st.sampled_from((0, 1, 5, 9, 12)), reserves=st.booleans())
    def ask(self, credits: int, reserves: bool) -> None:
        id = self.id()

        def asked(number: int) -> Any:
            request = Request(id=id, account=ANA, meters={"credits": credits + number - 1})
            return self.engine.reserve(request) if reserves else self.engine.decide(request)

        hold = self.do(asked).hold
        self.holds += [] if hold is None else [hold.id]

    @precondition(lambda self: self.holds)
    @rule(data=st.data(), credits=st.sampled_from((0, 3, 9)), final=st.booleans())
    def capture(self, data: st.DataObject, credits: int, final: bool) -> None:
        hold, id = data.draw(st.sampled_from(self.holds)), self.id()
        self.do(lambda number: self.engine.capture(hold, {"credits": credits + number}, id=id, final=final))

    @precondition(lambda self: self.holds)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        hold, id = data.draw(st.sampled_from(self.holds)), self.id()
        self.do(lambda _: self.engine.release(hold, id=id))

    @rule(amount=st.sampled_from((1, 4)))
    def grant(self, amount: int) -> None:
        id = self.id()
        self.do(lambda number: self.engine.grant(ANA, "money", str(amount + number), id=id))
        self.lots.append(id)

    @precondition(lambda self: self.lots)
    @rule(data=st.data(), voids=st.booleans())
    def move(self, data: st.DataObject, voids: bool) -> None:
        lot, id = data.draw(st.sampled_from(self.lots)), self.id()
        if voids:
            self.do(lambda _: self.engine.void(ANA, "money", lot, id=id))
        else:
            self.do(lambda number: self.engine.transfer(ANA, "money", lot, BOB, id=id, amount=str(number)))

    @rule(word=st.sampled_from(("reset", "grant_reset", "redeem")))
    def reset(self, word: str) -> None:
        id, door = self.id(), getattr(self.engine, word)
        self.do(lambda _: door(ANA, "five", id=id))

    @rule(plan=st.sampled_from(("free", "pro")))
    def set(self, plan: str) -> None:
        id = self.id()
        self.do(lambda number: self.engine.set_attributes(ANA, {"plan": f"{plan}{number}"}, id=id))

    @rule(micros=st.sampled_from(WAITS))
    def wait(self, micros: int) -> None:
        self.clock.advance(micros)

    # ---- again

    @precondition(lambda self: self.done)
    @rule(data=st.data())
    def again(self, data: st.DataObject) -> None:
        ask, answer = data.draw(st.sampled_from(self.done))
        before = len(list(self.engine.records()))
        repeated = ask(1)
        assert (repeated.json, repeated.replayed) == (answer, True)
        assert len(list(self.engine.records())) == before

    @precondition(lambda self: self.done)
    @rule(data=st.data())
    def otherwise(self, data: st.DataObject) -> None:
        ask, answer = data.draw(st.sampled_from(self.done))
        try:
            assert ask(2).json == answer  # its payload has no number
        except Failure as failure:
            assert failure.code == "idempotency_conflict"
            assert failure.pointer in ("/meters/credits", "/amount", "/attributes/plan")


@pytest.mark.rule("I1")
class TestAgain(Again.TestCase):  # type: ignore[name-defined,misc]
    settings = SETTINGS
