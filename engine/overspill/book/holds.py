"""What follows a reservation: captures, releases, time-outs.

What a capture draws `from` the hold leaves the hold's accounts, leg by leg in the order that the hold keeps them; what it
draws from what is free leaves its source directly, and is a leg of the hold from then on, used whole. What nobody uses
goes back to where it came from, at the end of the hold, and behind it at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from overspill.book import capacity, chart
from overspill.book.amounts import billionths, decimal_text, share
from overspill.book.chart import LotKey
from overspill.book.effects import (
    COUNT_GENERATION,
    COUNT_KEY,
    COUNT_KIND,
    HOLD_LATE_UNTIL,
    LEG_AMOUNT,
    LEG_COUNTS,
    Told,
    debt_changed,
    hold_set,
    legs_left,
)
from overspill.book.entry import Entry
from overspill.book.requests import OWN_KINDS
from overspill.book.state import Absorbed, Count, Hold, Leg
from overspill.records.monetization import Coverage, Part
from overspill.records.postings import Posted
from overspill.records.told import (
    CaptureTold,
    DrawTold,
    EndedTold,
    GoneTold,
    LotTold,
    PolicyTold,
    capture_told,
    ended_told,
)
from overspill.records.usage_events import captured_usage
from overspill.words.instants import instant_from_text


def _about(entry: Entry, hold: Hold) -> None:
    """Version and rate card are those of the admission."""
    entry.cause, entry.hold = hold.decision, hold.id
    entry.policy = PolicyTold(digest=hold.policy, version=hold.version, rate_card=hold.rate_card)


# ---- captures


def captured(entry: Entry) -> Posted:
    """A capture: used in full, in the order that it was covered; the last one gives the rest back."""
    answer = capture_told(entry.record.answer)
    hold = entry.need_hold(answer.hold)
    entry.need_lots(_lots_named(answer))
    _about(entry, hold)
    inside = [draw for draw in answer.draws if draw.source == "hold"]
    free = [draw for draw in answer.draws if draw.source == "free"]
    legs = list(hold.legs)
    for leg, draw in zip(legs, inside, strict=True):
        _use(entry, hold, leg, draw)
    fresh = legs_left(entry.record, hold.id)[-len(free) :] if free else []
    hold.legs += [_drawn_free(entry, hold, draw, kept) for draw, kept in zip(free, fresh, strict=True)]
    coverage = [_coverage(hold, leg, draw) for leg, draw in zip(hold.legs, [*inside, *free], strict=True)]
    coverage += [_owe(entry, hold, draw, answer.repaid_back) for draw in answer.draws if draw.source == "debt"]
    if answer.absorbed != "0":
        coverage.append(_absorb(entry, hold, answer))
    if answer.final or not hold.is_open:
        _unwind(entry, hold, answer.expired)
    if answer.final:
        _end(entry, hold)
    elif hold.is_open:
        entry.hold_state = "open"
    else:
        hold.legs = [leg for leg in hold.legs if leg.base_used]
        entry.hold_state = "late"
    return entry.used(
        captured_usage(entry.record, answer), [one for one in coverage if one.base != "0" or one.amount != "0"]
    )


def _lots_named(answer: CaptureTold) -> Iterable[LotKey]:
    yield from (_key(lot) for draw in answer.draws for lot in draw.lots or ())
    yield from (_key(one) for one in answer.expired)
    if answer.refunded is not None:
        yield _key(answer.refunded)


def _key(told: LotTold | GoneTold) -> LotKey:
    return (told.account, told.pool, told.lot)


def _text(told: LotTold | GoneTold) -> str:
    return chart.lot_text(_key(told))


def _use(entry: Entry, hold: Hold, leg: Leg, draw: DrawTold) -> None:
    """What is used of a leg leaves the hold."""
    if leg.layer != draw.layer:
        raise ValueError(f"capture {entry.record.id} draws {draw.layer} where hold {hold.id} has {leg.layer}")
    usage, revenue = f"usage:{hold.waterfall}", f"revenue:{hold.waterfall}"
    amount, beyond = billionths(draw.amount), _beyond(draw)
    leg.base_used += billionths(draw.base)
    for count in leg.counts:
        window, part = entry.book.windows[count.window], beyond if count.beyond else amount
        if count.beyond:
            entry.move(chart.held_account(hold.id, window.overage), usage, window.unit, part)
        entry.move(chart.held_account(hold.id, window.account), usage, window.asset, part)
        count.left -= part
    for told in draw.lots or ():
        part = billionths(told.amount)
        entry.leaves(_key(told), usage, part, "usage", revenue, hold.id)
        leg.lots[_text(told)] = leg.lots.get(_text(told), 0) - part
    leg.beyond -= beyond


def _beyond(draw: DrawTold) -> int:
    return billionths(draw.overage) if isinstance(draw.overage, str) else 0


def _drawn_free(entry: Entry, hold: Hold, draw: DrawTold, kept: Told) -> Leg:
    """What is drawn beyond the hold is used at once; whose counters it counts in, the hold's leg tells."""
    usage, revenue = f"usage:{hold.waterfall}", f"revenue:{hold.waterfall}"
    amount, beyond, counts = billionths(draw.amount), _beyond(draw), list[Count]()
    kind = "window" if draw.lots is None else "lot"
    for told in kept[LEG_COUNTS]:
        account, key = hold.accounts[told[COUNT_KIND]], told[COUNT_KEY]
        if account is None:
            continue
        name, _, rest = key.partition("|")[0].partition(".")
        bounds = draw.lots is not None and name == draw.layer
        if kind == "window" and name == draw.layer:
            kind = OWN_KINDS.get(rest, kind)
        window = capacity.window_of(entry, (account, key), draw.layer, draw.unit, bounds)
        if bounds:
            entry.move(window.overage, usage, draw.unit, beyond)
        capacity.take(entry, window, told[COUNT_GENERATION], beyond if bounds else amount, usage)
        counts.append(Count((account, key), told[COUNT_GENERATION], 0, bounds))
    leg = Leg(draw.layer, kind, billionths(draw.base), amount, _step(kept, amount), counts, {})
    for told_lot in draw.lots or ():
        entry.leaves(_key(told_lot), usage, billionths(told_lot.amount), "usage", revenue)
        leg.lots[_text(told_lot)] = 0
    return leg


def _step(kept: Told, amount: int) -> int:
    return amount // kept[LEG_AMOUNT] if kept[LEG_AMOUNT] else 1


def _coverage(hold: Hold, leg: Leg, draw: DrawTold) -> Coverage:
    if draw.lots is None:
        parts = [Part(kind=leg.kind, amount=draw.amount)]  # type: ignore[arg-type]
    else:
        lots = [
            Part(kind="lot", amount=lot.amount, account=lot.account, pool=lot.pool, lot=lot.lot) for lot in draw.lots
        ]
        beyond = draw.overage if isinstance(draw.overage, str) else None
        parts = [*lots, *([] if beyond is None else [Part(kind="overage", amount=beyond)])]
    return Coverage(layer=draw.layer, base=draw.base, amount=draw.amount, unit=draw.unit, parts=tuple(parts))


def _owe(entry: Entry, hold: Hold, draw: DrawTold, back: LotTold | None) -> Coverage:
    """What becomes a debt; of one that is less after all, what purchases have repaid is a lot again."""
    account, pool = debt_changed(entry.record) if back is None else (back.account, back.pool)
    debt = chart.debt_account(account, pool)
    entry.move(debt, f"usage:{hold.waterfall}", draw.unit, billionths(draw.amount))
    if back is not None:
        key = _key(back)
        lot = entry.open(key, draw.unit, "paid", back.expires_at)
        amount = billionths(back.amount)
        entry.move(debt, lot.account, draw.unit, amount)
        lot.outstanding += amount
        entry.changed(key, amount=amount, why="repaid_back")
    part = Part(kind="debt", amount=draw.amount, account=account, pool=pool)
    return Coverage(layer=draw.layer, base=draw.base, amount=draw.amount, unit=draw.unit, parts=(part,))


def _absorb(entry: Entry, hold: Hold, answer: CaptureTold) -> Coverage:
    """What nobody pays: debited from the last lot drawn and given back to it, or without a lot."""
    usage, refunded, base = f"usage:{hold.waterfall}", answer.refunded, billionths(answer.absorbed)
    if base < 0:
        return _absorb_less(entry, hold, -base, answer)
    amount, unit = (answer.absorbed, answer.unit) if refunded is None else (refunded.amount, refunded.unit)
    part = billionths(amount)
    hold.absorbed.append(Absorbed(base, unit, part))
    if refunded is None:
        entry.move(chart.OVERSHOOT, usage, unit, part)
    else:
        key = _key(refunded)
        lot = entry.book.lots[key]
        entry.move(lot.account, usage, unit, part)
        entry.move(chart.OVERSHOOT, lot.account, unit, part)
        entry.changed(key, amount=-part, why="usage")
        entry.changed(key, amount=part, why="overshoot_refunded")
    return Coverage(layer=None, base=answer.absorbed, amount=amount, unit=unit, parts=(_absorbed(amount),))


def _absorb_less(entry: Entry, hold: Hold, base: int, answer: CaptureTold) -> Coverage:
    """A stream that turns out cheaper: what was written off last is written off no more. How much that is in a pool's unit
    its answer does not tell."""
    usage, units = f"usage:{hold.waterfall}", dict[str, int]()
    while base and hold.absorbed:
        last = hold.absorbed[-1]
        part = min(base, last.base)
        amount = share(last.amount, part, last.base)
        entry.move(usage, chart.OVERSHOOT, last.asset, amount)
        units[last.asset] = units.get(last.asset, 0) + amount
        last.base, last.amount, base = last.base - part, last.amount - amount, base - part
        if not last.base:
            hold.absorbed.pop()
    [(unit, less)] = units.items() if len(units) == 1 else [(answer.unit, -billionths(answer.absorbed))]
    text = decimal_text(-less)
    return Coverage(layer=None, base=answer.absorbed, amount=text, unit=unit, parts=(_absorbed(text),))


def _absorbed(amount: str) -> Part:
    return Part(kind="absorbed", amount=amount)


# ---- ends


def released(entry: Entry) -> Posted:
    """All that is not used goes back, and the hold is over."""
    answer = ended_told(entry.record.answer)
    hold = _ending(entry, answer)
    _unwind(entry, hold, answer.expired)
    _end(entry, hold)
    return entry.posted()


def timed_out(entry: Entry) -> Posted:
    """The same as of the hold's end; where it may be captured late, it stays known with what was used of it."""
    answer = ended_told(entry.record.answer)
    hold = _ending(entry, answer)
    if answer.effective_at is not None:
        entry.effective_at = instant_from_text(answer.effective_at)
    _unwind(entry, hold, answer.expired)
    kept = hold_set(entry.record, hold.id)
    if kept is None:
        _end(entry, hold)
        return entry.posted()
    hold.is_open, hold.late_until = False, kept[HOLD_LATE_UNTIL]
    hold.legs = [leg for leg in hold.legs if leg.base_used]
    entry.hold_state = "late"
    book, at = entry.book, entry.record.at
    late = [id for id in book.timed_out.get(hold.root, ()) if id in book.holds]
    for id in [id for id in late if book.holds[id].late_until <= at]:
        late.remove(id)
        del book.holds[id]
    book.timed_out[hold.root] = [*late, hold.id]
    return entry.posted()


def _ending(entry: Entry, answer: EndedTold) -> Hold:
    hold = entry.need_hold(answer.hold)
    entry.need_lots(_key(one) for one in answer.expired)
    _about(entry, hold)
    return hold


def _end(entry: Entry, hold: Hold) -> None:
    entry.hold_state = "over"
    del entry.book.holds[hold.id]


def _unwind(entry: Entry, hold: Hold, expired: Sequence[GoneTold]) -> None:
    """What is not used goes back; `expired` is what came back of lots that are over."""
    rest: dict[str, int] = {}
    for leg in hold.legs:
        for count in leg.counts:
            window = entry.book.windows[count.window]
            if count.beyond:
                entry.move(chart.held_account(hold.id, window.overage), window.overage, window.unit, count.left)
            source = chart.held_account(hold.id, window.account)
            capacity.give_back(entry, window, count.generation, count.left, source)
            count.left = 0
        for text, part in leg.lots.items():
            rest[text] = rest.get(text, 0) + part
            leg.lots[text] = 0
        leg.beyond = 0
    for gone in expired:
        rest[_text(gone)] = rest.get(_text(gone), 0) - billionths(gone.amount)
        lapse(entry, hold.id, gone)
    for text, part in rest.items():
        lot = entry.book.lots[chart.lot_key(text)]
        if part < 0:
            raise ValueError(f"{decimal_text(-part)} more of {lot.account} comes back than hold {hold.id} has")
        entry.move(chart.held_account(hold.id, lot.account), lot.account, lot.asset, part)


def lapse(entry: Entry, hold: str, gone: GoneTold) -> None:
    """What a hold has of a lot that is over is over too, or a lot of its own."""
    key, amount = _key(gone), billionths(gone.amount)
    if gone.reissued is None:
        category = entry.book.lots[key].category
        entry.leaves(key, f"breakage:{category}", amount, "expired", chart.EXPIRED_MONEY, hold)
    else:
        new = (gone.account, gone.pool, gone.reissued.lot)
        entry.succeeds(key, new, amount, "reissued", gone.reissued.expires_at, hold)
