"""What was captured from pools and is not yet posted, by the answers of the records that wait for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from overspill.book.recount import captured, drawn
from overspill.records.journal import Record
from overspill.records.usage import USAGE
from overspill.words.codec import json_decoder

_decode = json_decoder(dict[str, Any]).decode


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
    if record.events == USAGE:
        answer = _decode(record.answer)
        parts = drawn(answer) if "decision" in answer else [(lot, part) for lot, part, _ in captured(answer)]
        yield from ((owner, pool, amount) for (owner, pool, _), amount in parts)
    elif record.key[2] == "reverse":
        for back in _decode(record.answer)["returned"]:
            if back["to"] in ("lot", "reissued"):
                yield back["account"], back["pool"], -Decimal(back["amount"])
