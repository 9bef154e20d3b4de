"""The arithmetic of prices and draws, in integers: what the interpreter calls and generated code has inline."""

from __future__ import annotations


def ceil_ratio(amount: int, numerator: int, denominator: int) -> int:
    """ceil(amount × numerator / denominator)."""
    return -(-amount * numerator // denominator)


def cover(asked: int, room: int, numerator: int, denominator: int) -> tuple[int, int]:
    """LANGUAGE.md M3: the largest base amount b ≤ `asked` with ceil(b·r) ≤ `room`, and ceil(b·r)."""
    if room <= 0:
        return 0, 0
    amount = ceil_ratio(asked, numerator, denominator)
    if amount <= room:
        return asked, amount
    base = room * denominator // numerator
    return base, ceil_ratio(base, numerator, denominator)


def cover_more(
    asked: int, room: int, numerator: int, denominator: int, base_before: int, amount_before: int
) -> tuple[int, int]:
    """The same for what is rounded as one with `base_before`, for which `amount_before` was drawn already: (what more is
    covered, what more is drawn)."""
    room = max(room, 0)
    amount = ceil_ratio(base_before + asked, numerator, denominator) - amount_before
    if amount <= room:
        return asked, max(amount, 0)
    base = max((room + amount_before) * denominator // numerator - base_before, 0)
    return base, max(ceil_ratio(base_before + base, numerator, denominator) - amount_before, 0)


def drawn_from(left: int, granted_at: int, expires_at: int, wanted: int, now: int) -> int:
    """What a lot with `left` gives of `wanted` at `now`: LANGUAGE.md G1, it is usable from its grant until its expiry."""
    if now < granted_at or expires_at <= now:
        return 0
    return min(left, wanted)


def round_quotient(numerator: int, denominator: int, mode: str) -> int:
    """numerator / denominator (both ≥ 0, denominator > 0), rounded once: half_even, half_up, up or down."""
    quotient, rest = divmod(numerator, denominator)
    match mode:
        case "down":
            return quotient
        case "up":
            return quotient + (rest > 0)
        case "half_up":
            return quotient + (2 * rest >= denominator)
        case _:
            twice = 2 * rest
            return quotient + (twice > denominator or (twice == denominator and quotient % 2 == 1))
