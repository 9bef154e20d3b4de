"""Reversals as the auditor counts them: once a request, whole, each part of what it drew back where it came from."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from overspill.records.journal import Record
from simulator.book import FORM, GENERATION, Changes, Finding, LotKey, Where
from simulator.expiry import end_of
from simulator.ledger import Back, Hold, Lot
from simulator.shown import Returned, reversal, steps

if TYPE_CHECKING:
    from simulator.auditor import Auditor


def reversed_(auditor: Auditor, record: Record, changes: Changes, _: int) -> list[LotKey]:
    """A finished request is undone."""
    answer = reversal(record.answer)
    request = auditor.requests[answer.of]
    if request.reversed:
        raise Finding(f"{answer.of} was reversed before, and again by {record.key[3]}")
    if not request.over and (request.is_open or record.at < request.late_until):
        raise Finding(f"{answer.of} was reversed at {record.at} and goes on: {request}")
    if record.events:
        raise Finding(f"a reversal has the events {record.events}")
    request.reversed = True
    _windows(auditor, record, changes, request, [one for one in answer.returned if one.window is not None])
    lots = [one for one in answer.returned if one.lot is not None]
    told = Counter[LotKey]()
    for one in lots:
        told[_key(one)] += steps(one.amount)
        _lot(auditor, record, one)
    drawn = Counter[LotKey]()
    for leg in request.legs:
        drawn.update({part.lot: part.used for part in leg.parts})
    if +told != +drawn:
        raise Finding(f"{answer.of} drew {+drawn} and gets back {+told}")
    _debt(auditor, record, changes, request, [one for one in answer.returned if one.window is None and one.lot is None])
    return list(drawn)


def _key(one: Returned) -> LotKey:
    return (one.account, one.pool or "", one.lot or "")


def _windows(auditor: Auditor, record: Record, changes: Changes, request: Hold, told: list[Returned]) -> None:
    """Where the request counted, as far as its answers say so: a draw beyond a hold does not name its windows."""
    back: Back = {}
    named = Counter[tuple[Where, int]]()
    for one in told:
        where = (one.account, one.window or "")
        assert one.generation is not None
        named[where, one.generation] += steps(one.amount)
        auditor.mark(f"returned to {one.to}")
        state = auditor.accounts[where[0]].windows.get(where[1])
        if one.to == "nothing":
            continue
        if one.to == "present":
            auditor.credited.add(where)
        if state is None or (one.to == "open" and len(state) == FORM and state[GENERATION] != one.generation):
            raise Finding(f"{one} came back to {state}")
        generation = one.generation if one.to == "open" else state[GENERATION]
        generations = back.setdefault(where, {})
        generations[generation] = generations.get(generation, 0) + steps(one.amount)
    counted = Counter[tuple[Where, int]]()
    for leg in request.legs:
        counted.update({(count.where, count.generation): count.amount for count in leg.counts})
    missing = [place for place, amount in counted.items() if named[place] < amount]
    if missing:
        raise Finding(f"{record.key[3]} returns {named}, what was counted is {counted}")
    auditor.windows(record, changes, {}, back)


def _lot(auditor: Auditor, record: Record, one: Returned) -> None:
    lot, amount = auditor.lots[_key(one)], steps(one.amount)
    auditor.mark(f"returned to {one.to}")
    expired = lot.expires_at <= record.at
    fits = {"lot": not expired and not lot.voided, "voided": lot.voided, "expired": expired, "reissued": expired}
    if not fits[one.to]:
        raise Finding(f"{one} came back at {record.at} to {lot}")
    lot.used -= amount
    if one.to != "lot":
        lot.gone += amount
    if one.to == "reissued":
        _reissued(auditor, record, one)


def _reissued(auditor: Auditor, record: Record, one: Returned) -> None:
    assert one.reissued is not None
    key = (one.account, one.pool or "", one.reissued.lot)
    if key in auditor.lots:
        raise Finding(f"lot {key} was reissued twice")
    auditor.lots[key] = Lot(steps(one.amount), record.at, end_of(one.reissued.expires_at))


def _debt(auditor: Auditor, record: Record, changes: Changes, request: Hold, told: list[Returned]) -> None:
    """What is owed is owed no more; what was repaid is a lot."""
    forgiven = sum(steps(one.amount) for one in told if one.to == "debt")
    booked = sum(before - after for before, after in changes.debts.values())
    if forgiven != booked or sum(steps(one.amount) for one in told) != request.owed:
        raise Finding(f"{request.owed} was owed by {record.key[3]}, {booked} is forgiven: {told}")
    for one in told:
        auditor.mark(f"owed and returned to {one.to}")
        if one.to != "debt":
            _reissued(auditor, record, one)
