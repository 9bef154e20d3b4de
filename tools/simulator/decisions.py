"""Decisions as the auditor counts them: draws that sum to what is granted, and what each did to windows and lots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from overspill.records.journal import Record
from overspill.words.instants import instant_from_text
from simulator.book import GENERATION, Changes, Finding, LotKey, Where
from simulator.ledger import Count, Hold, Leg, Part
from simulator.policies import AWAY, LIMITS
from simulator.shown import Counted, Decision, Draw, Entry, decision, steps

if TYPE_CHECKING:
    from simulator.auditor import Auditor


def decided(auditor: Auditor, record: Record, changes: Changes, version: int) -> list[LotKey]:
    """A consume or a reserve: its sums, its effects, and the hold that it leaves."""
    answer = decision(record.answer)
    reserves = record.key[2] == "reserve"
    auditor.mark(answer.outcome)
    _adds_up(answer)
    if record.away is not None:
        auditor.mark("granted while the store was away")
        _limits_only(record, answer)
    elif answer.account_version != version:
        raise Finding(f"the decision names version {answer.account_version}, it is {version}")
    if answer.outcome == "deny":
        if record.effects or record.events or answer.draws or answer.hold:
            raise Finding(f"the denial of {record.key[3]} has effects")
        return []
    if record.events != (() if reserves else ("usage",)):
        raise Finding(f"{record.key[3]} has the events {record.events}")
    entries = answer.trace[-1].effects
    legs = _legs(answer, entries)
    added: dict[Where, int] = {}
    lots: list[LotKey] = []
    if record.away is not None:
        _counted_where_it_is_stored(legs, changes)
    for leg, draw in zip(legs, answer.draws if legs else [], strict=True):
        _within_bounds(auditor, draw)
        for count in leg.counts:
            added[count.where] = added.get(count.where, 0) + count.amount
        for part in leg.parts:
            lot = auditor.drawn(part.lot, record.at)
            if reserves:
                lot.held += part.amount
            else:
                lot.used += part.amount
                part.used = part.amount
            lots.append(part.lot)
    occupied = [where for where in changes.windows if _is_occupied(answer, where)] if reserves else []
    added.update(dict.fromkeys(occupied, 1))
    auditor.windows(record, changes, {where: (amount, amount) for where, amount in added.items()}, {})
    if reserves:
        auditor.requests[record.id] = _held(auditor, record, answer, changes, legs, occupied)
    else:
        auditor.requests[record.id] = Hold(record.id, record.key[1], record.at, record.at, legs, [], False, True)
    return lots


def _limits_only(record: Record, answer: Decision) -> None:
    """LANGUAGE.md L13: from limits, and no more than the waterfall allows in one outage."""
    assert record.away is not None
    if any(draw.lots or draw.overage or draw.layer not in LIMITS for draw in answer.draws):
        raise Finding(f"{record.key[3]} was granted {answer.draws} while the store was away")
    if sum(record.away.values()) + steps(answer.granted) > AWAY:
        raise Finding(f"{answer.granted} was granted while the store was away, behind {record.away}")


def _counted_where_it_is_stored(legs: list[Leg], changes: Changes) -> None:
    """Another process may have begun a window anew meanwhile."""
    for leg in legs:
        for count in leg.counts:
            if count.where in changes.windows:
                count.generation = changes.windows[count.where][1][GENERATION]


def _adds_up(answer: Decision) -> None:
    requested, granted, shortfall = steps(answer.requested), steps(answer.granted), steps(answer.shortfall)
    whole = {"allow": granted == requested, "deny": granted == 0, "partial": 0 < granted < requested}[answer.outcome]
    if not whole or (answer.outcome != "deny" and granted + shortfall != requested) or not 0 <= shortfall <= requested:
        raise Finding(f"{answer.outcome} of {granted} and {shortfall} short, {requested} requested")
    if sum(steps(draw.base) for draw in answer.draws) != granted:
        raise Finding(f"the draws of {answer.decision} do not sum to {granted}")


def _within_bounds(auditor: Auditor, draw: Draw) -> None:
    """Windows, caps and overages never above their bounds, but what was started below a cap that lets it finish."""
    beyond = steps(draw.amount) - sum(steps(part.amount) for part in draw.lots)
    overage = [draw.overage] if isinstance(draw.overage, Counted) else []
    for counted, amount in [(one, steps(draw.amount)) for one in (*draw.windows, *draw.caps)] + [
        (one, beyond) for one in overage
    ]:
        before, after = steps(counted.before), steps(counted.after)
        if after - before != amount:
            raise Finding(f"{counted} of a draw of {amount}")
        if counted.limit is None or counted.limit == "unlimited" or not amount:
            continue
        may_pass = counted.cap in auditor.finish_started and before < steps(counted.limit)
        if after > steps(counted.limit) and not may_pass:
            raise Finding(f"{draw.layer} was drawn above its bound: {counted}")
        if after > steps(counted.limit):
            auditor.mark("cap passed by what was started")


def _legs(answer: Decision, entries: list[Entry]) -> list[Leg]:
    """The draws with the entries that they wrote, in order: a layer's own counters, its caps, its lots. A reservation that
    only verifies wrote none."""
    if not entries and answer.hold is not None:
        return []
    rest = list(entries)
    legs = []
    for draw in answer.draws:
        amount = steps(draw.amount)
        leg = Leg(draw.layer, steps(draw.base), amount)
        beyond = [(draw.layer, draw.overage.generation)] if isinstance(draw.overage, Counted) else []
        own = [(draw.layer, one.generation) for one in draw.windows]
        caps = [(one.cap or "", one.generation) for one in draw.caps]
        for name, generation in (*own, *beyond, *caps):
            if rest and rest[0].window is not None and rest[0].window.split(".")[0] == name:
                entry = rest.pop(0)
                leg.counts.append(Count((entry.account, entry.window or ""), generation, steps(entry.amount)))
        for part in draw.lots:
            entry = rest.pop(0)
            if (entry.lot, entry.amount) != (part.lot, part.amount):
                raise Finding(f"{answer.decision} draws {part} and writes {entry}")
            leg.parts.append(Part((entry.account, entry.pool or "", part.lot), steps(part.amount)))
        legs.append(leg)
    if rest:
        raise Finding(f"{answer.decision} writes {rest}, which it does not draw")
    return legs


def _is_occupied(answer: Decision, where: Where) -> bool:
    name = where[1].split(".")[0]
    return any(step.concurrency == name for step in answer.trace)


def _held(
    auditor: Auditor, record: Record, answer: Decision, changes: Changes, legs: list[Leg], occupied: list[Where]
) -> Hold:
    assert answer.hold is not None
    if answer.hold.id in auditor.holds:
        raise Finding(f"hold {answer.hold.id} was made twice")
    root = record.key[1]
    kept = changes.holds[root, answer.hold.id]
    assert kept is not None
    if [(leg[2], leg[3]) for leg in kept[11] if leg[2]] != [(leg.base, leg.amount) for leg in legs]:
        raise Finding(f"hold {answer.hold.id} keeps {kept[11]}, its answer draws {legs}")
    if answer.hold.expires_at is None or instant_from_text(answer.hold.expires_at) != kept[5]:
        raise Finding(f"hold {answer.hold.id} ends at {kept[5]}, its answer says {answer.hold.expires_at}")
    if not legs and answer.draws:
        auditor.mark("verified only")
    hold = auditor.holds[kept[0]] = Hold(kept[0], root, kept[5], kept[6], legs, occupied)
    return hold
