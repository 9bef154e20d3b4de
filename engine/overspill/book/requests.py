"""Decisions that granted something: consumed at once, or reserved in a hold.

A decision's draws say what each layer gave, the entries of its trace whose counters and lots these are; both are in the
waterfall's order, so that they are read side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from overspill.book import capacity, chart
from overspill.book.amounts import billionths
from overspill.book.chart import LotKey
from overspill.book.effects import (
    HOLD_ACCOUNTS,
    HOLD_LATE_UNTIL,
    HOLD_LEGS,
    LEG_AMOUNT,
    LEG_BASE,
    generation_set,
    hold_set,
)
from overspill.book.entry import Entry
from overspill.book.state import Count, Hold, Leg
from overspill.records.monetization import Coverage, Kind, Part
from overspill.records.postings import NOTHING, Posted
from overspill.records.told import CounterTold, DecisionTold, DrawTold, EntryTold, decision_told
from overspill.records.usage_events import decided_usage
from overspill.words.codec import Light

OWN_KINDS: dict[str, Kind] = {"allowance": "entitlement", "grace": "grace"}
"""By the last part of a counter's name, for a counter that is named after its layer alone."""


class Drawn(Light, frozen=True):
    """A draw with what it does to counters (what the decision found there, the entry, whether it counts what lots did not
    give) and to lots."""

    draw: DrawTold
    counted: Sequence[tuple[CounterTold, EntryTold, bool]]
    lots: Sequence[tuple[LotKey, EntryTold]]

    @property
    def kind(self) -> str:
        """Which kind of layer it is: `lot` for a pool."""
        if not self.draw.windows or not self.counted:
            return "lot"
        told, entry, _ = self.counted[0]
        name = (entry.window or "").partition("|")[0].partition(".")[2]
        return OWN_KINDS.get(name, "window") if told.window == self.draw.layer else "window"


def drawn(answer: DecisionTold) -> Iterator[Drawn]:
    """Each draw with its entries. What is not written (a cap that nobody keeps, a reservation that only verifies) has
    none."""
    entries = answer.trace[-1].effects
    at, count = 0, len(entries)
    for draw in answer.draws:
        counted, lots = [], []
        for told, name, beyond in _counters(draw):
            entry = entries[at] if at < count else None
            if entry is not None and entry.window is not None and entry.window.partition(".")[0] == name:
                counted.append((told, entry, beyond))
                at += 1
        for _ in draw.lots or ():
            if at < count:
                entry = entries[at]
                lots.append(((entry.account, entry.pool, entry.lot), entry))
                at += 1
        yield Drawn(draw, counted, lots)
    if at != count:
        raise ValueError(f"the decision on {answer.request} writes {count} entries, its draws are {at}")


def _counters(draw: DrawTold) -> Iterator[tuple[CounterTold, str, bool]]:
    """(what was found, the limit's or cap's name, whether it counts what lots did not give)."""
    for told in draw.windows:
        yield told, draw.layer, False
    if isinstance(draw.overage, CounterTold):
        yield draw.overage, draw.layer, True
    for told in draw.caps:
        yield told, told.cap or "", False


# ---- consumed


def consumed(entry: Entry) -> Posted:
    """What was drawn is used; three kinds of rows."""
    answer = decision_told(entry.record.answer)
    if answer.outcome == "deny":
        return NOTHING
    found = list(drawn(answer))
    entry.need_lots(key for one in found for key, _ in one.lots)
    entry.policy = answer.policy
    usage, revenue = f"usage:{answer.waterfall}", f"revenue:{answer.waterfall}"
    for one in found:
        for told, counted, beyond in one.counted:
            _count(entry, one.draw, told, counted, beyond, usage, None)
        for key, told_lot in one.lots:
            entry.leaves(key, usage, billionths(told_lot.amount), "usage", revenue)
    return entry.used(decided_usage(entry.record, answer), [_coverage(one) for one in found])


def _count(
    entry: Entry, draw: DrawTold, told: CounterTold, counted: EntryTold, beyond: bool, target: str, hold: str | None
) -> Count:
    """One counter's part: capacity, and the receivable where it bounds an overage. While the store was away nobody knew
    what the counter had come to: its generation is the one that it is stored with."""
    record = entry.record
    window = capacity.window_of(entry, (counted.account, counted.window or ""), draw.layer, draw.unit, beyond)
    amount, generation = billionths(counted.amount), told.generation
    before: str | None = told.before
    if record.away is not None:
        generation, before = generation_set(record, counted.account, counted.window or ""), None
    if beyond:
        taken_to = target if hold is None else chart.held_account(hold, window.overage)
        entry.move(window.overage, taken_to, draw.unit, amount)
    kept_by = target if hold is None else chart.held_account(hold, window.account)
    capacity.take(entry, window, generation, amount, kept_by, before, told.limit)
    return Count((counted.account, counted.window or ""), generation, amount, beyond)


def _coverage(one: Drawn) -> Coverage:
    draw, kind = one.draw, one.kind
    if kind == "lot":
        parts = [
            Part(kind="lot", amount=told.amount, account=key[0], pool=key[1], lot=key[2]) for key, told in one.lots
        ]
        parts += [Part(kind="overage", amount=told.amount) for _, told, beyond in one.counted if beyond]
    else:
        parts = [Part(kind=kind, amount=draw.amount)]  # type: ignore[arg-type]
    return Coverage(layer=draw.layer, base=draw.base, amount=draw.amount, unit=draw.unit, parts=tuple(parts))


# ---- reserved


def reserved(entry: Entry) -> Posted:
    """What was drawn is in a hold, apart by its source. A hold moves nothing for good: there are no rows."""
    answer = decision_told(entry.record.answer)
    if answer.outcome == "deny" or answer.hold is None:
        return NOTHING
    id = answer.hold.id
    verifies = not answer.trace[-1].effects and bool(answer.draws)
    found = [] if verifies else list(drawn(answer))
    entry.need_lots(key for one in found for key, _ in one.lots)
    entry.policy, entry.hold, entry.hold_state = answer.policy, id, "open"
    told = hold_set(entry.record, id)
    if told is None:
        raise ValueError(f"the reservation {entry.record.id} keeps no hold {id}")
    kept = [leg for leg in told[HOLD_LEGS] if leg[LEG_BASE]]
    entry.book.holds[id] = Hold(
        id=id,
        root=entry.record.key[1],
        accounts=tuple([None if key is None else key.partition("/")[2] for key in told[HOLD_ACCOUNTS]]),
        decision=entry.record.id,
        policy=answer.policy.digest,
        version=answer.policy.version,
        rate_card=answer.policy.rate_card,
        waterfall=answer.waterfall,
        late_until=told[HOLD_LATE_UNTIL],
        legs=[_held(entry, id, one, leg[LEG_AMOUNT]) for one, leg in zip(found, kept, strict=True)],
    )
    return entry.posted()


def _held(entry: Entry, hold: str, one: Drawn, steps: int) -> Leg:
    """One layer's leg, which the hold keeps as so many steps."""
    counts = [_count(entry, one.draw, told, counted, beyond, "", hold) for told, counted, beyond in one.counted]
    amount = billionths(one.draw.amount)
    leg = Leg(one.draw.layer, one.kind, 0, amount, amount // steps if steps else 1, counts, {})
    for key, told_lot in one.lots:
        lot, part = entry.book.lots[key], billionths(told_lot.amount)
        entry.move(lot.account, chart.held_account(hold, lot.account), lot.asset, part)
        leg.lots[chart.lot_text(key)] = leg.lots.get(chart.lot_text(key), 0) + part
    leg.beyond = sum([count.left for count in counts if count.beyond])
    return leg
