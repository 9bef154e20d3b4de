"""What is claimed of overshoot, debt and repayment (LANGUAGE.md S3)."""

from __future__ import annotations

from overspill.account.kernel import overshoot, repaid
from overspill.prove.claims import Claim, claim
from overspill.prove.draws import is_ceiling, ratio
from overspill.prove.paths import Given, implies


@claim(overshoot, rules="S3")
def overshoot_splits(given: Given) -> None:
    """Overshoot splits into debt and what is absorbed, without a base step more or less."""
    left, owed, debt, bound = [given.number(name, least=0) for name in ("left", "owed", "debt", "bound")]
    absorbed, rate = given.number("absorbed", least=0), ratio(given)
    split = overshoot(left, owed, debt, bound, absorbed, *rate)
    given.shows("the parts are the whole", split.owed_base + split.absorbed == left)
    given.shows(
        "never negative", (split.owed_base >= 0) & (split.absorbed >= 0) & (split.owed >= 0) & (split.debt >= 0)
    )
    given.shows("debt at its price", is_ceiling(split.owed, split.owed_base, *rate))
    rest = split.absorbed - absorbed
    for one, other in (
        (split.refunded - 1, rate[1]),
        (-split.refunded - 1, rate[1]),
        (rest, rate[0]),
        (-rest, rate[0]),
    ):
        given.product(one, other)
    given.shows(
        "what is newly absorbed is refunded at its price", (rest <= 0) | is_ceiling(split.refunded, rest, *rate)
    )
    given.shows("nothing else is refunded", (rest > 0) | (split.refunded == 0))


@claim(overshoot, rules="S3")
def debt_is_bounded(given: Given) -> None:
    """A pool's debt never passes its bound by a capture, and nothing is absorbed that it takes."""
    left, owed, debt, bound = [given.number(name, least=0) for name in ("left", "owed", "debt", "bound")]
    absorbed, rate = given.number("absorbed", least=0), ratio(given)
    split = overshoot(left, owed, debt, bound, absorbed, *rate)
    room = owed + max(bound - debt, 0)
    given.product(split.owed - 1 - room, rate[1])
    given.shows("within its bound, or no higher than it was", (split.debt <= bound) | (split.debt <= debt))
    given.shows("what this capture adds", implies(debt >= owed, split.debt == debt + split.owed - owed))
    given.shows("what was repaid is not lost", split.debt - split.returned == debt + split.owed - owed)
    given.shows("and comes back only where nothing is owed", (split.returned == 0) | (split.debt == 0))
    more = room * rate[1] < (split.owed_base + 1) * rate[0]
    given.shows("debt comes first", (split.absorbed == 0) | more)


@claim(repaid, rules="S3")
def debt_is_repaid_first(given: Given) -> None:
    """A purchase repays the debt before its lot has anything left."""
    debt, bought = given.number("debt", least=0), given.number("bought", least=0)
    repays, left, owed = repaid(debt, bought)
    given.shows("nothing is created or lost", (repays + left == bought) & (repays + owed == debt))
    given.shows("never negative", (repays >= 0) & (left >= 0) & (owed >= 0))
    given.shows("debt first", (left == 0) | (owed == 0))


@claim(repaid, rules="S3")
def purchases_add_up(given: Given) -> None:
    """A pool's balance grows by exactly what is bought, in however many purchases.

    By induction: lots minus debt, before and after.
    """
    lots, debt, bought = [given.number(name, least=0) for name in ("lots", "debt", "bought")]
    _, left, owed = repaid(debt, bought)
    given.shows("by what is bought", (lots + left) - owed == lots - debt + bought)


CLAIMS: tuple[Claim, ...] = (overshoot_splits, debt_is_bounded, debt_is_repaid_first, purchases_add_up)
