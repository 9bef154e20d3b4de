"""Amounts as the audit counts them: whole billionths of a unit, read from canonical decimal text and from nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from overspill.words.kept import kept, kept_both

PLACES: Final = 9
SCALE: Final = 10**9
Amounts = dict[str, int]
"""Asset → billionths."""


def text_of(amount: int) -> str:
    """11625000000 → `11.625`."""
    whole, rest = divmod(abs(amount), SCALE)
    text = f"{whole}.{rest:09d}".rstrip("0") if rest else str(whole)
    return "-" + text if amount < 0 else text


def _amount(text: str) -> int:
    whole, point, rest = text.partition(".")
    digits = whole[1:] if whole[:1] == "-" else whole
    is_whole = digits.isdecimal() and text.isascii() and (digits[0] != "0" or digits == "0")
    if not is_whole or (point and not (rest.isdecimal() and rest[-1] != "0" and len(rest) <= 9)) or text == "-0":
        raise ValueError(f"`{text[:60]}` is no amount as the journal writes them")
    found = int(digits) * SCALE + (int(rest.ljust(9, "0")) if point else 0)
    return found if digits is whole else -found


amount_text, amount_of = kept_both(text_of, _amount)
"""11625000000 → `11.625`, and back. Raises ValueError for anything that is not exactly how an amount is written."""


def steps_text_of(scale: int) -> Callable[[int], str]:
    """Steps of a unit with so many decimals → their amount's text. Raises TypeError for what is no number."""
    step = int(10 ** (PLACES - scale))
    return kept(lambda steps: amount_text(+steps * step))


def part_of(cost: int, amount: int, whole: int) -> int:
    """What `amount` of a `whole` costs, to the nearest billionth, half to even. Nothing is negative."""
    double, rest = divmod(2 * cost * amount, whole)
    near, odd = divmod(double + 1, 2)
    return near - (near & 1) if odd == 0 and rest == 0 else near


def add(to: Amounts, asset: str, amount: int) -> None:
    to[asset] = to.get(asset, 0) + amount


def worth(unit: str, amount: str) -> list[tuple[str, int]]:
    """What a row tells of, by asset, where that can be read."""
    try:
        return [(unit, amount_of(amount))]
    except ValueError:
        return []
