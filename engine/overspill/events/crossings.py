"""Which counters a record takes past a mark: windows, caps, and what a pool gives beyond its lots.

A mark is a percentage of the limit, and it is passed by what a decision draws or holds: it was below before, and is not
any more. What a capture uses beyond its hold passes marks too, of counters that the reservation drew from: only that
tells their limit. A limit that is lowered passes nothing, and one that is absent has no marks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from overspill.book.amounts import billionths, decimal_text
from overspill.book.requests import drawn
from overspill.records.journal import Record
from overspill.records.told import CounterTold, DecisionTold, EntryTold, decision_told
from overspill.words.codec import Light, json_decoder

UNBOUND = (None, "unlimited")


class Crossing(Light, frozen=True, kw_only=True):
    """`account` keeps the counter `window` (`plan_windows.five_hours`), of which `used` is now at least `percent` of `limit`;
    `ends_at` None: never."""

    account: str
    window: str
    generation: int
    percent: int
    used: str
    limit: str
    unit: str
    ends_at: str | None


class _Seen(Light, frozen=True):
    """A counter that a decision drew from, and what it was drawn for."""

    layer: str
    unit: str
    told: CounterTold
    entry: EntryTold


def crossed_by_decision(record: Record, percents: Sequence[int]) -> Iterator[Crossing]:
    """Of a request that was admitted, or reserved."""
    for seen in _seen(decision_told(record.answer)):
        before = billionths(seen.told.before)
        yield from _crossed(seen, before, before + billionths(seen.entry.amount), percents)


class _CapturedDraw(Light, frozen=True, kw_only=True, rename={"source": "from"}):
    layer: str
    source: str
    amount: str
    returned: str = "0"


class _Captured(Light, frozen=True):
    draws: tuple[_CapturedDraw, ...]


_captured = json_decoder(_Captured).decode


def added_by_capture(record: Record) -> dict[str, int]:
    """By layer, in billionths: what a capture draws beyond its hold, less what it gives back; those alone that grew."""
    added: dict[str, int] = {}
    for draw in _captured(record.answer).draws:
        more = billionths(draw.amount) if draw.source == "free" else 0
        added[draw.layer] = added.get(draw.layer, 0) + more - billionths(draw.returned)
    return {layer: amount for layer, amount in added.items() if amount > 0}


def crossed_by_capture(record: Record, admission: Record, percents: Sequence[int]) -> Iterator[Crossing]:
    """Of a capture; `admission` is the reservation that its hold comes from."""
    added, used = added_by_capture(record), _windows(record)
    held = _windows(admission)
    for seen in _seen(decision_told(admission.answer)):
        key = (seen.entry.account, seen.entry.window or "")
        now, then = used.get(key), held.get(key)
        if seen.layer not in added or now is None or then is None or now[0] != then[0]:
            continue
        # Both states are in steps, of which the reservation tells how many make a unit.
        told = billionths(seen.told.before) + billionths(seen.entry.amount)
        after = now[1] * told // then[1] if then[1] else 0
        yield from _crossed(seen, after - added[seen.layer], after, percents)


def _seen(answer: DecisionTold) -> Iterator[_Seen]:
    if not answer.trace[-1].effects:  # nothing is drawn, or a reservation only verifies
        return
    for one in drawn(answer):
        for told, entry, _ in one.counted:
            yield _Seen(one.draw.layer, one.draw.unit, told, entry)


def _windows(record: Record) -> dict[tuple[str, str], tuple[int, int]]:
    """(account, counter) → (generation, used in steps), as the record leaves them."""
    return {
        (key.partition("/")[2], str(effect[1])): (effect[2][0], effect[2][3])
        for key, effects in record.effects.items()
        for effect in effects
        if isinstance(effect, (list, tuple)) and effect[0] == "window"
    }


def _crossed(seen: _Seen, before: int, after: int, percents: Sequence[int]) -> Iterator[Crossing]:
    if seen.told.limit in UNBOUND:
        return
    limit = billionths(seen.told.limit)
    for percent in percents:
        if before * 100 < percent * limit <= after * 100:
            yield Crossing(
                account=seen.entry.account,
                window=seen.entry.window or "",
                generation=seen.told.generation,
                percent=percent,
                used=decimal_text(after),
                limit=seen.told.limit,
                unit=seen.unit,
                ends_at=seen.told.ends_at,
            )
