"""What an account's machine decides in integers: loop-free functions without state, proved for all integers.

Everything that a capture, a release, a time-out or a purchase does to a leg, a lot or a debt comes down to these; the
folds over legs, windows and lots around them are in `holds.py` and in `step/settle.py`. What a draw decides is in
`plan/arithmetic.py` and `plan/counting.py`. The claims about all of them are in `prove/`: whoever changes a line here
runs `python tools/prove.py`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from overspill.plan.arithmetic import ceil_ratio, cover

# ---- a leg of a hold


def kept(asked: int, base_held: int, amount_held: int, numerator: int, denominator: int) -> tuple[int, int]:
    """What a capture that still asks `asked` base steps keeps of a leg: (base, amount), both at most what is held.

    LANGUAGE.md S1: the refill is inside the hold first; a leg that is used whole keeps its whole amount.
    """
    if asked >= base_held:
        return base_held, amount_held
    return asked, min(ceil_ratio(asked, numerator, denominator), amount_held)


def still_counted(counted: int, held: int, keep: int) -> int:
    """What stays counted of `counted` when `keep` of the leg's `held` steps are used. A counter that counted less than the
    leg is an overage, which gives back first what lots did not give."""
    return max(keep - (held - counted), 0)


def freed(part: int, keep: int) -> tuple[int, int]:
    """(kept of this lot's part, what goes back) when `keep` steps of the leg are still to be kept."""
    used = min(part, keep)
    return used, part - used


# ---- a hold in time (LANGUAGE.md S2)

HELD: Final = 0
"""It holds what its legs say."""
DUE: Final = 1
"""It has timed out, and what it holds goes back as soon as its account is met."""
LATE: Final = 2
"""It holds nothing any more; a late capture still comes in."""
OVER: Final = 3


def phase(open: bool, expires_at: int, late_until: int, now: int) -> int:
    """Where a hold that an account knows stands at `now`. Intervals are half-open: it is due at `expires_at`."""
    if open:
        return DUE if expires_at <= now else HELD
    return LATE if now < late_until else OVER


# ---- overshoot and debt (LANGUAGE.md S3)


class Split(NamedTuple):
    """What becomes of the base steps that no layer covers, of all captures of a hold together."""

    owed_base: int
    owed: int
    """What of it is debt, in base steps and in the pool's."""
    debt: int
    """The pool's debt behind it."""
    absorbed: int
    """The base steps that are nobody's."""
    refunded: int
    """What this capture debits from a lot and refunds to it, in the pool's steps, where there is a lot."""
    returned: int
    """What purchases have repaid of a debt that is none after all, in the pool's steps."""


def overshoot(left: int, owed: int, debt: int, bound: int, absorbed: int, numerator: int, denominator: int) -> Split:
    """`left` base steps in debt as far as `bound` goes, and absorbed beyond it. Of the pool's `debt`, `owed` is this hold's
    from captures before, which absorbed `absorbed` base steps."""
    owed_base, owes = cover(left, owed + max(bound - debt, 0), numerator, denominator)
    refunded = ceil_ratio(max(left - owed_base - absorbed, 0), numerator, denominator)
    after = debt + owes - owed
    still, returned = (0, -after) if after < 0 else (after, 0)
    return Split(owed_base, owes, still, left - owed_base, refunded, returned)


def repaid(debt: int, bought: int) -> tuple[int, int, int]:
    """(what of a purchase repays the debt, what is left of its lot, what is still owed): debt comes first."""
    repays = min(debt, bought)
    return repays, bought - repays, debt - repays
