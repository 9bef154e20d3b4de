"""One of several processes that decide, transfer, capture, reverse and read on one database; prints what it asked, when it began
and ended, and what it was told. Lots of the pool `bank` only ever move: their sum is the same in whatever is read."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from random import Random
from typing import Any

from overspill import Decision, Engine, Failure, Request, StoreFailure

POLICY = {
    "bank.spill": b"""policy bank version 1; language 1; unit credits: integer;
account user { }
account team of user { }
request { from: string; credits: meter; }
pool hot { per team; unit credits; on overshoot refund; }
pool money { per user; unit credits; on overshoot refund; }
pool bank { per user; unit credits; on overshoot refund; }
waterfall hot { serves request.from == "hot"; counts credits; draw hot; otherwise deny used_up; on shortfall partial; }
waterfall own { serves request.from == "own"; counts credits; draw money; fill whole; otherwise deny used_up; }
waterfall none { serves request.from == "bank"; counts credits; draw bank; otherwise deny used_up; }
"""
}
USERS = ("ana", "bob", "cleo", "dan")
TEAM = "red"
LOTS, MONEY = 6, 10_000
PASSING = ("unreachable", "commit_unknown", "busy")
KINDS = ("hot", "own", "hold", "close", "transfer", "reverse", "again", "read")
WEIGHTS = (40, 10, 12, 10, 14, 4, 4, 6)


def key(user: str) -> str:
    return f"default/user/{user}"


def filled(db: str, hot: int) -> int:
    """An empty database → how much is in the bank."""
    with Engine.open(POLICY, db=db) as engine:
        engine.grant({"team": TEAM}, "hot", str(hot), id="H")
        for number, user in enumerate(USERS):
            engine.grant({"user": user}, "money", str(MONEY), id="M")
            for lot in range(LOTS):
                engine.grant({"user": user}, "bank", str(10 * number + lot + 1), id=f"B{lot}")
    return sum(10 * number + lot + 1 for number in range(len(USERS)) for lot in range(LOTS))


class Teller:
    """Asks by chance; `count` numbers what it asks."""

    def __init__(self, engine: Engine, name: str) -> None:
        self.engine, self.name, self.chance, self.count = engine, name, Random(name), 0
        self.holds: list[str] = []
        self.spent: list[str] = []
        self.sent: list[tuple[Request, bytes]] = []
        self.lots: dict[str, list[tuple[str, int]]] = {}

    def turn(self) -> dict[str, Any]:
        """What was asked, and what came of it."""
        self.count += 1
        [kind] = self.chance.choices(KINDS, WEIGHTS)
        act = getattr(self, kind)
        began = time.monotonic_ns()
        told = _insist(act)
        return {"kind": kind, "began": began, "ended": time.monotonic_ns(), **told}

    def hot(self) -> dict[str, Any]:
        return self._decided(self._asked("hot"), self.engine.decide)

    def own(self) -> dict[str, Any]:
        return self._decided(self._asked("own"), self.engine.decide)

    def hold(self) -> dict[str, Any]:
        return self._decided(self._asked("own"), self.engine.reserve)

    def again(self) -> dict[str, Any]:
        """What was asked before is told again, to the byte."""
        if not self.sent:
            return self.read()
        request, answer = self.chance.choice(self.sent)
        decision = self.engine.decide(request)
        assert (decision.json, decision.replayed) == (answer, True)
        return {"id": decision.id, "repeated": True}

    def close(self) -> dict[str, Any]:
        if not self.holds:
            return self.read()
        hold = self.holds[-1]
        if self.count % 3:
            receipt = self.engine.capture(hold, {"credits": self.count % 4})
        else:
            receipt = self.engine.release(hold)
        self.holds.remove(hold)
        return _receipt(receipt.json)

    def reverse(self) -> dict[str, Any]:
        if not self.spent:
            return self.read()
        receipt = self.engine.reverse(self.spent[-1], id="undo")
        self.spent.pop()
        return _receipt(receipt.json)

    def transfer(self) -> dict[str, Any]:
        """A lot that was there at the last read, whole; it may be elsewhere by now."""
        user = USERS[self.count % len(USERS)]
        if not self.lots.get(user):
            return self.read()
        lot, _ = self.lots[user].pop()
        to = {"user": USERS[(self.count + 1) % len(USERS)]}
        receipt = self.engine.transfer({"user": user}, "bank", lot, to, id=f"{self.name}-{self.count}")
        return _receipt(receipt.json)

    def read(self) -> dict[str, Any]:
        """All accounts as of one record."""
        combiner = self.engine._combiner

        def look() -> tuple[int, dict[str, list[tuple[str, int]]]]:
            seq = combiner.look().seq
            return seq, {
                user: [(lot[0], lot[1]) for lot in combiner.states.of(key(user)).pools.get("bank", ())]
                for user in USERS
            }

        seq, self.lots = combiner.exclusively(look)
        return {"kind": "read", "seq": seq, "bank": {user: list(lots) for user, lots in self.lots.items()}}

    def _asked(self, source: str) -> Request:
        user = USERS[self.chance.randrange(len(USERS))]
        account = {"user": user, "team": TEAM} if source == "hot" else {"user": user}
        credits = 1 + self.count % 3
        return Request(
            id=f"{self.name}-{self.count}", account=account, fields={"from": source}, meters={"credits": credits}
        )

    def _decided(self, request: Request, ask: Callable[[Request], Decision]) -> dict[str, Any]:
        decision = ask(request)
        if decision.hold is not None:
            self.holds.append(decision.hold.id)
        elif request.fields["from"] == "own":
            self.spent += [decision.id] if decision.allowed else []
        else:
            self.sent.append((request, decision.json))
        return {"id": decision.id, "granted": int(decision.granted)}


def _receipt(json_: bytes) -> dict[str, Any]:
    return {"id": next(iter(json.loads(json_).values()))}


def _insist(act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The same once more, where the store was away; what is refused has no record."""
    while True:
        try:
            return act()
        except StoreFailure as failure:
            if failure.code not in PASSING:
                raise
            time.sleep(0.02)
        except Failure as failure:
            return {"refused": failure.code}


def main(db: str, name: str, turns: int) -> None:
    with Engine.open(POLICY, db=db) as engine:
        teller = Teller(engine, name)
        for _ in range(turns):
            print(json.dumps(teller.turn()), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
