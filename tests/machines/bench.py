"""What the state machines share: an engine in memory with a clock of their own, and how much they run."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine

from overspill import Decision, Engine, ManualClock, Request
from overspill.words.instants import HOUR, MINUTE, instant_from_text

START = instant_from_text("2026-10-05T10:00:00Z")
SETTINGS = settings(
    max_examples=int(os.environ.get("MACHINE_EXAMPLES", "100")),
    stateful_step_count=int(os.environ.get("MACHINE_STEPS", "40")),
)
WAITS = (MINUTE, 14 * MINUTE, 15 * MINUTE, HOUR, 2 * HOUR, 24 * HOUR)
HEAD = """policy p version 1; language 1; unit credits: integer;
account user { plan: string = "free"; }
request { credits: meter; }
"""


class Machine(RuleBasedStateMachine):
    """An engine on `policy`, reached through its public methods alone."""

    policy: str

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock(START)
        self.engine = Engine.open({"p.spill": (HEAD + self.policy).encode()}, clock=self.clock)
        self.count = 0

    def teardown(self) -> None:
        self.engine.close()

    def id(self) -> str:
        self.count += 1
        return f"i{self.count:04}"

    def request(self, user: str, credits: int) -> Request:
        return Request(id=self.id(), account={"user": user}, meters={"credits": credits})

    def available(self, user: str) -> str:
        """What is there for a request that asks for more than there is."""
        denied: Decision = self.engine.preview(self.request(user, 100_000))
        assert denied.outcome == "deny"
        found: Any = denied.record.available
        return str(found)
