"""What a process does before it is killed, and the points at which it is: `python doomed.py DB ACT POINT`.

A point is `before begin`, `after commit`, `half of settle` and so on; `after commit 2` is the second time."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from overspill import Engine, ManualClock, Request
from overspill.ports.payments import Intent, Paid, Payment
from overspill.runtime import combiner
from overspill.words.instants import HOUR, MINUTE, SECOND, instant_from_text

NOON = instant_from_text("2026-10-05T12:00:00Z")
NAMES = ("ana", "bob", "cid", "dan")
ANA = {"user": "ana"}
POLICY = {
    "p.spill": b"""policy p version 1; language 1; unit credits: integer; unit usd: decimal(2);
account user { } request { credits: meter; }
limit five { per user; unit credits; window w: 5h from first_use; capacity 3 credits; }
pool promo { per user; unit credits; }
pool money { per user; unit credits; price 0.04 usd per 1 credits;
  top_up { settings user; on top_up_cap partial; when true; } }
waterfall w { serves true; counts credits; draw five; draw promo; draw money; otherwise deny used_up;
  holds expire after 15min, late capture 15min; }
"""
}


class Charges:
    """A provider whose charges are lines of a file: it outlives every process, and charges an intent once."""

    def __init__(self, path: Path, here: Callable[[str], None] = lambda place: None) -> None:
        self.path, self._here = path, here

    def all(self) -> list[str]:
        return self.path.read_text().split() if self.path.exists() else []

    def charge(self, intent: Intent) -> Payment:
        self._here("before charge")
        if intent.id not in self.all():
            with self.path.open("a") as file:
                file.write(f"{intent.id}\n")
        self._here("after charge")
        return Paid(f"pay_{intent.id}")


def opened(db: str | None, at: int = NOON) -> Engine:
    return Engine.open(POLICY, db=db, clock=ManualClock(at), settle=False)


def request(id: str, credits: int, user: str = "ana") -> Request:
    return Request(id=id, account={"user": user}, meters={"credits": credits})


# ---- what was there before, and what is done: each (account of the acts, when)


def funded(engine: Engine) -> None:
    engine.grant(ANA, "promo", "2", id="P")
    engine.grant(ANA, "money", "20", id="M")


def held(engine: Engine) -> None:
    """Each has a hold of his window and of a lot that is over before the hold is."""
    clock: Any = engine._combiner._clock
    for name in NAMES:
        ends = f"2026-10-05T12:0{5 + NAMES.index(name)}:00Z"
        engine.grant({"user": name}, "promo", "9", id="P", expires_at=ends)
        assert engine.reserve(request("h", 5, name)).hold is not None
        clock.advance(SECOND)


def bought(engine: Engine) -> None:
    funded(engine)
    engine.set_top_up(ANA, "money", id="s", enabled=True, minimum="5", target="30", actor="user/ana")
    assert engine.decide(request("low", 22)).allowed
    assert len(engine.open_purchases()) == 1


def reserved(engine: Engine) -> None:
    funded(engine)
    assert engine.reserve(request("h", 9)).hold is not None


def decide(engine: Engine, charges: Charges) -> Any:
    return engine.decide(request("r", 10))


def deny(engine: Engine, charges: Charges) -> Any:
    return engine.decide(request("r", 1000))


def capture(engine: Engine, charges: Charges) -> Any:
    hold = engine.reserve(request("h", 9)).hold
    assert hold is not None
    return engine.capture(hold.id, {"credits": 12}, id="c")


def grant(engine: Engine, charges: Charges) -> Any:
    return engine.grant(ANA, "money", "7", id="G")


def sweep(engine: Engine, charges: Charges) -> Any:
    engine.sweep()


def pay(engine: Engine, charges: Charges) -> Any:
    engine.run_top_ups(charges)


def settle(engine: Engine, charges: Charges) -> Any:
    engine.settle()


Before, Act = Callable[[Engine], None], Callable[[Engine, Charges], Any]
ACTS: dict[str, tuple[Before, Act, int]] = {
    "decide": (funded, decide, NOON),
    "deny": (funded, deny, NOON),
    "capture": (reserved, capture, NOON + MINUTE),
    "grant": (funded, grant, NOON),
    "sweep": (held, sweep, NOON + HOUR),
    "pay": (bought, pay, NOON + MINUTE),
    "settle": (bought, settle, NOON + MINUTE),
}
"""Act → (what is there before, what is done, when)."""


# ---- dying


class Dooms:
    """Kills the process at a point."""

    def __init__(self, point: str) -> None:
        words = point.split()
        self._place, self._times = " ".join(words[:2]), int(words[2]) if len(words) == 3 and words[2].isdigit() else 1
        self._half = point == "half of settle"

    def here(self, place: str) -> None:
        if place == self._place:
            self._times -= 1
            if not self._times:
                os.kill(os.getpid(), signal.SIGKILL)

    def around(self, owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def acts(*arguments: Any, **more: Any) -> Any:
            self.here(f"before {name}")
            if name == "settle" and self._half:
                self._halve(owner)
            done = real(*arguments, **more)
            self.here(f"after {name}")
            return done

        setattr(owner, name, acts)

    def _halve(self, ledger: Any) -> None:
        """Of the first rows that are written half are, and then no more."""
        name = "_put" if hasattr(ledger, "_put") else "_do"
        real = getattr(ledger, name)

        def writes(*arguments: Any) -> None:
            rows = arguments[-1]
            assert len(rows) > 1
            real(*arguments[:-1], rows[: len(rows) // 2])
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(ledger, name, writes)


def main(db: str, act: str, point: str) -> None:
    _, acts, at = ACTS[act]
    combiner.BATCH_MAX = 2  # a sweep takes several
    engine, dooms = opened(db, at), Dooms(point)
    for name in ("begin", "append", "commit"):
        dooms.around(engine._store, name)
    for name in ("begin_settling", "settle"):
        dooms.around(engine._store.ledger, name)
    acts(engine, Charges(Path(sys.argv[4]), dooms.here))


if __name__ == "__main__":
    main(*sys.argv[1:4])
