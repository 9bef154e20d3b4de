"""Resets of one account's windows as effects: those that the policy declares, when they have to be settled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from overspill.account.effects import Effect, SetWindow
from overspill.account.state import Account
from overspill.plan.functions import ABSENT
from overspill.plan.periods import kind_of
from overspill.plan.plan import Counter, LimitLayer, Origin, Plan, ScheduleBy, Waterfall
from overspill.plan.raw import Facts
from overspill.plan.resets import pending, reset_states


def limits_of(plan: Plan, kind: str) -> Iterator[tuple[Waterfall, LimitLayer]]:
    """The limits that accounts of this kind keep, each once."""
    seen: set[str] = set()
    for waterfall in plan.waterfalls:
        for layer in waterfall.layers:
            if isinstance(layer, LimitLayer) and plan.kind_names[layer.account] == kind and layer.name not in seen:
                seen.add(layer.name)
                yield waterfall, layer


def settled_resets(plan: Plan, kind: str, account: Account, now: int) -> Sequence[Effect]:
    """The account's windows with every reset in them that is in force and was not yet."""
    found: list[Effect] = []
    for waterfall, layer in limits_of(plan, kind) if account.version else ():
        if not layer.resets:
            continue
        facts = own_facts(waterfall, layer.account, account)
        due = pending(layer.resets, account.since, facts, now)
        for index, window in enumerate(layer.windows):
            if isinstance(window.kind, ScheduleBy) and facts[window.kind.anchor] is ABSENT:
                continue
            resets = [reset for reset in due if index in reset.windows]
            for key in keys_of(window, account) if resets else ():
                state = account.windows.get(key)
                after = reset_states(state, kind_of(window.kind, facts), resets)
                if after is not None and after is not state:
                    found.append(SetWindow(key, after))
    return found


def keys_of(window: Counter, account: Account) -> Sequence[str]:
    """The keys that the account has of a window, and the window's own where it is kept per the account alone."""
    known = [key for key in account.windows if key.split("|", 1)[0] == window.key]
    return known if window.per or known else [window.key]


def own_facts(waterfall: Waterfall, kind: int, account: Account) -> Facts:
    """The facts that stand in one account alone; all others are absent."""
    found: list[object] = []
    for slot in waterfall.slots:
        value: object = None
        if slot.origin is Origin.ATTRIBUTE and slot.kind == kind:
            value = account.attributes.get(slot.input.name, slot.input.default)
        found.append(ABSENT if value is None else value)
    return tuple(found)
