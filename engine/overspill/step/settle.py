"""Capture, release and time-out of a hold (LANGUAGE.md S1, S2, T2).

A capture prices its actual meters as of the admission and refills the same order: first inside the hold's legs, then,
for what exceeds them, from what is free, by the facts of the admission and in its window generations only. What no
layer covers is booked as absorbed: usage is never cut short. What is not used goes back to where it came from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from overspill.account.effects import Effect, EndHold, SetHold, SetLot, SetWindow, apply
from overspill.account.holds import Kept, given_back, lots_used
from overspill.account.kernel import kept
from overspill.account.state import Account, Hold, Leg
from overspill.decide.admit import admit_meters
from overspill.plan.functions import ABSENT
from overspill.plan.interpret import base_amount, fill, look_up
from overspill.plan.plan import ROOT, Layer, LimitLayer, Origin, PoolLayer, Waterfall, state_key
from overspill.plan.program import Program
from overspill.plan.raw import Facts
from overspill.plan.shapes import ENDS_AT, LOT_LEFT, OPENED_AT, Lot, WindowState
from overspill.records.usage import USAGE
from overspill.step.keys import Identified
from overspill.words.codec import Struct, json_bytes, replace
from overspill.words.failures import Failure
from overspill.words.instants import NEVER, instant_text_micros
from overspill.words.texts import amount_text_of

AccountOf = Callable[[str], Account]
Effects = dict[str, list[Effect]]


class Settled(Struct, frozen=True):
    answer: bytes
    effects: Effects
    events: tuple[str, ...]


class Excess(Struct, frozen=True):
    """What one layer covers beyond the hold."""

    layer: Layer
    base: int
    amount: int
    windows: tuple[tuple[str, WindowState], ...]
    lots: tuple[tuple[str, Lot, int], ...]


def hold_of(account: Account, hold_id: str, now: int) -> Hold:
    """The hold, open or within its late capture. Raises Failure `hold_closed` for one that is over, whether the account
    still remembers it or not."""
    hold = account.holds.get(hold_id)
    if hold is None or (not hold.open and now >= hold.late_until):
        raise Failure(
            "hold_closed",
            f"hold `{hold_id[:80]}` is over: captured, released, or timed out and too late for a capture",
            help="`explain` shows its reservation; record further usage with a new request",
        )
    return hold


def expired(hold: Hold, account_of: AccountOf, now: int, identified: Identified) -> Settled:
    """The time-out: everything goes back; the hold stays behind, closed, for a late capture."""
    effects = _returns(hold, [Kept(leg, 0, 0) for leg in hold.legs], account_of)
    closed = replace(hold, legs=(), open=False)
    for key in _holders(hold):
        # Only the account that answers for it takes a late capture.
        kept_closed = key == hold.accounts[ROOT] and now < hold.late_until
        effects.setdefault(key, []).append(SetHold(closed) if kept_closed else EndHold(hold.id))
    return Settled(_answer("expire", identified, hold, now, {}), effects, ())


def released(hold: Hold, account_of: AccountOf, now: int, identified: Identified) -> Settled:
    """Everything goes back and the hold is over."""
    effects = _returns(hold, [Kept(leg, 0, 0) for leg in hold.legs], account_of)
    for key in _holders(hold):
        effects.setdefault(key, []).append(EndHold(hold.id))
    return Settled(_answer("release", identified, hold, now, {}), effects, ())


def captured(
    program: Program, hold: Hold, meters: dict[str, int], account_of: AccountOf, now: int, identified: Identified
) -> Settled:
    """The actual usage, refilled in the order of the admission; ends the hold."""
    admit_meters(program.plan, meters)
    waterfall = next(one for one in program.plan.waterfalls if one.name == hold.waterfall)
    facts = _facts(waterfall, hold, meters)
    base = base_amount(waterfall, facts, hold.at)
    inside = _inside(waterfall, facts, hold, base)
    effects = _returns(hold, inside, account_of)
    excess, absorbed = _excess(
        waterfall, facts, hold, base - sum(part.base for part in inside), account_of, effects, now
    )
    for part in excess:
        key = hold.accounts[part.layer.kind]
        assert key is not None
        effects.setdefault(key, []).extend(_excess_effects(part))
    for key in _holders(hold):
        effects.setdefault(key, []).append(EndHold(hold.id))
    write = amount_text_of(waterfall.unit.scale)
    shown = {
        "late": not hold.open,
        "used": write(base),
        "covered": write(base - absorbed),
        "absorbed": write(absorbed),
        "unit": waterfall.unit.name,
        "charge": _charge(waterfall, inside, excess),
        "draws": [*_inside_draws(waterfall, hold, inside), *_excess_draws(waterfall, hold, excess)],
    }
    return Settled(_answer("capture", identified, hold, now, shown), effects, USAGE)


def _holders(hold: Hold) -> list[str]:
    """The accounts that know the hold: the one that answers for it, and those its legs were drawn from."""
    keys = [hold.accounts[ROOT], *(hold.accounts[leg.kind] for leg in hold.legs)]
    return list(dict.fromkeys(key for key in keys if key is not None))


def _returns(hold: Hold, parts: Sequence[Kept], account_of: AccountOf) -> Effects:
    effects: Effects = {}
    for part in parts:
        key = hold.accounts[part.leg.kind]
        assert key is not None
        changed = given_back(part, account_of(key))
        if changed:
            effects.setdefault(key, []).extend(changed)
    return effects


# ---- capture


def _facts(waterfall: Waterfall, hold: Hold, meters: dict[str, int]) -> Facts:
    """The admission's facts with the capture's meters in place of the estimate's."""
    facts: list[object] = []
    for slot, fact in zip(waterfall.slots, hold.facts, strict=True):
        value: object = fact
        if slot.origin is Origin.METER:
            value = meters.get(slot.input.name, slot.input.default)
            if value is None and not slot.input.optional:
                raise Failure(
                    "missing_meter",
                    f"the capture has no meter `{slot.input.name}`, which waterfall `{waterfall.name}` reads",
                    help="send it under `meters`",
                    pointer=f"/meters/{slot.input.name}",
                )
        facts.append(ABSENT if value is None else value)
    return tuple(facts)


def _layer(waterfall: Waterfall, leg: Leg) -> Layer:
    return next(layer for layer in waterfall.layers if layer.name == leg.layer)


def _inside(waterfall: Waterfall, facts: Facts, hold: Hold, base: int) -> list[Kept]:
    asked, parts = base, []
    for leg in hold.legs:
        ratio = look_up(_layer(waterfall, leg).ratio, waterfall, facts)
        used, amount = kept(asked, leg.base, leg.amount, *ratio)
        parts.append(Kept(leg, used, amount))
        asked -= used
    return parts


def _excess(
    waterfall: Waterfall, facts: Facts, hold: Hold, asked: int, account_of: AccountOf, effects: Effects, now: int
) -> tuple[list[Excess], int]:
    """(what free layers cover of `asked`, what nobody covers)."""
    if asked == 0:
        return [], 0
    states = {key: apply(account_of(key), effects.get(key, ()), now) for key in hold.accounts if key is not None}
    accounts = [
        None if key is None else _as_admitted(states[key], _window_keys(waterfall, kind, facts), hold.at)
        for kind, key in enumerate(hold.accounts)
    ]
    raw = fill(waterfall, facts, accounts, asked, now)
    found = []
    for layer, step in zip(waterfall.layers, raw[5], strict=False):
        if len(step) == 2 or not step[1]:
            continue
        values = tuple(str(facts[slot]) for slot in layer.per)
        key = hold.accounts[layer.kind]
        assert key is not None
        if isinstance(layer, LimitLayer):
            keys = [state_key(window.key, values) for window in layer.windows]
            windows = tuple((name, states[key].windows[name]) for name in keys)
            found.append(Excess(layer, step[1], step[2], windows, ()))
        elif len(step) == 4:
            pool = state_key(layer.name, values)
            found.append(Excess(layer, step[1], step[2], (), tuple((pool, lot, part) for lot, part in step[3])))
    if waterfall.fill_whole and found:  # one layer takes it, not several beside each other (LANGUAGE.md L3)
        found = [max(found, key=lambda part: part.base)]
    return found, asked - sum(part.base for part in found)


def _window_keys(waterfall: Waterfall, kind: int, facts: Facts) -> list[str]:
    """The keys of all windows that the waterfall's limits keep in accounts of this kind."""
    return [
        state_key(window.key, tuple(str(facts[slot]) for slot in layer.per))
        for layer in waterfall.layers
        if isinstance(layer, LimitLayer) and layer.kind == kind
        for window in layer.windows
    ]


def _as_admitted(account: Account, keys: Sequence[str], at: int) -> Account:
    """The state with its windows as a late draw may use them: the generation of the admission has room whether it is
    closed or not, another one has none (LANGUAGE.md T2)."""
    windows: dict[str, WindowState] = dict.fromkeys(keys, (0, 0, NEVER, NEVER))
    for key, state in account.windows.items():
        admitted = state[OPENED_AT] <= at < state[ENDS_AT]
        windows[key] = (state[0], state[1], NEVER, state[3] if admitted else NEVER)
    return Account(account.version, account.at, account.attributes, windows, account.pools, account.holds)


def _excess_effects(part: Excess) -> list[Effect]:
    windows = [SetWindow(key, (*state[:3], state[3] + part.amount)) for key, state in part.windows]
    lots = [SetLot(pool, (lot[0], lot[LOT_LEFT] - drawn, *lot[2:])) for pool, lot, drawn in part.lots]
    return [*windows, *lots]


# ---- answers


def _charge(waterfall: Waterfall, inside: Sequence[Kept], excess: Sequence[Excess]) -> dict[str, str]:
    amounts = [(_layer(waterfall, part.leg), part.amount) for part in inside]
    amounts += [(part.layer, part.amount) for part in excess]
    totals: dict[str, int] = {}
    writes = {layer.unit.name: amount_text_of(layer.unit.scale) for layer, _ in amounts}
    for layer, amount in amounts:
        if isinstance(layer, PoolLayer) and not layer.free and amount:
            totals[layer.unit.name] = totals.get(layer.unit.name, 0) + amount
    return {unit: writes[unit](total) for unit, total in totals.items()}


def _inside_draws(waterfall: Waterfall, hold: Hold, inside: Sequence[Kept]) -> list[dict[str, object]]:
    shown = []
    for part in inside:
        layer = _layer(waterfall, part.leg)
        back = part.leg.amount - part.amount
        shown.append(_draw(waterfall, hold, layer, "hold", part.base, part.amount, lots_used(part), back))
    return shown


def _excess_draws(waterfall: Waterfall, hold: Hold, excess: Sequence[Excess]) -> list[dict[str, object]]:
    return [_draw(waterfall, hold, part.layer, "free", part.base, part.amount, part.lots, 0) for part in excess]


def _draw(
    waterfall: Waterfall,
    hold: Hold,
    layer: Layer,
    source: str,
    base: int,
    amount: int,
    lots: Sequence[tuple[str, Lot, int]],
    back: int,
) -> dict[str, object]:
    write = amount_text_of(layer.unit.scale)
    shown: dict[str, object] = {
        "layer": layer.name,
        "from": source,
        "base": amount_text_of(waterfall.unit.scale)(base),
        "amount": write(amount),
        "returned": write(back),
        "unit": layer.unit.name,
    }
    if isinstance(layer, PoolLayer):
        account = (hold.accounts[layer.kind] or "").split("/", 1)[1]
        shown["lots"] = [
            {"account": account, "pool": pool, "lot": lot[0], "amount": write(part)} for pool, lot, part in lots
        ]
    return shown


def _answer(kind: str, identified: Identified, hold: Hold, now: int, shown: dict[str, object]) -> bytes:
    head = {kind: identified.id, "hold": hold.id, "request": hold.request, "at": instant_text_micros(now)}
    policy = {"digest": hold.digest, "waterfall": hold.waterfall}
    return json_bytes({**head, **shown, "policy": policy})
