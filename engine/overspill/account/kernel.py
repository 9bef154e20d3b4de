"""The arithmetic of holds on plain integers: loop-free, without branches on anything but its arguments.

Everything that a capture, a release or a time-out does to a leg comes down to these; the folds over legs, windows and
lots around them are in `holds.py`.
"""

from __future__ import annotations


def kept(asked: int, base_held: int, amount_held: int, numerator: int, denominator: int) -> tuple[int, int]:
    """What a capture that still asks `asked` base steps keeps of a leg: (base, amount), both at most what is held.

    LANGUAGE.md S1: the refill is inside the hold first; a leg that is used whole keeps its whole amount.
    """
    if asked >= base_held:
        return base_held, amount_held
    amount = -(-asked * numerator // denominator)
    return asked, amount if amount < amount_held else amount_held


def still_counted(counted: int, held: int, keep: int) -> int:
    """What stays counted of `counted` when `keep` of the leg's `held` steps are used. A counter that counted less than the
    leg is an overage, which gives back first what lots did not give."""
    beyond = keep - (held - counted)
    return beyond if beyond > 0 else 0


def freed(part: int, keep: int) -> tuple[int, int]:
    """(kept of this lot's part, what goes back) when `keep` steps of the leg are still to be kept."""
    return (part, 0) if part <= keep else (keep, part - keep)
