"""Amounts in the book: whole billionths of a unit, whatever the unit's own smallest step is.

Answers tell amounts as decimal text with at most nine digits behind the point and do not tell a unit's scale: read as
billionths they are exact, and sums of them are. What divides (a lot's part of its cost) is rounded once, half to even.
"""

from __future__ import annotations

from overspill.words.amounts import SCALE_MAX
from overspill.words.kept import kept
from overspill.words.texts import amount_text_of

_ZEROS = "0" * SCALE_MAX


def _billionths(text: str) -> int:
    whole, _, fraction = text.partition(".")
    if len(fraction) > SCALE_MAX or not (whole.removeprefix("-") + fraction).isdigit() or not text.isascii():
        raise ValueError(f"`{text[:60]}` is no plain decimal of at most {SCALE_MAX} digits behind the point")
    return int(whole + (fraction + _ZEROS)[:SCALE_MAX])


billionths = kept(_billionths)
"""`11.625` → 11625000000. Raises ValueError for what is no plain decimal."""
decimal_text = amount_text_of(SCALE_MAX)
"""11625000000 → `11.625`."""


def share(cost: int, part: int, whole: int) -> int:
    """The part's share of a cost, to the nearest billionth, half to even. Nothing here is negative."""
    quotient, rest = divmod(cost * part, whole)
    return quotient + (2 * rest > whole or (2 * rest == whole and quotient % 2 == 1))
