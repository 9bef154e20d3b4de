"""Lots: granted, drawn in their order, transferred, voided, expired; and what is owed, repaid before anything else."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from machines.bench import SETTINGS, START, WAITS, Machine
from overspill import Failure
from overspill.words.instants import HOUR, NEVER, instant_text

USERS = st.sampled_from(("ana", "bob"))
AMOUNTS = st.sampled_from((1, 2, 3, 5, 8))
DEBT = 5


@dataclass
class Model:
    id: str
    left: int
    granted_at: int
    expires_at: int

    @property
    def place(self) -> tuple[int, int, str]:
        return self.expires_at, self.granted_at, self.id


class Lots(Machine):
    policy = f"""pool money {{ per user; unit credits; on overshoot debt up to {DEBT} credits; }}
    waterfall w {{ serves true; counts credits; draw money; otherwise deny used_up; }}"""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.lots: dict[str, list[Model]] = {"ana": [], "bob": []}
        self.debts = {"ana": 0, "bob": 0}
        self.expired: list[tuple[str, str]] = []
        """(user, lot) that has ended with something left."""

    # ---- the model

    def usable(self, user: str) -> int:
        return sum(lot.left for lot in self.lots[user])

    def take(self, user: str, amount: int) -> None:
        for lot in sorted(self.lots[user], key=lambda lot: lot.place):
            part = min(lot.left, amount)
            lot.left, amount = lot.left - part, amount - part
        self.lots[user] = [lot for lot in self.lots[user] if lot.left]

    def arrives(self, user: str, lot: Model) -> int:
        """Gives back what of it repays."""
        repaid = min(self.debts[user], lot.left)
        self.debts[user] -= repaid
        lot.left -= repaid
        self.lots[user] += [lot] if lot.left else []
        return repaid

    # ---- what happens

    @rule(user=USERS, amount=AMOUNTS, life=st.sampled_from((None, HOUR, 24 * HOUR)))
    def grant(self, user: str, amount: int, life: int | None) -> None:
        id, ends = self.id(), NEVER if life is None else self.now + life
        expires_at = None if life is None else instant_text(ends)
        receipt = self.engine.grant({"user": user}, "money", str(amount), id=id, expires_at=expires_at)
        repaid = self.arrives(user, Model(id, amount, self.now, ends))
        assert receipt.fields.get("repaid", "0") == str(repaid)

    @rule(user=USERS, amount=AMOUNTS)
    def spend(self, user: str, amount: int) -> None:
        decision = self.engine.decide(self.request(user, amount))
        assert decision.allowed == (amount <= self.usable(user))
        if decision.allowed:
            self.take(user, amount)

    @rule(user=USERS, used=st.sampled_from((1, 4, 9)))
    def overshoot(self, user: str, used: int) -> None:
        held = self.engine.reserve(self.request(user, 0)).hold
        assert held is not None
        receipt = self.engine.capture(held.id, {"credits": used})
        covered = min(used, self.usable(user))
        self.take(user, covered)
        owed = min(used - covered, DEBT - self.debts[user])
        self.debts[user] += owed
        assert (receipt["covered"], receipt["absorbed"]) == (str(covered + owed), str(used - covered - owed))

    @precondition(lambda self: any(self.lots.values()))
    @rule(data=st.data())
    def void(self, data: st.DataObject) -> None:
        user, lot = self.some_lot(data)
        assert self.engine.void({"user": user}, "money", lot.id, id=self.id())["amount"] == str(lot.left)
        self.lots[user].remove(lot)

    @precondition(lambda self: any(self.lots.values()))
    @rule(data=st.data(), amount=AMOUNTS)
    def transfer(self, data: st.DataObject, amount: int) -> None:
        user, lot = self.some_lot(data)
        other = "bob" if user == "ana" else "ana"
        if amount > lot.left:
            with pytest.raises(Failure) as failure:
                self.engine.transfer({"user": user}, "money", lot.id, {"user": other}, id=self.id(), amount=str(amount))
            assert failure.value.code == "not_enough"
            return
        receipt = self.engine.transfer(
            {"user": user}, "money", lot.id, {"user": other}, id=self.id(), amount=str(amount)
        )
        lot.left -= amount
        self.lots[user] = [one for one in self.lots[user] if one.left]
        self.arrives(other, Model(receipt["to_lot"], amount, self.now, lot.expires_at))

    def some_lot(self, data: st.DataObject) -> tuple[str, Model]:
        return data.draw(st.sampled_from([(user, lot) for user in sorted(self.lots) for lot in self.lots[user]]))

    @precondition(lambda self: self.expired)
    @rule(data=st.data(), voids=st.booleans())
    def too_late(self, data: st.DataObject, voids: bool) -> None:
        user, lot = data.draw(st.sampled_from(self.expired))
        with pytest.raises(Failure) as failure:
            if voids:
                self.engine.void({"user": user}, "money", lot, id=self.id())
            else:
                other = "bob" if user == "ana" else "ana"
                self.engine.transfer({"user": user}, "money", lot, {"user": other}, id=self.id())
        assert failure.value.code == "unknown_lot"

    @rule(micros=st.sampled_from(WAITS))
    def wait(self, micros: int) -> None:
        self.now += micros
        self.clock.set(self.now)
        for user, lots in self.lots.items():
            self.expired += [(user, lot.id) for lot in lots if lot.expires_at <= self.now]
            self.lots[user] = [lot for lot in lots if self.now < lot.expires_at]

    @rule()
    def sweep(self) -> None:
        """Every lot that has ended is written down, once."""
        self.engine.sweep()
        ended = [record.key[1:] for record in self.engine.records() if record.key[2] == "expire_lot"]
        assert sorted(ended) == sorted((f"user/{user}", "expire_lot", lot) for user, lot in self.expired)

    @invariant()
    def lots_and_debts_are_the_models(self) -> None:
        for user, lots in self.lots.items():
            account = self.engine.account({"user": user})
            found = {lot[0]: lot[1] for lot in account.pools.get("money", ()) if self.now < lot[3]}
            assert found == {lot.id: lot.left for lot in lots}
            assert account.debts.get("money", 0) == self.debts[user]
            assert self.available(user) == str(self.usable(user))


@pytest.mark.rule("G1")
@pytest.mark.rule("G2")
@pytest.mark.rule("G3")
@pytest.mark.rule("S3")
class TestLots(Lots.TestCase):  # type: ignore[name-defined,misc]
    settings = SETTINGS
