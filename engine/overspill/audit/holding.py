"""What follows a reservation: captures, releases, time-outs, extensions (LED4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from overspill.audit.amounts import amount_of, amount_text, part_of
from overspill.audit.chain import USAGE
from overspill.audit.chart import LAPSED_MONEY, OVERSHOOT, debt_account
from overspill.audit.counting import (
    BASE,
    COUNTS,
    EXPIRES_AT,
    KIND,
    LATE_UNTIL,
    LAYER,
    LEG_AMOUNT,
    LEGS,
    LOTS,
    change_hold,
    is_counter,
    parts_of,
    window_of,
)
from overspill.audit.decisions import OWN_KINDS, reason_of, step_of
from overspill.audit.shapes import (
    Captured,
    Coverage,
    Draw,
    Ended,
    Gone,
    Part,
    Usage,
    captured_from,
    ended_from,
)
from overspill.audit.work import Work
from overspill.audit.world import Contradiction, Counter, Hold
from overspill.words.ids import derived_id
from overspill.words.instants import NEVER, instant_from_text


def _about(work: Work, hold: Hold) -> None:
    """What a posting says of the admission."""
    work.hold, work.cause = hold.id, hold.decision
    work.policy, work.version, work.rate_card = hold.policy, hold.version, hold.rate_card


def _is_of(work: Work, hold: Hold, answer: Captured | Ended, own: str) -> None:
    record, policy = work.record, answer.policy
    if (own, answer.hold, answer.at) != (record.id, record.key[1], work.at_text):
        work.wrong("LED5", "answers another command, or another time", "differs")
    asked = work.asked.account
    if asked != f"{record.key[0]}/{hold.root}":
        work.wrong("LED5", f"is commanded by another account than that of hold {hold.id}", "differs")
    if (answer.request, policy.digest, policy.waterfall) != (hold.request, hold.policy, hold.waterfall):
        work.wrong("LED4", f"is of another request or policy than hold {hold.id}", "differs")


# ---- captures


def captured(work: Work) -> None:
    """Usage against a hold: what its answer draws must be what the effects say is used."""
    answer = captured_from(work.answer)
    hold = work.world.hold(answer.hold)
    _is_of(work, hold, answer, answer.capture)
    _about(work, hold)
    hold.bookings += 1
    work.ids = (derived_id(hold.id, "bkg", hold.bookings),)
    inside = [draw for draw in answer.draws if draw.source == "hold"]
    beside = [draw for draw in answer.draws if draw.source == "free"]
    usage = f"usage:{hold.waterfall}"
    _lots_used(work, hold, answer)
    free = _met(work, hold, beside)
    held, used, layers = parts_of(hold, _legs(work, hold))
    _as_drawn(work, hold, answer, used, layers)
    coverage = [_coverage(hold, draw) for draw in (*inside, *beside)]
    coverage += [_owed(work, hold, draw, answer.repaid_back) for draw in answer.draws if draw.source == "debt"]
    if answer.absorbed != "0":
        coverage.append(_absorbed(work, hold, answer))
    _lapsed(work, answer.expired)
    if answer.final or hold.state == "late":
        held = {}
    change_hold(work, hold, held, used, free, usage)
    hold.layers = layers
    _totals(work, hold, answer)
    if answer.final:
        _over(work, hold)
    else:
        work.hold_state = hold.state
    work.price(_usage(work, answer), [one for one in coverage if one.base != "0" or one.amount != "0"])
    assert work.monetization is not None
    work.finish(work.monetization.event)


def _legs(work: Work, hold: Hold) -> Sequence[Sequence[Any]]:
    """Behind a capture: what the hold goes on with, or all that was used of it."""
    state = work.holds.get(hold.id)
    legs = work.ended.get(hold.id) if state is None else state[LEGS]
    if legs is None:
        raise Contradiction("LED4", f"captures of {hold.id}, and no account has it otherwise")
    return legs


def _met(work: Work, hold: Hold, beside: Sequence[Draw]) -> dict[Counter, int]:
    """What is drawn beside the hold, by counter: the last legs of the hold are these draws."""
    legs = [leg for leg in _legs(work, hold) if leg[BASE]][-len(beside) :] if beside else []
    found: dict[Counter, int] = {}
    for draw, leg in zip(beside, legs, strict=True):
        layer = leg[LAYER]
        if layer != draw.layer:
            work.wrong("LED7", f"draws {draw.layer}, and its effects {layer}")
        step = hold.steps.setdefault(layer, step_of(work, draw, leg[LEG_AMOUNT]))
        if leg[LEG_AMOUNT] * step != amount_of(draw.amount):
            work.wrong("LED7", f"draws {draw.amount} of {layer}, and its effects another amount", "amount")
        kind = "window" if draw.lots is None else "lot"
        for index, counter, generation, steps in leg[COUNTS]:
            account = hold.accounts[index]
            if account is None:
                continue
            name, _, rest = counter.partition("|")[0].partition(".")
            if draw.lots is None and name == layer:
                kind = OWN_KINDS.get(rest, kind)
            window_of(work, account, counter, layer, draw.unit, draw.lots is not None and name == layer)
            place = (account, counter, generation)
            found[place] = found.get(place, 0) + steps * step
        hold.kinds.setdefault(layer, kind)
        for pool, lot, _ in leg[LOTS]:
            drawn = work.world.lot((hold.accounts[leg[KIND]] or "", pool, lot[0]))
            if not drawn.since <= work.record.at < drawn.ends:
                work.wrong("LED8", f"draws {drawn.account} when it is not in effect")
    return found


def _lots_used(work: Work, hold: Hold, answer: Captured) -> None:
    """What the draws take from lots, in the order that they are told."""
    for draw in answer.draws:
        taken = 0
        for one in draw.lots or ():
            lot = work.world.lot((one.account, one.pool, one.lot))
            taken += amount_of(one.amount)
            if lot.asset != draw.unit:
                work.wrong("LED6", f"draws {draw.unit} of {lot.account}, which is of {lot.asset}", "differs")
            work.change(lot, -amount_of(one.amount), "usage", f"usage:{hold.waterfall}", f"revenue:{hold.waterfall}")
        beyond = amount_of(draw.overage) if isinstance(draw.overage, str) else 0
        if draw.lots is not None and taken + beyond != amount_of(draw.amount):
            work.wrong("LED6", f"draws {draw.amount} of {draw.layer}, and another amount of its lots", "amount")


def _as_drawn(work: Work, hold: Hold, answer: Captured, used: dict[Any, int], layers: dict[str, int]) -> None:
    """The effects say of each lot and layer that as much more of it is used as the answer drew."""
    drawn: dict[object, int] = {}
    for draw in answer.draws:
        if draw.source != "debt":
            drawn[draw.layer] = drawn.get(draw.layer, 0) + amount_of(draw.amount)
        for one in draw.lots or ():
            key = (one.account, one.pool, one.lot)
            drawn[key] = drawn.get(key, 0) + amount_of(one.amount)
    more: dict[object, int] = {layer: amount - hold.layers.get(layer, 0) for layer, amount in layers.items()}
    more |= {layer: -amount for layer, amount in hold.layers.items() if layer not in layers}
    for place in dict.fromkeys((*hold.used, *used)):
        if not is_counter(place):
            more[place] = used.get(place, 0) - hold.used.get(place, 0)
    if {place: amount for place, amount in more.items() if amount} != {
        place: amount for place, amount in drawn.items() if amount
    }:
        work.wrong("LED4", f"draws otherwise than hold {hold.id} is used", "amount")


def _coverage(hold: Hold, draw: Draw) -> Coverage:
    parts: list[Part] = []
    if draw.lots is None:
        parts.append(Part(kind=hold.kinds[draw.layer], amount=draw.amount))
    for one in draw.lots or ():
        parts.append(Part(kind="lot", amount=one.amount, account=one.account, pool=one.pool, lot=one.lot))
    if isinstance(draw.overage, str):
        parts.append(Part(kind="overage", amount=draw.overage))
    return Coverage(layer=draw.layer, base=draw.base, amount=draw.amount, unit=draw.unit, parts=tuple(parts))


def _owed(work: Work, hold: Hold, draw: Draw, back: Gone | None) -> Coverage:
    """What becomes a debt, or is one no more; what was repaid of that is a lot."""
    if back is None:
        if len(work.debts) != 1:
            raise Contradiction("LED6", "makes a debt, and no account owes it")
        [(account, pool)] = work.debts
    else:
        account, pool = back.account, back.pool
    amount, repaid = amount_of(draw.amount), 0
    debt = debt_account(account, pool)
    work.move(debt, draw.unit, -amount)
    work.move(f"usage:{hold.waterfall}", draw.unit, amount)
    if back is not None:
        repaid = amount_of(back.amount)
        if back.unit != draw.unit:
            work.wrong("LED6", f"gives back {back.unit} for a debt of {draw.unit}", "differs")
        lot = work.open((account, pool, back.lot), draw.unit, "paid", back.expires_at, amount=repaid)
        work.change(lot, repaid, "repaid_back", debt, "")
    change_debt(work, (account, pool), amount + repaid, hold.steps.get(draw.layer, 0))
    part = Part(kind="debt", amount=draw.amount, account=account, pool=pool)
    return Coverage(layer=draw.layer, base=draw.base, amount=draw.amount, unit=draw.unit, parts=(part,))


def change_debt(work: Work, place: tuple[str, str], more: int, step: int) -> None:
    """What is owed in a pool; the effects must say the same, where a step of its unit is known."""
    debts = work.world.debts
    owed = debts[place] = debts.get(place, 0) + more
    stated = work.debts.get(place)
    if owed < 0 or (more and stated is None) or (step and stated is not None and stated * step != owed):
        work.wrong("LED2", f"leaves a debt of {amount_text(owed)} in {'/'.join(place)}, its effects another", "amount")


def _absorbed(work: Work, hold: Hold, answer: Captured) -> Coverage:
    """What nobody pays: debited from a lot and given back to it, or without a lot. Of a stream that turns out cheaper, what
    was absorbed last is absorbed no more."""
    usage, base = f"usage:{hold.waterfall}", amount_of(answer.absorbed)
    if base < 0:
        amount, unit = _less_absorbed(work, hold, -base, answer.unit, usage)
    elif answer.refunded is None:
        amount, unit = base, answer.unit
        work.move(OVERSHOOT, unit, -amount)
        work.move(usage, unit, amount)
        hold.absorbed.append((base, unit, amount))
    else:
        told = answer.refunded
        lot = work.world.lot((told.account, told.pool, told.lot))
        amount, unit = amount_of(told.amount), told.unit
        work.change(lot, -amount, "usage", usage, "")
        work.change(lot, amount, "overshoot_refunded", OVERSHOOT, "")
        hold.absorbed.append((base, unit, amount))
    shown = amount_text(amount)
    parts = (Part(kind="absorbed", amount=shown),)
    return Coverage(layer=None, base=answer.absorbed, amount=shown, unit=unit, parts=parts)


def _less_absorbed(work: Work, hold: Hold, base: int, unit: str, usage: str) -> tuple[int, str]:
    total, by_unit = -base, dict[str, int]()
    while base:
        if not hold.absorbed:
            raise Contradiction("LED6", "absorbs less than nothing", "amount")
        last_base, asset, last = hold.absorbed.pop()
        part = min(base, last_base)
        amount = part_of(last, part, last_base)
        if part < last_base:
            hold.absorbed.append((last_base - part, asset, last - amount))
        work.move(OVERSHOOT, asset, amount)
        work.move(usage, asset, -amount)
        by_unit[asset] = by_unit.get(asset, 0) + amount
        base -= part
    if len(by_unit) == 1:
        [(asset, amount)] = by_unit.items()
        return -amount, asset
    return total, unit


def _lapsed(work: Work, expired: Sequence[Gone]) -> None:
    """What comes back of lots that are over is over too, or a lot of its own."""
    for gone in expired:
        lot, amount = work.world.lot((gone.account, gone.pool, gone.lot)), amount_of(gone.amount)
        if gone.unit != lot.asset:
            work.wrong("LED6", f"loses {gone.unit} of {lot.account}, which is of {lot.asset}", "differs")
        if gone.reissued is None:
            work.change(lot, -amount, "expired", f"breakage:{lot.category}", LAPSED_MONEY)
        else:
            key = (gone.account, gone.pool, gone.reissued.lot)
            new = work.open(key, lot.asset, lot.category, gone.reissued.expires_at, parent=lot)
            work.change(lot, -amount, "reissued", "", f"rounding:{lot.currency}")
            work.change(new, amount, "reissued", "", f"rounding:{lot.currency}")


def _totals(work: Work, hold: Hold, answer: Captured) -> None:
    """LED6: what all captures have used is what the answers say together."""
    used, covered = amount_of(answer.used), amount_of(answer.covered)
    hold.base_used += used
    if used != covered + amount_of(answer.absorbed):
        work.wrong("LED6", "covers and absorbs another amount than was used", "amount")
    if answer.total is not None and amount_of(answer.total) != hold.base_used:
        what = f"has used {answer.total} with those before it, they come to {amount_text(hold.base_used)}"
        work.wrong("LED6", what, "amount")
    if answer.final != work.asked.final:
        work.wrong("LED4", f"is asked to be the last of hold {hold.id}, or not, and answers otherwise", "differs")
    if answer.late != (hold.state == "late"):
        work.wrong("LED4", f"is {'' if answer.late else 'not '}late, hold {hold.id} is {hold.state}", "differs")


def _usage(work: Work, answer: Captured) -> Usage:
    record, asked = work.record, work.asked
    account = asked.account if isinstance(asked.account, str) else ""
    layers = dict.fromkeys(draw.layer for draw in answer.draws if draw.base != "0" or draw.amount != "0")
    return Usage(
        event=work.own_ids[USAGE],
        kind="usage",
        at=work.at_text,
        tenant=record.key[0],
        account=account.partition("/")[2],
        request=answer.request,
        cause=record.id,
        waterfall=answer.policy.waterfall,
        meters=asked.meters,
        base=answer.used,
        unit=answer.unit,
        charge=answer.charge,
        reason=reason_of(answer.charge, answer.used, bool(answer.draws)),
        layers=tuple(layers),
    )


# ---- ends


def ended(work: Work) -> None:
    """A release, or a time-out: nothing is held any more; one that may be captured late is still known."""
    answer = ended_from(work.answer)
    hold = work.world.hold(answer.hold)
    _is_of(work, hold, answer, answer.release or answer.expire)
    _about(work, hold)
    if hold.state != "open" and answer.expire:
        work.wrong("LED4", f"times hold {hold.id} out again", "duplicate")
    if answer.effective_at is not None:
        work.effective_at = instant_from_text(answer.effective_at)
        if work.effective_at != hold.expires_at or work.effective_at > work.record.at:
            work.wrong("LED4", f"times hold {hold.id} out at another time than its own", "differs")
    _lapsed(work, answer.expired)
    change_hold(work, hold, {}, hold.used, {}, f"usage:{hold.waterfall}")
    state = work.holds.get(hold.id)
    if state is None:
        _over(work, hold)
    else:
        hold.state = work.hold_state = "late"
        hold.late_until = state[LATE_UNTIL]
        work.world.late.append(hold.id)
    work.finish(work.record.id)


def _over(work: Work, hold: Hold) -> None:
    if hold.id not in work.ended:
        work.wrong("LED4", f"ends hold {hold.id}, and no account does")
    work.hold_state = "over"
    del work.world.holds[hold.id]


def extended(work: Work) -> None:
    """The hold ends later."""
    answer = ended_from(work.answer)
    hold = work.world.hold(answer.hold)
    _is_of(work, hold, answer, answer.extend)
    state = work.holds.get(hold.id)
    told = NEVER if answer.expires_at is None else instant_from_text(answer.expires_at)
    if state is None or state[EXPIRES_AT] != told:
        raise Contradiction("LED4", f"extends hold {hold.id} otherwise than its account has it", "differs")
    hold.expires_at, hold.late_until = told, state[LATE_UNTIL]
    work.finish(work.record.id)
