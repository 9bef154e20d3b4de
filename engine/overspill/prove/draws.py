"""What is claimed of prices and draws (LANGUAGE.md M2, M3, L4, G1)."""

from __future__ import annotations

from overspill.plan.arithmetic import ceil_ratio, cover, cover_more, drawn_from, round_quotient
from overspill.plan.lots import take
from overspill.plan.shapes import LOT_EXPIRES_AT, LOT_GRANTED_AT, LOT_LEFT, Lot
from overspill.prove.claims import Claim, claim
from overspill.prove.paths import Given, implies

LOTS = 3


def ratio(given: Given) -> tuple[int, int]:
    """Any positive rate."""
    return given.number("numerator", least=1), given.number("denominator", least=1)


def is_ceiling(amount: int, base: int, numerator: int, denominator: int) -> bool:
    """amount = ceil(base × numerator / denominator), in products alone."""
    rest = amount * denominator - base * numerator
    return (rest >= 0) & (rest < denominator)


@claim(ceil_ratio, rules="M3")
def ceiling(given: Given) -> None:
    """`ceil_ratio` is the least integer that is not below the exact product."""
    amount, numerator = given.number("amount"), given.number("numerator")
    denominator = given.number("denominator", least=1)
    given.shows("least", is_ceiling(ceil_ratio(amount, numerator, denominator), amount, numerator, denominator))


@claim(cover, rules="M3 L5")
def covered(given: Given) -> None:
    """A layer covers the largest base amount whose ceiling is within its room, and draws that ceiling."""
    asked, room = given.number("asked", least=0), given.number("room")
    rate = ratio(given)
    base, amount = cover(asked, room, *rate)
    given.shows("never more than is asked", (base >= 0) & (base <= asked))
    given.lemma("the ceiling is drawn", is_ceiling(amount, base, *rate))
    given.shows("never more than there is", (amount >= 0) & ((amount <= room) | (amount == 0)))
    given.shows("no base step more", (base == asked) | (room * rate[1] < (base + 1) * rate[0]))
    given.shows("equality suffices", implies((room >= 0) & (asked * rate[0] <= room * rate[1]), base == asked))


@claim(cover_more, rules="M3 S2")
def covered_more(given: Given) -> None:
    """What is rounded as one with what was drawn before never draws more than the ceiling of the whole."""
    asked, room = given.number("asked", least=0), given.number("room")
    base_before, amount_before = given.number("base_before", least=0), given.number("amount_before", least=0)
    rate = ratio(given)
    given.assume(amount_before * rate[1] >= base_before * rate[0])
    base, amount = cover_more(asked, room, *rate, base_before, amount_before)
    short = ceil_ratio(base_before + asked, *rate) - 1 - amount_before - max(room, 0)
    given.product(short, rate[1])
    given.product(amount - 1 - max(room, 0), rate[1])
    all_of_it, most = (base_before + asked) * rate[0], (max(room, 0) + amount_before) * rate[1]
    given.lemma("all of it, or all that the room pays for", (base == asked) | (most < all_of_it))
    given.shows("never more than is asked", (base >= 0) & (base <= asked))
    given.shows("never more than there is", (amount >= 0) & ((amount <= room) | (amount == 0)))
    paid, price = amount_before + amount, base_before + base
    given.shows("the whole is rounded once", is_ceiling(paid, price, *rate) | (amount == 0))
    given.shows("nothing is left unpaid", paid * rate[1] >= price * rate[0])
    given.shows("no base step more", (base == asked) | (most < (price + 1) * rate[0]))


@claim(cover_more, rules="S2")
def parts_come_to_the_whole(given: Given) -> None:
    """Parts that are rounded as one come to the ceiling of their sum, in however many parts.

    By induction over the parts: what was drawn before is the ceiling of what was covered before.
    """
    asked, room = given.number("asked", least=0), given.number("room", least=0)
    base_before = given.number("base_before", least=0)
    rate = ratio(given)
    amount_before = ceil_ratio(base_before, *rate)
    base, amount = cover_more(asked, room, *rate, base_before, amount_before)
    given.shows("still the ceiling", is_ceiling(amount_before + amount, base_before + base, *rate))


@claim(drawn_from, rules="G1")
def lot_gives(given: Given) -> None:
    """A lot gives what it has, at most what is wanted, from its grant until before its expiry."""
    left, wanted, now = given.number("left", least=0), given.number("wanted", least=0), given.number("now")
    granted_at, expires_at = given.number("granted_at"), given.number("expires_at")
    part = drawn_from(left, granted_at, expires_at, wanted, now)
    usable = (granted_at <= now) & (now < expires_at)
    given.shows("never more than it has", (part >= 0) & (part <= left))
    given.shows("never more than is wanted", part <= wanted)
    given.shows("nothing when it is not usable", usable | (part == 0))
    given.shows("all that it can", implies(usable, (part == left) | (part == wanted)))


@claim(take, drawn_from, rules="G1 G2 L4", scope=f"all integers, {LOTS} lots")
def lots_in_order(given: Given) -> None:
    """Lots are drawn in their order, each emptied before the next."""
    wanted, now = given.number("wanted", least=0), given.number("now")
    lots = [lot(given, f"{index}", "L" + str(index)) for index in range(LOTS)]
    drawn, found = take(lots, wanted, now)
    parts = {one[0]: part for one, part in drawn}
    given.shows("only lots that give something are listed", all(bool(part > 0) for part in parts.values()))
    given.shows("the parts are the sum", sum(parts.values()) == found)
    given.shows("never more than is wanted", found <= wanted)
    usable = [(one[LOT_GRANTED_AT] <= now) & (now < one[LOT_EXPIRES_AT]) for one in lots]
    for index, one in enumerate(lots):
        part = parts.get(one[0], 0)
        given.shows("never more than it has", (part >= 0) & (part <= one[LOT_LEFT]))
        later = sum(parts.get(other[0], 0) for other in lots[index + 1 :])
        given.shows("emptied first", implies(usable[index] & (part < one[LOT_LEFT]), (later == 0) & (found == wanted)))
        given.shows("usable ones alone", usable[index] | (part == 0))


def lot(given: Given, name: str, id: str) -> Lot:
    """A lot with something left in it, or nothing."""
    left = given.number(f"left{name}", least=0)
    return (id, left, given.number(f"granted_at{name}"), given.number(f"expires_at{name}"), 0, 1, left)


@claim(round_quotient, rules="M2")
def rounded(given: Given) -> None:
    """The base amount is the nearest integer of its mode."""
    numerator, denominator = given.number("numerator", least=0), given.number("denominator", least=1)
    down = numerator // denominator
    for mode in ("down", "up", "half_up", "half_even"):
        result = round_quotient(numerator, denominator, mode)
        rest = result * denominator - numerator
        given.shows(f"{mode}: an integer beside it", (result == down) | (result == down + 1))
        given.shows(f"{mode}: exact where it can be", implies(numerator == down * denominator, result == down))
        if mode == "down":
            given.shows("down", rest <= 0)
        elif mode == "up":
            given.shows("up", rest >= 0)
        else:
            given.shows(f"{mode}: the nearest", (2 * rest <= denominator) & (2 * rest >= -denominator))
            tie = (2 * rest == denominator) | (2 * rest == -denominator)
            given.shows(f"{mode}: a tie", implies(tie, rest > 0 if mode == "half_up" else result % 2 == 0))


@claim(rules="M3")
def products(given: Given) -> None:
    """The product of two integers that are not negative is not negative, which other claims remind the solvers of."""
    one, other = given.number("one", least=0), given.number("other", least=0)
    given.shows("not negative", one * other >= 0)


CLAIMS: tuple[Claim, ...] = (
    products,
    ceiling,
    covered,
    covered_more,
    parts_come_to_the_whole,
    lot_gives,
    lots_in_order,
    rounded,
)
