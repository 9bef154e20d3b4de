"""The facts of an admission as a hold keeps them, and as a capture reads them again; and those that one account has of
itself, where nobody asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from overspill.account.state import Account, Fact
from overspill.plan.functions import ABSENT
from overspill.plan.members import IDS, together
from overspill.plan.plan import Origin, Plan, Slot, Waterfall
from overspill.plan.raw import Facts
from overspill.plan.times import Timestamp
from overspill.plan.values import Map


def kept(facts: Facts) -> tuple[Fact, ...]:
    """Plain values: what is absent as None, accounts as their names and values, instants in microseconds."""
    return tuple([_kept(fact) for fact in facts])


def _kept(fact: object) -> Any:
    match fact:
        case tuple():
            return tuple([_kept(one) for one in fact])
        case Map():
            return tuple([(name, _kept(value)) for name, value in fact.items()])
        case Timestamp(seconds=seconds, nanos=nanos):
            return seconds * 10**6 + nanos // 1000
        case _:
            return None if fact is ABSENT else fact


def read(plan: Plan, waterfall: Waterfall, facts: tuple[Fact, ...]) -> list[object]:
    """The facts of `waterfall` from what was kept of them."""
    found: list[object] = []
    for slot, fact in zip(waterfall.slots, facts, strict=True):
        if slot.origin is Origin.MEMBERS:
            kind = plan.many[slot.kind - len(plan.kinds)]
            values: Any = fact
            if slot.input.name == kind.name:
                members = [dict(one) for one in values]
                found.append(together(kind, [(one[IDS], one) for one in members])[kind.name])
            else:
                found.append(tuple(values))
        else:
            found.append(ABSENT if fact is None else fact)
    return found


def own_facts(slots: Sequence[Slot], kind: int, key: str, account: Account) -> Facts:
    """The facts that stand in one account alone, of the kind with this index and under this key; all others are absent."""
    return tuple([_own(slot, key, account) if slot.kind == kind else ABSENT for slot in slots])


def _own(slot: Slot, key: str, account: Account) -> object:
    match slot.origin:
        case Origin.ACCOUNT_ID:
            return key.rsplit("/", 1)[1]
        case Origin.ATTRIBUTE:
            value = account.attributes.get(slot.input.name, slot.input.default)
            return ABSENT if value is None else value
        case _:
            return ABSENT
