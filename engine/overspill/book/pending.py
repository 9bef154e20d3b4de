"""What was captured from pools and is not yet posted, by the answers of the records that wait for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from overspill.records.journal import Record
from overspill.records.told import capture_told, decision_told, reversal_told
from overspill.records.usage import USAGE


def pending(records: Iterable[Record], account: str) -> Mapping[str, Decimal]:
    """Pool key → amount, of one account (`user/u_ana`), over records that are not yet posted; less what a reversal has
    given back."""
    found: dict[str, Decimal] = {}
    for record in records:
        for owner, pool, amount in _entries(record):
            if owner == account:
                found[pool] = found.get(pool, Decimal(0)) + amount
    return found


def _entries(record: Record) -> Iterator[tuple[str, str, Decimal]]:
    """(account, pool key, what it captured)."""
    kind = record.key[2]
    if kind == "capture":
        lots = [lot for draw in capture_told(record.answer).draws for lot in draw.lots or ()]
        yield from ((lot.account, lot.pool, Decimal(lot.amount)) for lot in lots)
    elif record.events == USAGE:
        told = decision_told(record.answer).trace[-1].effects
        yield from ((one.account, one.pool, Decimal(one.amount)) for one in told if one.lot)
    elif kind == "reverse":
        for back in reversal_told(record.answer).returned:
            if back.to in ("lot", "reissued"):
                yield back.account, back.pool, -Decimal(back.amount)
