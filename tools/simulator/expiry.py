"""Lots that end, as the auditor counts them: once, at their instant, and what is held of them by the word of their pool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from overspill.records.journal import Record
from overspill.words.instants import NEVER, instant_from_text
from simulator.book import Changes, Finding, LotKey
from simulator.ledger import Back, Hold, Leg, Lot
from simulator.shown import Gone, Lapsed, moved, steps

if TYPE_CHECKING:
    from simulator.auditor import Auditor


def end_of(text: str | None) -> int:
    """An answer's `expires_at`."""
    return NEVER if text is None else instant_from_text(text)


def expired(auditor: Auditor, record: Record, changes: Changes, _: int) -> list[LotKey]:
    """A lot's end: all that is free of it is gone, and what holds lose of it."""
    answer = moved(record.answer)
    key = (answer.account, answer.pool, answer.lot)
    lot = auditor.lots[key]
    if lot.expired or lot.expires_at != end_of(answer.effective_at) or record.at < lot.expires_at:
        raise Finding(f"lot {key} expired at {record.at}, as of {answer.effective_at}: {lot}")
    if steps(answer.amount) != lot.left:
        raise Finding(f"{answer.amount} expired of lot {key}: {lot}")
    lot.gone += lot.left
    lot.expired = True
    back: Back = {}
    for lapsed in answer.holds:
        auditor.mark("lapsed in a hold")
        _lapsed(auditor, auditor.holds[lapsed.hold], lapsed, key, changes, back)
    auditor.windows(record, changes, {}, back)
    return [key, *((*key[:2], id) for lapsed in answer.holds for id in lapsed.returned)]


def _lapsed(auditor: Auditor, hold: Hold, lapsed: Lapsed, key: LotKey, changes: Changes, back: Back) -> None:
    """The hold has no more of the lot than what is used; what then is too little for a base step goes back."""
    if not hold.is_open:
        raise Finding(f"hold {hold.id} is over and loses {lapsed}")
    [leg] = [leg for leg in hold.legs if any(part.lot == key and part.amount > part.used for part in leg.parts)]
    taken = 0
    for part in leg.parts:
        if part.lot == key:
            taken += part.amount - part.used
            part.amount = part.used
    if taken != steps(lapsed.amount):
        raise Finding(f"hold {hold.id} held {taken} of lot {key} and loses {lapsed.amount}")
    auditor.lots[key].held -= taken
    auditor.lots[key].gone += taken
    for count in leg.counts:
        if count.amount == leg.amount:
            _came_back(back, leg, count.where, count.generation, taken)
            count.amount -= taken
    leg.amount -= taken
    returned = {(*key[:2], id): steps(amount) for id, amount in lapsed.returned.items()}
    rest = leg.amount - sum(returned.values())
    for count in leg.counts:
        amount = count.amount - max(rest - (leg.amount - count.amount), 0)
        _came_back(back, leg, count.where, count.generation, amount)
        count.amount -= amount
    for part in reversed(leg.parts):
        amount = returned.pop(part.lot, 0)
        auditor.lots[part.lot].held -= amount
        part.amount -= amount
        if part.amount < part.used:
            raise Finding(f"hold {hold.id} gives back {lapsed}, of which something is used: {part}")
    if returned:
        raise Finding(f"hold {hold.id} gives back {returned}, which it does not hold")
    leg.amount = rest
    if not rest:
        hold.legs.remove(leg)
    _as_kept(hold, leg, changes)


def _came_back(back: Back, leg: Leg, where: tuple[str, str], generation: int, amount: int) -> None:
    if amount:
        generations = back.setdefault(where, {})
        generations[generation] = generations.get(generation, 0) + amount


def _as_kept(hold: Hold, leg: Leg, changes: Changes) -> None:
    """The base that is left is the engine's to say, since the auditor knows no rates; it is never more than before."""
    kept = changes.holds[hold.root, hold.id]
    legs = [] if kept is None else [one for one in kept[11] if one[2]]
    if [one[3] for one in legs] != [one.amount for one in hold.legs]:
        raise Finding(f"hold {hold.id} keeps {legs}, by its answers {hold.legs}")
    for one, own in zip(legs, hold.legs, strict=True):
        if one[2] > own.base or (own is not leg and one[2] != own.base):
            raise Finding(f"hold {hold.id} keeps {legs}, by its answers {hold.legs}")
        own.base = one[2]


def rehoused(auditor: Auditor, homeless: Sequence[tuple[LotKey, int]], told: Sequence[Gone], at: int) -> None:
    """What came back of lots that had ended by the instant `at` is gone, or is a lot of its own."""
    if [((one.account, one.pool, one.lot), steps(one.amount)) for one in told] != list(homeless):
        raise Finding(f"{homeless} came back of lots that have expired, the answer says {told}")
    for one in told:
        auditor.mark("expired in a hold")
        key = (one.account, one.pool, one.lot)
        auditor.lots[key].gone += steps(one.amount)
        if one.reissued is not None:
            auditor.mark("reissued")
            new = (one.account, one.pool, one.reissued.lot)
            if new in auditor.lots:
                raise Finding(f"lot {new} was reissued twice")
            ends = end_of(one.reissued.expires_at)
            auditor.lots[new] = Lot(steps(one.amount), granted_at=at, expires_at=ends)
