"""What of a waterfall's inputs is known when accounts are looked at, whether a request asks or nobody does.

Read by the same function as a decision's facts; what only a request could bring, or an account that is not named, is
unknown rather than guessed.
"""

from __future__ import annotations

from collections.abc import Iterable

from overspill.plan.facts import Accounts, read_slot
from overspill.plan.functions import ABSENT
from overspill.plan.plan import ROOT, Origin, Plan, Slot, Waterfall
from overspill.plan.raw import Facts
from overspill.records.request import Request
from overspill.words.codec import Struct, replace
from overspill.words.failures import Failure


class Scene(Struct, frozen=True, kw_only=True):
    """Accounts at an instant, as a decision meets them: `ids` and `accounts` by kind, None for those that are not named.
    `request` None: nobody asks."""

    plan: Plan
    ids: tuple[str | None, ...]
    accounts: Accounts
    request: Request | None
    now: int


class Known(Struct, frozen=True):
    """The facts of a waterfall; those whose slots are `unknown` are absent."""

    waterfall: Waterfall
    facts: Facts
    unknown: frozenset[int]

    def missing(self, slots: Iterable[int]) -> list[str]:
        """The paths of those of the slots that are unknown, each once."""
        paths = [self.waterfall.slots[slot].path for slot in slots if slot in self.unknown]
        return list(dict.fromkeys(paths))

    def with_values(self, slots: tuple[int, ...], values: tuple[str, ...]) -> Known:
        """With these slots known to be of these values."""
        facts = list(self.facts)
        for slot, value in zip(slots, values, strict=True):
            facts[slot] = value
        return replace(self, facts=tuple(facts), unknown=self.unknown - {*slots})


def known_of(waterfall: Waterfall, scene: Scene) -> Known:
    """The waterfall's inputs, as far as they are known."""
    facts: list[object] = []
    unknown = []
    for index, slot in enumerate(waterfall.slots):
        value: object = ABSENT
        if _is_asked_for(slot, scene):
            unknown.append(index)
        else:
            try:
                value = _read(waterfall, slot, scene)
            except Failure:
                unknown.append(index)
        facts.append(value)
    return Known(waterfall, tuple(facts), frozenset(unknown))


def _is_asked_for(slot: Slot, scene: Scene) -> bool:
    """Whether only a request, or a root that is not named, could say it."""
    rootless = scene.ids[ROOT] is None
    match slot.origin:
        case Origin.FIELD | Origin.METER:
            return scene.request is None and (slot.kind == ROOT or scene.ids[slot.kind] is not None)
        case Origin.MEMBERS:
            plan = scene.plan
            return rootless and plan.many[slot.kind - len(plan.kinds)].of == plan.kind_names[ROOT]
        case _:
            return rootless and slot.kind == ROOT


def _read(waterfall: Waterfall, slot: Slot, scene: Scene) -> object:
    request = scene.request
    fields, meters = ({}, {}) if request is None else (request.fields, request.meters)
    return read_slot(waterfall, slot, fields, meters, scene.ids, scene.accounts)
