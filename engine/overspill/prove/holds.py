"""What is claimed of holds: captures, releases, time-outs (LANGUAGE.md S1, S2, S4)."""

from __future__ import annotations

from overspill.account.draft import Draft
from overspill.account.due import HoldDue, LotDue, TestDue, due_at, next_due
from overspill.account.effects import Effect, SetLot, SetWindow
from overspill.account.held import lots_held
from overspill.account.holds import Homeless, Kept, give_back, lots_used, uncount
from overspill.account.kernel import DUE, HELD, LATE, OVER, freed, kept, phase, still_counted
from overspill.account.purchases import Settings, TopUp
from overspill.account.state import EMPTY, Account, Count, Hold, Leg
from overspill.plan.counting import given_back, less
from overspill.plan.shapes import GENERATION, LOT_EXPIRES_AT, LOT_LEFT, USED, WindowState
from overspill.prove.claims import Claim, claim
from overspill.prove.draws import is_ceiling, lot, ratio
from overspill.prove.paths import Given, implies, same
from overspill.words.codec import replace
from overspill.words.instants import NEVER

LOTS = 2


@claim(kept, rules="S1")
def capture_keeps(given: Given) -> None:
    """A capture keeps of a leg what it asks, at most what is held."""
    asked, base_held = given.number("asked", least=0), given.number("base_held", least=0)
    amount_held, rate = given.number("amount_held", least=0), ratio(given)
    base, amount = kept(asked, base_held, amount_held, *rate)
    given.shows("base", (base >= 0) & ((base == asked) | (base == base_held)) & (base <= asked) & (base <= base_held))
    given.shows("never more than is held", (amount >= 0) & (amount <= amount_held))
    given.shows("whole as it was drawn", implies(asked >= base_held, amount == amount_held))
    dearer = (amount == amount_held) & (amount_held * rate[1] < base * rate[0])
    given.shows("at its price", (asked >= base_held) | is_ceiling(amount, base, *rate) | dearer)


@claim(kept, rules="S2")
def more_keeps_no_less(given: Given) -> None:
    """What a capture keeps is never less for more usage, so a stream's parts are never negative."""
    asked, more = given.number("asked", least=0), given.number("more", least=0)
    base_held, amount_held = given.number("base_held", least=0), given.number("amount_held", least=0)
    numerator, denominator = ratio(given)
    base, amount = kept(asked, base_held, amount_held, numerator, denominator)
    then, amount_then = kept(asked + more, base_held, amount_held, numerator, denominator)
    given.product(more, numerator)
    given.product(amount - 1 - amount_then, denominator)
    given.shows("base", base <= then)
    given.shows("amount", amount <= amount_then)


@claim(kept, rules="M3 S2")
def kept_is_paid_for(given: Given) -> None:
    """What captures keep of a layer's legs is never below the price of the base they cover.

    By induction over the legs of one layer: `before` is what is kept of those before, (base, amount), whole.
    """
    base_before, amount_before = given.number("base_before", least=0), given.number("amount_before", least=0)
    asked, base_held = given.number("asked", least=0), given.number("base_held", least=0)
    amount_held, (numerator, denominator) = given.number("amount_held", least=0), ratio(given)
    given.assume(
        amount_before * denominator >= base_before * numerator,
        (amount_before + amount_held) * denominator >= (base_before + base_held) * numerator,
    )
    base, amount = kept(asked, base_held, amount_held, numerator, denominator)
    given.product(base_held - asked, numerator)
    given.shows("paid for", (amount_before + amount) * denominator >= (base_before + base) * numerator)


@claim(still_counted, rules="S1 S4")
def counter_gives_back(given: Given) -> None:
    """A counter gives back at most what is freed, and all of it where it counted the whole leg."""
    counted, held, keep = given.number("counted", least=0), given.number("held"), given.number("keep", least=0)
    given.assume(counted <= held, keep <= held)
    stays = still_counted(counted, held, keep)
    back, free = counted - stays, held - keep
    given.shows("between nothing and what it counted", (stays >= 0) & (stays <= counted))
    given.shows("no more than is freed", back <= free)
    given.shows("all of it, or all that it counted", (back == free) | (back == counted))
    given.shows("a whole leg's counter counts what is kept", implies(counted == held, stays == keep))
    given.shows("what is used whole gives nothing back", implies(keep == held, back == 0))


@claim(freed, rules="S1 S4")
def part_splits(given: Given) -> None:
    """A lot's part is kept and given back without a step more or less."""
    part, keep = given.number("part", least=0), given.number("keep", least=0)
    used, back = freed(part, keep)
    given.shows("nothing is created or lost", used + back == part)
    given.shows("never negative", (used >= 0) & (back >= 0))
    given.shows("no more than is to be kept", used <= keep)
    given.shows("kept first", (used == keep) | (back == 0))


@claim(freed, rules="S1 S4")
def parts_split(given: Given) -> None:
    """Of any number of lots, what is kept and what goes back add up to what was drawn.

    By induction over the lots, with what holds between two of them.
    """
    keep, left = given.number("keep", least=0), given.number("keep_left", least=0)
    parts, used, back = given.number("parts", least=0), given.number("used", least=0), given.number("back", least=0)
    part = given.number("part", least=0)
    given.assume(used + left == keep, used + back == parts, (left == 0) | (back == 0))
    kept_of_it, goes_back = freed(part, left)
    left, used, back, parts = left - kept_of_it, used + kept_of_it, back + goes_back, parts + part
    given.shows("used and left are what is to be kept", (used + left == keep) & (left >= 0))
    given.shows("nothing is created or lost", used + back == parts)
    given.shows("nothing goes back while something is to be kept", (left == 0) | (back == 0))
    given.shows("so all that can be kept is", ((used == keep) | (used == parts)) & (used <= keep))


@claim(
    give_back, uncount, lots_used, lots_held, freed, still_counted,
    rules="S1 S4",
    scope=f"all integers, a leg of {LOTS} lots and an overage",
)  # fmt: skip
def leg_goes_back(given: Given) -> None:
    """`give_back` returns all of a leg but what is kept to its lots and its overage, the last drawn first; what lots that have
    expired would get is named."""
    lots = [lot(given, str(index), f"L{index}") for index in range(LOTS)]
    parts = [given.number(f"part{index}", least=0) for index in range(LOTS)]
    beyond, keep = given.number("beyond", least=0), given.number("keep", least=0)
    amount = sum(parts) + beyond
    given.assume(keep <= amount)
    counts = (Count(0, "overage", 1, beyond),)
    drawn = tuple([("money", one, part) for one, part in zip(lots, parts, strict=True)])
    kept_of_it = Kept(Leg("money", 0, 1, amount, counts, drawn), 1, keep)
    used_before = given.number("overage_used", least=0)
    given.assume(beyond <= used_before)
    account = Account(windows={"overage": (1, 0, 1, used_before)}, pools={"money": tuple(lots)})
    at = given.number("at")
    effects, homeless = _given_back(given, account, kept_of_it, at)
    without = {one.lot[0]: one.amount for one in homeless}
    left = {effect.lot[0]: effect.lot[LOT_LEFT] for effect in effects if isinstance(effect, SetLot)}
    windows = {effect.key: effect.state for effect in effects if isinstance(effect, SetWindow)}
    used = {one[0]: part for _, one, part in lots_used(kept_of_it)}
    given.shows("only lots of which something is used are listed", all(bool(part > 0) for part in used.values()))
    given.shows("no entry where nothing goes back", "overage" not in windows or beyond > max(keep - sum(parts), 0))
    back = used_before - windows.get("overage", account.windows["overage"])[USED]
    for one, part in zip(lots, parts, strict=True):
        expired = without.get(one[0], 0)
        returned = left.get(one[0], one[LOT_LEFT]) - one[LOT_LEFT] + expired
        given.shows("only what has expired has no lot to go back to", (expired == 0) | (one[LOT_EXPIRES_AT] <= at))
        given.shows("and nothing else goes back to it", (one[LOT_EXPIRES_AT] > at) | (one[0] not in left))
        given.shows("a lot gets back what is not used of its part", returned == part - used.get(one[0], 0))
        given.shows("never more than was drawn", (returned >= 0) & (returned <= part))
        back = back + returned
    given.shows("all but what is kept goes back, once", back == amount - keep)
    held = [part for _, _, part in lots_held(replace(kept_of_it.leg, used=keep))]
    given.shows("what was held is what is not used", sum(held) == sum(parts) - sum(used.values()))
    given.shows("only lots of which something is held are listed", all(bool(part > 0) for part in held))


@claim(give_back, uncount, still_counted, given_back, less, rules="S4 W3", scope="all integers, a leg of one counter")
def counter_goes_back(given: Given) -> None:
    """`give_back` returns a counter's part in the generation that counted it, and never below zero."""
    amount, keep, used = given.number("amount", least=0), given.number("keep", least=0), given.number("used", least=0)
    given.assume(keep <= amount)
    of, now = given.number("generation"), given.number("generation_now")
    counts = (Count(0, "cap", of, amount), Count(0, "gone", 1, amount), Count(1, "nobodys", 1, amount))
    windows: dict[str, WindowState] = {"cap": (now, 0, 1, used), "nobodys": (1, 0, 1, amount)}
    kept_of_it = Kept(Leg("money", 0, 1, amount, counts, ()), 1, keep)
    effects, _ = _given_back(given, Account(windows=windows), kept_of_it, given.number("at"))
    changed = {effect.key: effect.state for effect in effects if isinstance(effect, SetWindow)}
    after = changed.get("cap", windows["cap"])
    given.shows("nothing else", all(key == "cap" for key in changed) and len(effects) == len(changed))
    given.shows("the generation stays", after[GENERATION] == now)
    given.shows("in its generation alone", (of == now) | (len(changed) == 0))
    given.shows("nothing is written where nothing goes back", (keep < amount) | (len(changed) == 0))
    given.shows("never below zero, never more", (after[USED] >= 0) & (after[USED] <= used))
    given.shows("its part", implies((of == now) & (used >= amount - keep), after[USED] == used - (amount - keep)))


def _given_back(given: Given, account: Account, part: Kept, at: int) -> tuple[list[Effect], list[Homeless]]:
    draft = Draft(lambda key: account)
    homeless = give_back(draft, _hold(given, part.leg), part, at)
    effects = draft.effects()
    assert set(effects) <= {"default/user/u"}
    return effects.get("default/user/u", []), homeless


def _hold(given: Given, leg: Leg) -> Hold:
    return Hold(
        id="h",
        accounts=("default/user/u", None),
        digest="",
        waterfall="w",
        at=0,
        expires_at=given.number("expires_at"),
        late_until=given.number("late_until"),
        base=1,
        facts=(),
        request="r",
        decision="d",
        legs=(leg,),
        open=True,
    )


@claim(freed, rules="G3 S4")
def value_is_conserved(given: Given) -> None:
    """A lot's value is left, held or captured, whatever captures, releases and time-outs come.

    By induction over the commands: `issued` = `left` + `held` + `captured` before and after each.
    """
    issued, left = given.number("issued"), given.number("left", least=0)
    held, captured = given.number("held", least=0), given.number("captured", least=0)
    part, keep = given.number("part", least=0), given.number("keep", least=0)
    given.assume(issued == left + held + captured, part <= held)
    used, back = freed(part, keep)
    left, held, captured = left + back, held - part, captured + used
    given.shows("conserved", issued == left + held + captured)
    given.shows("never negative", (left >= 0) & (held >= 0) & (captured >= 0))


@claim(phase, rules="S2 W1")
def holds_go_one_way(given: Given) -> None:
    """A hold is held until it expires, then due, then late, then over, and never goes back."""
    expires_at, lasts, now = given.number("expires_at"), given.number("lasts", least=0), given.number("now")
    later, late_until = now + given.number("passed", least=0), expires_at + lasts
    for open in (True, False):
        at, then = phase(open, expires_at, late_until, now), phase(open, expires_at, late_until, later)
        given.shows("in order", at <= then)
    given.shows("held until it expires", same(phase(True, expires_at, late_until, now) == HELD, now < expires_at))
    given.shows("an open hold is never over", phase(True, expires_at, late_until, now) <= DUE)
    closed = phase(False, expires_at, late_until, now)
    given.shows("closed, it never holds again", closed >= LATE)
    given.shows("over as soon as it is too late", same(closed == OVER, now >= late_until))


@claim(next_due, due_at, phase, rules="S2 G3 W1", scope="all integers, one hold, one lot and one top-up")
def what_ends_first(given: Given) -> None:
    """What has ended is found, the earliest first, at one instant a lot, then a hold, then a test; and nothing sooner."""
    now, expires_at, test_at = given.number("now"), given.number("lot_expires_at"), given.number("test_at")
    top_ups = {"money": TopUp(Settings(1, True, 0, 0, None, "ana", 0), test_at=test_at)}
    given.assume(now < NEVER)
    pools = {"money": (("L", 1, 0, expires_at, 0, 1, 1),)}
    for open in (True, False):
        hold = replace(_hold(given, Leg("money", 0, 0, 0, (), ())), open=open)
        holds = {"h": hold}
        ends_at = due_at(pools, holds, top_ups)
        account = replace(EMPTY, pools=pools, holds=holds, top_ups=top_ups, due_at=ends_at)
        found = next_due({"default/user/u": account}, now)
        is_due = phase(open, hold.expires_at, hold.late_until, now) == DUE
        if isinstance(found, LotDue):
            given.shows("its instant", (found.at == expires_at) & (expires_at <= now))
            given.shows("it is the first", implies(is_due, expires_at <= hold.expires_at))
            given.shows("before a test", (now < test_at) | (expires_at <= test_at))
        elif isinstance(found, HoldDue):
            given.shows("the hold is due", is_due)
            given.shows("it is the first", (now < expires_at) | (hold.expires_at < expires_at))
            given.shows("before a test", (now < test_at) | (hold.expires_at <= test_at))
        elif isinstance(found, TestDue):
            given.shows("its instant", (found.at == test_at) & (test_at <= now))
            given.shows("behind a lot", (now < expires_at) | (test_at < expires_at))
            given.shows("behind a hold", implies(is_due, test_at < hold.expires_at))
        else:
            given.shows("nothing has ended", (now < expires_at) & (now < test_at) & same(is_due, False))


CLAIMS: tuple[Claim, ...] = (
    capture_keeps,
    more_keeps_no_less,
    kept_is_paid_for,
    counter_gives_back,
    part_splits,
    parts_split,
    leg_goes_back,
    counter_goes_back,
    value_is_conserved,
    holds_go_one_way,
    what_ends_first,
)
