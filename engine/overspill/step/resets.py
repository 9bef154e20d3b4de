"""Resets of one account's windows as effects: those that the policy declares, when they have to be settled; those that
an operator commands; and those that are granted to an account, kept, and redeemed (LANGUAGE.md W6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from overspill.account.effects import Effect, SetBanked, SetWindow
from overspill.account.state import BANKED_EXPIRES_AT, BANKED_ID, Account, Banked
from overspill.plan.functions import ABSENT
from overspill.plan.periods import kind_of
from overspill.plan.plan import Counter, LimitLayer, Plan, ScheduleBy, Waterfall, WindowKind
from overspill.plan.resets import after_reset, pending, reset_states
from overspill.plan.shapes import ENDS_AT, GENERATION, WindowState
from overspill.step.accounts import Change, one_account
from overspill.step.commands import GrantReset, Redeem, Reset
from overspill.step.facts import own_facts
from overspill.step.keys import Identified
from overspill.words.anchors import ANCHORS, RESTART_ANCHOR
from overspill.words.codec import Struct, json_bytes
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


def settled_resets(plan: Plan, kind: str, key: str, account: Account, now: int) -> Sequence[Effect]:
    """The windows of the account of that key with every reset in them that is in force and was not yet."""
    found: list[Effect] = []
    for waterfall, layer in limits_of(plan, kind) if account.version else ():
        for met in _met(waterfall, layer, key, account, now) if layer.resets else ():
            if met.state is not None and met.state is not account.windows.get(met.key):
                found.append(SetWindow(met.key, met.state))
    return found


class Met(Struct, frozen=True):
    """A window as a reset meets it: `state` has every declared reset in it that is in force."""

    name: str
    key: str
    kind: WindowKind
    state: WindowState | None


def _met(waterfall: Waterfall, layer: LimitLayer, account_key: str, account: Account, now: int) -> Iterator[Met]:
    """The windows that the account has of a limit; those of an instant that it does not have are none."""
    facts = own_facts(waterfall.slots, layer.account, account_key, account)
    due = pending(layer.resets, account.since, facts, now)
    for index, window in enumerate(layer.windows):
        if isinstance(window.kind, ScheduleBy) and facts[window.kind.anchor] is ABSENT:
            continue
        kind, resets = kind_of(window.kind, facts), [reset for reset in due if index in reset.windows]
        for key in keys_of(window, account):
            yield Met(window.name, key, kind, reset_states(account.windows.get(key), kind, resets))


def keys_of(window: Counter, account: Account) -> Sequence[str]:
    """The keys that the account has of a window, and the window's own where it is kept per the account alone."""
    known = [key for key in account.windows if key.split("|", 1)[0] == window.key]
    return known if window.per or known else [window.key]


# ---- a reset of one account


class Renewed(Struct, frozen=True):
    """What a reset changes, and how its answer shows it."""

    effects: list[Effect]
    shown: list[dict[str, object]]


def _renewed(
    waterfall: Waterfall,
    layer: LimitLayer,
    account_key: str,
    account: Account,
    names: Sequence[str],
    restart: bool,
    now: int,
) -> Renewed:
    """A new generation of each window of these names that a reset at this instant changes."""
    renewed = Renewed([], [])
    for met in _met(waterfall, layer, account_key, account, now):
        after = after_reset(met.state, met.kind, restart, now) if met.name in names else None
        if after is not None and after is not met.state:
            renewed.effects.append(SetWindow(met.key, after))
            ends_at = end_text(after[ENDS_AT])
            renewed.shown.append({"window": met.key, "generation": after[GENERATION], "ends_at": ends_at})
    return renewed


def reset(plan: Plan, command: Reset, account_of: Callable[[str], Account], now: int, identified: Identified) -> Change:
    """Windows of the limit begin anew now; where none is in use, none does. Raises Failure for a limit, a window or an
    anchor that is none."""
    key, waterfall, layer = _limit(plan, command)
    names = [window.name for window in layer.windows]
    chosen = names if command.of is None else command.of
    if not chosen:
        help = "name one at least, or leave it out for all"
        raise Failure("unknown_window", "`of` names no window", help=help, pointer="/of")
    for name in chosen:
        if name not in names:
            raise _unknown("window", name, f"limit `{layer.name}` has no window", names, "/of")
    if command.anchor not in ANCHORS:
        raise _unknown("anchor", command.anchor, "a reset has no anchor", ANCHORS, "/anchor")
    restart = command.anchor == RESTART_ANCHOR
    renewed = _renewed(waterfall, layer, key, account_of(key), chosen, restart, now)
    shown = {"anchor": command.anchor, "windows": renewed.shown}
    return _change(key, renewed.effects, "reset", command, identified, now, shown)


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
    names = [window.name for window in layer.windows]
    renewed = _renewed(waterfall, layer, key, account, names, layer.banked_reset.restart, now)
    if not renewed.shown:
        message = f"limit `{layer.name}` has no window that a reset would change"
        raise Failure("nothing_to_reset", message, help="keep the reset until a window is in use", pointer="/limit")
    left = SetBanked(layer.name, tuple([one for one in kept if one != used]))
    answer = {"reset": used[BANKED_ID], "windows": renewed.shown, "banked": len(found) - 1}
    return _change(key, [left, *renewed.effects], "redeem", command, identified, now, answer)


def usable(resets: Sequence[Banked], now: int) -> list[Banked]:
    """Those that can still be redeemed, the earliest expiry first."""
    return [one for one in resets if now < one[BANKED_EXPIRES_AT]]


def _limit(plan: Plan, command: Reset | GrantReset | Redeem) -> tuple[str, Waterfall, LimitLayer]:
    """(key of the account, a waterfall that draws on the limit, the limit), which has banked resets where those are asked
    for."""
    kind, id = one_account(plan, command.account)
    banked = not isinstance(command, Reset)
    limits = {
        layer.name: (waterfall, layer)
        for waterfall, layer in limits_of(plan, kind.name)
        if layer.banked_reset is not None or not banked
    }
    name = command.limit
    if name not in limits:
        known, what = sorted(limits), "has banked resets" if banked else "is drawn on"
        help = (
            did_you_mean(name, known) or f"limits that {'have them' if banked else 'are'}: {', '.join(known) or 'none'}"
        )
        message = f"no limit `{name[:64]}` of a {kind.name} {what}"
        raise Failure("unknown_limit", message, help=help, pointer="/limit")
    return (f"{command.tenant}/{kind.name}/{id}", *limits[name])


def _unknown(what: str, name: str, message: str, known: Sequence[str], pointer: str) -> Failure:
    help = did_you_mean(name, known) or f"known: {', '.join(known)}"
    return Failure(f"unknown_{what}", f"{message} `{name[:64]}`", help=help, pointer=pointer)


def _change(
    key: str,
    effects: list[Effect],
    word: str,
    command: Reset | GrantReset | Redeem,
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
