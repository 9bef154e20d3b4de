"""Resets of one account's windows as effects: those that the policy declares, when they have to be settled, and those
that are granted to an account, kept, and redeemed (LANGUAGE.md W6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from overspill.account.effects import Effect, SetBanked, SetWindow
from overspill.account.state import BANKED_EXPIRES_AT, BANKED_ID, Account, Banked
from overspill.plan.functions import ABSENT
from overspill.plan.periods import kind_of
from overspill.plan.plan import Counter, LimitLayer, Origin, Plan, ScheduleBy, Slot, Waterfall
from overspill.plan.raw import Facts
from overspill.plan.resets import after_reset, pending, reset_states
from overspill.plan.shapes import ENDS_AT, GENERATION
from overspill.step.accounts import Change, one_account
from overspill.step.commands import GrantReset, Redeem
from overspill.step.keys import Identified
from overspill.words.codec import json_bytes
from overspill.words.diagnostics import did_you_mean
from overspill.words.failures import Failure
from overspill.words.instants import NEVER, instant_text, instant_text_micros
from overspill.words.lengths import instant_after


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
        facts = own_facts(waterfall.slots, layer.account, account)
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


def own_facts(slots: Sequence[Slot], kind: int, account: Account) -> Facts:
    """The facts that stand in one account alone; all others are absent."""
    found: list[object] = []
    for slot in slots:
        value: object = None
        if slot.origin is Origin.ATTRIBUTE and slot.kind == kind:
            value = account.attributes.get(slot.input.name, slot.input.default)
        found.append(ABSENT if value is None else value)
    return tuple(found)


# ---- banked resets


def grant(
    plan: Plan, command: GrantReset, account_of: Callable[[str], Account], now: int, identified: Identified
) -> Change:
    """One more reset to redeem. Raises Failure for a limit that has none."""
    key, _, layer = _limit(plan, command)
    assert layer.banked_reset is not None
    expires_at = instant_after(now, layer.banked_reset.valid)
    kept = account_of(key).banked.get(layer.name, ())
    resets = tuple(
        sorted((*kept, (command.id, now, expires_at)), key=lambda one: (one[BANKED_EXPIRES_AT], one[BANKED_ID]))
    )
    shown = {"reset": command.id, "expires_at": end_text(expires_at), "banked": len(usable(resets, now))}
    return _change(key, [SetBanked(layer.name, resets)], "grant_reset", command, identified, now, shown)


def redeem(
    plan: Plan, command: Redeem, account_of: Callable[[str], Account], now: int, identified: Identified
) -> Change:
    """Uses the reset that expires first: every window of the limit begins a new generation, all or none. Raises Failure
    `reset_expired` when only expired ones are left, `no_reset` without any, `nothing_to_reset` when no window would
    change."""
    key, waterfall, layer = _limit(plan, command)
    assert layer.banked_reset is not None
    account = account_of(key)
    kept = account.banked.get(layer.name, ())
    found = usable(kept, now)
    if not found:
        code, what = ("reset_expired", "only expired ones are") if kept else ("no_reset", "none is")
        raise Failure(code, f"{what} left of the resets of limit `{layer.name}`", pointer="/limit")
    used = found[0]
    effects: list[Effect] = [SetBanked(layer.name, tuple([one for one in kept if one != used]))]
    facts = own_facts(waterfall.slots, layer.account, account)
    due = pending(layer.resets, account.since, facts, now)
    shown = []
    for index, window in enumerate(layer.windows):
        if isinstance(window.kind, ScheduleBy) and facts[window.kind.anchor] is ABSENT:
            continue
        kind = kind_of(window.kind, facts)
        for window_key in keys_of(window, account):
            state = reset_states(account.windows.get(window_key), kind, [one for one in due if index in one.windows])
            after = after_reset(state, kind, layer.banked_reset.restart, now)
            if after is not None and after is not state:
                effects.append(SetWindow(window_key, after))
                shown.append(
                    {"window": window_key, "generation": after[GENERATION], "ends_at": end_text(after[ENDS_AT])}
                )
    if not shown:
        message = f"limit `{layer.name}` has no window that a reset would change"
        raise Failure("nothing_to_reset", message, help="keep the reset until a window is in use", pointer="/limit")
    answer = {"reset": used[BANKED_ID], "windows": shown, "banked": len(found) - 1}
    return _change(key, effects, "redeem", command, identified, now, answer)


def usable(resets: Sequence[Banked], now: int) -> list[Banked]:
    """Those that can still be redeemed, the earliest expiry first."""
    return [one for one in resets if now < one[BANKED_EXPIRES_AT]]


def _limit(plan: Plan, command: GrantReset | Redeem) -> tuple[str, Waterfall, LimitLayer]:
    """(key of the account, a waterfall that draws on the limit, the limit)."""
    kind, id = one_account(plan, command.account)
    limits = {layer.name: (waterfall, layer) for waterfall, layer in limits_of(plan, kind.name)}
    banking = [name for name, (_, layer) in limits.items() if layer.banked_reset is not None]
    if command.limit not in banking:
        help = (
            did_you_mean(command.limit, banking) or f"limits with banked resets: {', '.join(sorted(banking)) or 'none'}"
        )
        message = f"no limit `{command.limit[:64]}` of a {kind.name} has banked resets"
        raise Failure("unknown_limit", message, help=help, pointer="/limit")
    return (f"{command.tenant}/{kind.name}/{id}", *limits[command.limit])


def _change(
    key: str,
    effects: list[Effect],
    word: str,
    command: GrantReset | Redeem,
    identified: Identified,
    now: int,
    shown: Mapping[str, object],
) -> Change:
    answer = {
        word: identified.id,
        "at": instant_text_micros(now),
        "account": key.split("/", 1)[1],
        "limit": command.limit,
        **shown,
        "actor": command.actor,
    }
    return Change({key: tuple(effects)}, json_bytes(answer))


def end_text(instant: int) -> str | None:
    """None for never."""
    return None if instant == NEVER else instant_text(instant)
