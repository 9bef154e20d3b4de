"""Holds as the auditor counts them: each part booked once, each hold ended once, the rest back where it came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from overspill.records.journal import Record
from overspill.words.instants import instant_from_text
from simulator.book import Changes, Finding, LotKey, Where
from simulator.expiry import end_of, rehoused
from simulator.ledger import Back, Hold, Leg, Lot, Part
from simulator.shown import Draw, Settled, settled, steps

if TYPE_CHECKING:
    from simulator.auditor import Auditor


def _hold(auditor: Auditor, record: Record, answer: Settled) -> Hold:
    hold = auditor.holds.get(answer.hold)
    if hold is None or hold.over:
        raise Finding(f"{record.key[2]} of hold {answer.hold}, which is {'over' if hold else 'unknown'}")
    return hold


# ---- captures


def captured(auditor: Auditor, record: Record, changes: Changes, _: int) -> list[LotKey]:
    """A part or the last of a hold's usage: inside the hold first, then from what is free; always in full."""
    answer = settled(record.answer)
    hold = _hold(auditor, record, answer)
    if answer.late is hold.is_open or record.at >= (hold.expires_at if hold.is_open else hold.late_until):
        raise Finding(f"hold {hold.id} was captured {'late' if answer.late else 'in time'} at {record.at}: {hold}")
    auditor.mark(f"{'late ' if answer.late else ''}{'last' if answer.final else 'part'} captured")
    _booked_in_full(answer, hold)
    lots: list[LotKey] = []
    inside = [draw for draw in answer.draws if draw.source == "hold"]
    if len(inside) != len(hold.legs):
        raise Finding(f"hold {hold.id} has {len(hold.legs)} legs, its capture shows {len(inside)}")
    for leg, draw in zip(hold.legs, inside, strict=True):
        _use(auditor, leg, draw)
        lots += [part.lot for part in leg.parts]
    back: Back = {}
    if answer.final or not hold.is_open:
        for leg, draw in zip(hold.legs, inside, strict=True):
            if leg.used + steps(draw.returned) != leg.amount:
                raise Finding(f"{draw} of a leg of {leg.amount}, of which {leg.used} is used")
        back = _give_back(auditor, hold, answer, record.at)
        if not answer.final:
            hold.legs = [leg for leg in hold.legs if leg.base]
    elif answer.expired:
        raise Finding(f"hold {hold.id} goes on and {answer.expired} came back")
    free = [draw for draw in answer.draws if draw.source == "free"]
    taken = [_taken(auditor, draw, record.at) for draw in free]
    lots += [part.lot for leg in taken for part in leg.parts]
    hold.legs += taken
    lots += _paid_back(auditor, answer, record.at)
    _owed(auditor, answer, hold, changes)
    auditor.windows(record, changes, _counted(auditor, changes, free), back)
    if answer.final:
        _ended(auditor, hold, changes)
    return lots


def _booked_in_full(answer: Settled, hold: Hold) -> None:
    used, covered, absorbed = steps(answer.used), steps(answer.covered), steps(answer.absorbed)
    hold.absorbed += absorbed
    hold.booked += used  # a part that makes the stream cheaper is below nothing, all parts together never are
    if covered + absorbed != used or min(hold.booked, hold.absorbed) < 0:
        raise Finding(f"a capture of {used}: {covered} covered, {absorbed} absorbed")
    if sum(steps(draw.base) for draw in answer.draws) != covered:
        raise Finding(f"the draws of a capture of {covered} do not sum to it")


def _use(auditor: Auditor, leg: Leg, draw: Draw) -> None:
    """What a capture books of a leg: its lots in the order drawn."""
    leg.used_base += steps(draw.base)
    leg.used += steps(draw.amount)
    added = {(shown.account, shown.pool, shown.lot): steps(shown.amount) for shown in draw.lots}
    keep = leg.used
    for part in leg.parts:
        booked = added.pop(part.lot, 0)
        part.used += booked
        if part.used != min(part.amount, keep):
            raise Finding(f"{booked} of {part} was booked out of its order: {leg}")
        keep -= part.used
        auditor.lots[part.lot].held -= booked
        auditor.lots[part.lot].used += booked
    if leg.layer != draw.layer or not 0 <= leg.used <= leg.amount or added:
        raise Finding(f"{draw} of the leg {leg}")


def _taken(auditor: Auditor, draw: Draw, at: int) -> Leg:
    """What is drawn beyond the hold: used at once."""
    auditor.mark("drawn beyond a hold")
    base, amount = steps(draw.base), steps(draw.amount)
    leg = Leg(draw.layer, base, amount, used_base=base, used=amount)
    for shown in draw.lots:
        key, part = (shown.account, shown.pool, shown.lot), steps(shown.amount)
        auditor.drawn(key, at).used += part
        leg.parts.append(Part(key, part, part))
    return leg


def _paid_back(auditor: Auditor, answer: Settled, at: int) -> list[LotKey]:
    """What had been repaid of a debt that is none after all: a lot again."""
    one = answer.repaid_back
    if one is None:
        return []
    key = (one.account, one.pool, one.lot)
    if key in auditor.lots:
        raise Finding(f"lot {key} was paid back twice")
    auditor.lots[key] = Lot(steps(one.amount), at, end_of(one.expires_at))
    auditor.mark("debt paid back")
    return [key]


def _owed(auditor: Auditor, answer: Settled, hold: Hold, changes: Changes) -> None:
    shown = sum(steps(draw.amount) for draw in answer.draws if draw.source == "debt")
    hold.owed += shown
    booked = sum(after - before for before, after in changes.debts.values())
    if answer.repaid_back is not None:
        booked -= steps(answer.repaid_back.amount)
    if shown != booked:
        raise Finding(f"a capture owes {shown}, the accounts {booked}")
    if shown:
        auditor.mark("debt made")
    if steps(answer.absorbed):
        auditor.mark("absorbed")


def _counted(auditor: Auditor, changes: Changes, free: list[Draw]) -> dict[Where, tuple[int, int]]:
    """What the free draws count, the least and the most: which caps a layer is within its capture does not say."""
    amounts = {draw.layer: steps(draw.amount) for draw in free}
    beyond = {draw.layer: steps(draw.overage) for draw in free if isinstance(draw.overage, str)}
    found: dict[Where, tuple[int, int]] = {}
    for where in changes.windows:
        name, kind = where[1].split("|")[0].split(".")
        if name in auditor.caps:
            found[where] = (0, sum(amounts.values()))
        else:
            amount = (beyond if kind == "overage" else amounts).get(name, 0)
            found[where] = (amount, amount)
    for where, _ in changes.closed:  # what counted there has not counted in the present one
        found[where] = (0, sum(amounts.values()))
    return found


# ---- ends


def given_back(auditor: Auditor, record: Record, changes: Changes, _: int) -> list[LotKey]:
    """A release or a time-out: all that no capture has booked goes back."""
    answer = settled(record.answer)
    hold = _hold(auditor, record, answer)
    times_out = record.key[2] == "expire"
    if times_out and (not hold.is_open or record.at < hold.expires_at):
        raise Finding(f"hold {hold.id} was timed out at {record.at}: {hold}")
    at = hold.expires_at if times_out else record.at
    if times_out and (answer.effective_at is None or instant_from_text(answer.effective_at) != at):
        raise Finding(f"hold {hold.id} was timed out as of {answer.effective_at}: {hold}")
    lots = [part.lot for leg in hold.legs for part in leg.parts]
    auditor.windows(record, changes, {}, _give_back(auditor, hold, answer, at))
    if times_out:
        hold.is_open = False
        hold.legs = [leg for leg in hold.legs if leg.used_base]
        if changes.holds[hold.root, hold.id] is None:
            auditor.mark("timed out beyond its late capture")
        hold.over = changes.holds[hold.root, hold.id] is None
    else:
        _ended(auditor, hold, changes)
    return lots


def _give_back(auditor: Auditor, hold: Hold, answer: Settled, at: int) -> Back:
    """Takes out of the hold what is not used; by window and generation, what comes back there. Nothing comes back to a lot
    that has expired by the instant `at`."""
    homeless: list[tuple[LotKey, int]] = []
    back: Back = {where: {1: 1} for where in hold.occupied}
    hold.occupied = []
    for leg in hold.legs:
        for count in leg.counts:
            amount = leg.back_of(count)
            if amount:
                generations = back.setdefault(count.where, {})
                generations[count.generation] = generations.get(count.generation, 0) + amount
            count.amount -= amount
        for part in leg.parts:
            unused, lot = part.amount - part.used, auditor.lots[part.lot]
            lot.held -= unused
            part.amount = part.used
            if unused and lot.expires_at <= at:
                homeless.append((part.lot, unused))
        leg.amount, leg.base = leg.used, leg.used_base
    rehoused(auditor, homeless, answer.expired, at)
    return back


def _ended(auditor: Auditor, hold: Hold, changes: Changes) -> None:
    if changes.holds.get((hold.root, hold.id), ()) is not None or any(
        hold.id in one.holds for one in auditor.accounts.values()
    ):
        raise Finding(f"hold {hold.id} has ended and is still known")
    hold.over = True


def extended(auditor: Auditor, record: Record, changes: Changes, _: int) -> list[LotKey]:
    """An open hold lasts longer."""
    hold = _hold(auditor, record, settled(record.answer))
    kept = changes.holds[hold.root, hold.id]
    if not hold.is_open or record.at >= hold.expires_at or kept is None or kept[5] < hold.expires_at:
        raise Finding(f"hold {hold.id} was extended at {record.at}: {hold}")
    hold.expires_at, hold.late_until = kept[5], kept[6]
    return []
