"""Capture, release and time-out of a hold (LANGUAGE.md S1, S2, T2).

A capture prices its actual meters as of the admission and refills the same order: first inside the hold's legs, then,
for what exceeds them, from what is free, by the facts of the admission and in its window generations only. What no
layer covers is booked as absorbed: usage is never cut short. What is not used goes back to where it came from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from overspill.account.draft import AccountOf, Draft
from overspill.account.effects import Effect, EndHold, SetHold, SetLot, SetWindow
from overspill.account.holds import Kept, booked, give_back, lots_used, trimmed
from overspill.account.kernel import LATE, OVER, kept, phase
from overspill.account.state import Account, Hold
from overspill.decide.admit import admit_meters
from overspill.decide.effects import layer_effects, leg_of
from overspill.plan.functions import ABSENT
from overspill.plan.interpret import Meeting, fill, is_charged
from overspill.plan.plan import ROOT, Layer, Origin, Plan, PoolLayer, Waterfall
from overspill.plan.pricing import base_amount, look_up
from overspill.plan.program import Program
from overspill.plan.raw import Facts, Step
from overspill.plan.shapes import GENERATION, USED
from overspill.records.usage import USAGE
from overspill.step import facts as facts_kept
from overspill.step.expiry import ProgramOf, holders, layer_of, rehoused
from overspill.step.keys import Identified
from overspill.step.overshoot import (
    Overshoot,
    left_of_bounds,
    owed_draws,
    refund_shown,
    repaid_shown,
    settle_overshoot,
)
from overspill.words.amounts import UNLIMITED
from overspill.words.codec import Struct, json_bytes, replace
from overspill.words.failures import Failure
from overspill.words.ids import derived_id
from overspill.words.instants import NEVER, instant_text, instant_text_micros
from overspill.words.lengths import instant_after
from overspill.words.texts import amount_text_of

Effects = dict[str, list[Effect]]


class Settled(Struct, frozen=True):
    """`ids` lead to the record beside its own."""

    answer: bytes
    effects: Effects
    events: tuple[str, ...]
    ids: tuple[str, ...] = ()


def booking_id(hold: str, number: int) -> str:
    """What leads to a hold's capture of this number, counted from 1."""
    return derived_id(hold, "bkg", number)


def hold_of(account: Account, hold_id: str, now: int) -> Hold:
    """The hold, open or within its late capture. Raises Failure `hold_closed` for one that is over, whether the account
    still remembers it or not."""
    hold = account.holds.get(hold_id)
    if hold is None or phase(hold.open, hold.expires_at, hold.late_until, now) == OVER:
        raise Failure(
            "hold_closed",
            f"hold `{hold_id[:80]}` is over: captured, released, or timed out and too late for a capture",
            help="`explain` shows its reservation; record further usage with a new request",
        )
    return hold


def expired(hold: Hold, program_of: ProgramOf, account_of: AccountOf, now: int, identified: Identified) -> Settled:
    """The time-out: what is held goes back, as of the hold's end; it stays behind, closed, for a late capture."""
    parts = [booked(leg) for leg in hold.legs]
    draft = Draft(account_of)
    gone = _unwound(hold, parts, draft, hold.expires_at, program_of, identified)
    closed = replace(hold, legs=tuple([trimmed(part) for part in parts if part.base]), open=False)
    late = phase(closed.open, closed.expires_at, closed.late_until, now) == LATE
    for key in holders(hold):
        # Only the account that answers for it takes a late capture.
        draft.add(key, SetHold(closed) if late and key == hold.accounts[ROOT] else EndHold(hold.id))
    shown = {"effective_at": instant_text(hold.expires_at), **gone}
    return Settled(_answer("expire", identified, hold, now, shown), draft.effects(), ())


def released(hold: Hold, program_of: ProgramOf, account_of: AccountOf, now: int, identified: Identified) -> Settled:
    """What is held goes back and the hold is over."""
    draft = Draft(account_of)
    gone = _unwound(hold, [booked(leg) for leg in hold.legs], draft, now, program_of, identified)
    for key in holders(hold):
        draft.add(key, EndHold(hold.id))
    return Settled(_answer("release", identified, hold, now, gone), draft.effects(), ())


def extended(program: Program, hold: Hold, now: int, identified: Identified) -> Settled:
    """The hold lasts as long again from now as one that is made now. Raises Failure for one that has timed out."""
    if not hold.open:
        message = f"hold `{hold.id}` has timed out, so there is nothing to extend"
        raise Failure("hold_closed", message, help="capture what was used, and reserve again")
    waterfall = program.plan.waterfall(hold.waterfall)
    expires_at = max(hold.expires_at, instant_after(now, waterfall.hold_length))
    later = replace(hold, expires_at=expires_at, late_until=instant_after(expires_at, waterfall.late_length))
    effects: Effects = {key: [SetHold(later)] for key in holders(hold)}
    shown: dict[str, object] = {"expires_at": None if expires_at == NEVER else instant_text(expires_at)}
    return Settled(_answer("extend", identified, hold, now, shown), effects, ())


def captured(
    program: Program,
    hold: Hold,
    meters: dict[str, int],
    account_of: AccountOf,
    now: int,
    identified: Identified,
    *,
    final: bool,
) -> Settled:
    """The actual usage, refilled in the order of the admission. All captures of a hold are priced, rounded and refilled
    together, and each books what it adds; the final one ends the hold (LANGUAGE.md S1, S2)."""
    draft = Draft(account_of)
    refill = refilled(program, hold, meters, draft, now, identified, final=final)
    waterfall, facts, base, inside = refill.waterfall, refill.facts, refill.base, refill.inside
    excess = _excess(refill, hold, draft)
    left = base - sum(part.base for part in (*inside, *excess))
    over = settle_overshoot(waterfall, facts, hold, [*inside, *excess], left, draft)
    after = hold if final else _going_on(hold, inside, excess, refill.meters, over)
    used = tuple([trimmed(part) for part in (*inside, *excess) if part.base])
    for key in holders(after) if hold.open else [_root(hold)]:
        draft.add(key, EndHold(hold.id, used, over.owed) if final else SetHold(after))
    write = amount_text_of(waterfall.unit.scale)
    before = sum(leg.used_base for leg in hold.legs) + hold.absorbed + hold.owed_base
    absorbed = over.absorbed - hold.absorbed
    added = [*[(part, "hold") for part in inside if part.leg.base], *[(part, "free") for part in excess]]
    shown = {
        "late": not hold.open,
        "used": write(base - before),
        "covered": write(base - before - absorbed),
        "absorbed": write(absorbed),
        "unit": waterfall.unit.name,
        **({} if final and not hold.meters else {"total": write(base), "final": final}),
        "charge": _charge(waterfall, [part for part, _ in added], over),
        "draws": [
            *[_draw(waterfall, hold, part, source, refill.ends) for part, source in added],
            *owed_draws(waterfall, over),
        ],
        **({} if over.lot is None else {"refunded": refund_shown(hold, over)}),
        **(
            {}
            if not over.returned
            else {"repaid_back": repaid_shown(program, over, hold, facts, draft, now, identified)}
        ),
        **refill.gone,
    }
    ids = (booking_id(hold.id, hold.bookings + 1),)
    return Settled(_answer("capture", identified, hold, now, shown), draft.effects(), USAGE, ids)


def _going_on(
    hold: Hold, inside: Sequence[Kept], excess: Sequence[Kept], meters: dict[str, int], over: Overshoot
) -> Hold:
    """The hold behind a capture that is not the last: what was drawn from free beyond it is part of it, used whole. One that
    has timed out holds nothing, so that what a cheaper stream uses no more has gone back."""
    if hold.open:
        legs = [replace(part.leg, used_base=part.base, used=part.amount) for part in inside]
    else:
        legs = [trimmed(part) for part in inside if part.base]
    legs += [trimmed(part) for part in excess]
    return replace(
        hold,
        legs=tuple(legs),
        meters=meters,
        absorbed=over.absorbed,
        owed_base=over.owed_base,
        owed=over.owed,
        bookings=hold.bookings + 1,
    )


def _root(hold: Hold) -> str:
    root = hold.accounts[ROOT]
    assert root is not None
    return root


def _unwound(
    hold: Hold, parts: Sequence[Kept], draft: Draft, at: int, program_of: ProgramOf, identified: Identified
) -> dict[str, object]:
    """All of the hold but these parts goes back at the instant `at`; the answer's `expired` where some of it cannot."""
    homeless = [one for part in parts for one in give_back(draft, hold, part, at)]
    expired = rehoused(lambda: program_of(hold.digest).plan.waterfall(hold.waterfall), homeless, draft, at, identified)
    return {"expired": expired} if expired else {}


# ---- capture


class Refill(Struct, frozen=True, kw_only=True):
    """A capture's usage as it meets the order of its admission: what of it is `inside` the hold, and for the rest what each
    layer covers from what is free, in `accounts` as they are once the hold has given back what it does not use."""

    waterfall: Waterfall
    facts: Facts
    meters: dict[str, int]
    """Those of all captures so far."""
    base: int
    inside: list[Kept]
    ends: bool
    """Whether nothing is held behind it: what is not used has gone back."""
    gone: dict[str, object]
    """What of the hold could not go back."""
    accounts: Sequence[Account | None]
    free: Sequence[tuple[Layer, Step]]


def refilled(
    program: Program, hold: Hold, meters: dict[str, int], draft: Draft, now: int, identified: Identified, *, final: bool
) -> Refill:
    """What the hold does not use goes back in the draft; nothing is drawn in it yet. Raises Failure for meters that are
    none."""
    admit_meters(program.plan, meters)
    waterfall = program.plan.waterfall(hold.waterfall)
    total = {name: meters.get(name, 0) + hold.meters.get(name, 0) for name in sorted({*hold.meters, *meters})}
    admit_meters(program.plan, total)
    facts = _facts(program.plan, waterfall, hold, total)
    base = base_amount(waterfall, facts, hold.at)
    inside = _inside(waterfall, facts, hold, base)
    ends = final or not hold.open
    gone = _unwound(hold, inside, draft, now, lambda _: program, identified) if ends else {}
    asked = base - sum(part.base for part in inside) - hold.owed_base
    accounts = [None if key is None else draft.after(key, now) for key in hold.accounts] if asked > 0 else []
    free = _free(waterfall, facts, hold, inside, asked, draft, accounts, now) if asked > 0 else []
    return Refill(
        waterfall=waterfall,
        facts=facts,
        meters=total,
        base=base,
        inside=inside,
        ends=ends,
        gone=gone,
        accounts=accounts,
        free=free,
    )


def _facts(plan: Plan, waterfall: Waterfall, hold: Hold, meters: dict[str, int]) -> Facts:
    """The admission's facts with the capture's meters in place of the estimate's."""
    found = facts_kept.read(plan, waterfall, hold.facts)
    for index, slot in enumerate(waterfall.slots):
        if slot.origin is Origin.METER:
            value = meters.get(slot.input.name, slot.input.default)
            if value is None and not slot.input.optional:
                raise Failure(
                    "missing_meter",
                    f"the capture has no meter `{slot.input.name}`, which waterfall `{waterfall.name}` reads",
                    help="send it under `meters`",
                    pointer=f"/meters/{slot.input.name}",
                )
            found[index] = ABSENT if value is None else value
    return tuple(found)


def _inside(waterfall: Waterfall, facts: Facts, hold: Hold, base: int) -> list[Kept]:
    asked, parts = base, []
    for leg in hold.legs:
        if not leg.base:  # a concurrency
            parts.append(Kept(leg, 0, 0))
            continue
        ratio = look_up(layer_of(waterfall, leg.layer).ratio, waterfall, facts)
        used, amount = kept(asked, leg.base, leg.amount, *ratio)
        parts.append(Kept(leg, used, amount))
        asked -= used
    return parts


def _free(
    waterfall: Waterfall,
    facts: Facts,
    hold: Hold,
    inside: Sequence[Kept],
    asked: int,
    draft: Draft,
    accounts: Sequence[Account | None],
    now: int,
) -> list[tuple[Layer, Step]]:
    """What each layer visited covers of `asked` beyond what is `inside`, within the request's own bounds (LANGUAGE.md
    L10)."""
    prior: dict[str, tuple[int, int]] = {}
    for part in inside:
        base, amount = prior.get(part.leg.layer, (0, 0))
        prior[part.leg.layer] = (base + part.base, amount + part.amount)
    bounds = left_of_bounds(waterfall, facts, hold, inside, draft)
    meeting = Meeting(
        waterfall=waterfall,
        facts=facts,
        accounts=accounts,
        now=now,
        admitted_at=hold.at,
        funded=hold.funded,
        prior=prior,
        bounds=bounds,
    )
    return list(zip(waterfall.layers, fill(meeting, asked)[5], strict=False))


def _excess(refill: Refill, hold: Hold, draft: Draft) -> list[Kept]:
    """What free layers cover beyond the hold; what they give is drawn in the draft."""
    waterfall, facts = refill.waterfall, refill.facts
    steps = [(layer, step) for layer, step in refill.free if len(step) == 6 and step[1]]
    if waterfall.fill_whole and steps:  # one layer takes it, not several beside each other (LANGUAGE.md L3)
        steps = [max(steps, key=lambda pair: pair[1][1])]
    for layer, step in steps:
        for kind, effect in layer_effects(layer, step, facts):
            account = hold.accounts[kind]
            if account is not None:
                _draw_in(draft, account, effect)
    return [Kept(leg_of(layer, step, facts), step[1], step[2]) for layer, step in steps]


def _draw_in(draft: Draft, account: str, effect: Effect) -> None:
    if isinstance(effect, SetWindow):
        present = draft.window(account, effect.key)
        if present is None or effect.state[GENERATION] >= present[GENERATION]:
            draft.set_window(account, effect.key, effect.state)
        elif effect.state[USED] < UNLIMITED:  # beyond that nobody counts
            draft.set_closed(account, effect.key, effect.state)
    elif isinstance(effect, SetLot):
        draft.set_lot(account, effect.pool, effect.lot)
    else:
        raise AssertionError("layers change windows and lots")


# ---- answers


def _charge(waterfall: Waterfall, parts: Sequence[Kept], over: Overshoot) -> dict[str, str]:
    """LANGUAGE.md S7: what pools not marked `free` were debited, by unit, before refunds; what they are owed too."""
    totals: dict[str, int] = {}
    writes: dict[str, Callable[[int], str]] = {}
    for part in parts:
        layer = layer_of(waterfall, part.leg.layer)
        added = part.amount - part.leg.used
        if is_charged(layer) and added:
            writes[layer.unit.name] = amount_text_of(layer.unit.scale)
            totals[layer.unit.name] = totals.get(layer.unit.name, 0) + added
    debited = 0 if over.pool is None else over.added[1] + (0 if over.lot is None else over.refunded)
    if over.pool is not None and is_charged(over.pool) and debited:
        unit = over.pool.unit
        writes[unit.name] = amount_text_of(unit.scale)
        totals[unit.name] = totals.get(unit.name, 0) + debited
    return {unit: writes[unit](total) for unit, total in totals.items()}


def _draw(waterfall: Waterfall, hold: Hold, part: Kept, source: str, ends: bool) -> dict[str, object]:
    """What the capture adds to a layer's part, and where what is held ends with it, what goes back."""
    leg = part.leg
    layer = layer_of(waterfall, leg.layer)
    write = amount_text_of(layer.unit.scale)
    shown: dict[str, object] = {
        "layer": layer.name,
        "from": source,
        "base": amount_text_of(waterfall.unit.scale)(part.base - leg.used_base),
        "amount": write(part.amount - leg.used),
        "returned": write(leg.amount - part.amount if ends else 0),
        "unit": layer.unit.name,
    }
    if isinstance(layer, PoolLayer):
        account = (hold.accounts[layer.account] or "").split("/", 1)[1]
        lots = {(pool, lot[0]): drawn for pool, lot, drawn in lots_used(part)}
        before = {(pool, lot[0]): drawn for pool, lot, drawn in lots_used(booked(leg))}
        added = {key: lots.get(key, 0) - before.get(key, 0) for key in {**lots, **before}}
        shown["lots"] = [
            {"account": account, "pool": pool, "lot": lot, "amount": write(amount)}
            for (pool, lot), amount in added.items()
            if amount
        ]
        beyond = part.amount - leg.used - sum(added.values())
        if beyond:
            shown["overage"] = write(beyond)
    return shown


def _answer(kind: str, identified: Identified, hold: Hold, now: int, shown: dict[str, object]) -> bytes:
    head = {kind: identified.id, "hold": hold.id, "request": hold.request, "at": instant_text_micros(now)}
    policy = {"digest": hold.digest, "waterfall": hold.waterfall}
    return json_bytes({**head, **shown, "policy": policy})
