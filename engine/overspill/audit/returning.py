"""Reversals, and windows that begin anew (LED6, LED9)."""

from __future__ import annotations

from overspill.audit.amounts import amount_of, part_of
from overspill.audit.chart import ISSUED, LAPSED_MONEY, debt_account
from overspill.audit.counting import begin, set_left, window_of
from overspill.audit.holding import change_debt
from overspill.audit.shapes import Returned, other_from, redeemed_from, reversed_from
from overspill.audit.work import Work
from overspill.audit.world import Contradiction
from overspill.words.ids import derived_id


def reversed_(work: Work) -> None:
    """What a request used goes back, part by part."""
    answer = reversed_from(work.answer)
    if (answer.reversal, answer.at, answer.account) != (work.record.id, work.at_text, work.record.key[1]):
        work.wrong("LED5", "answers another command, or another time", "differs")
    work.ids = (derived_id(answer.of, "rev"),)
    work.cause, work.policy = answer.of, answer.policy.digest
    for one in answer.returned:
        if one.window is not None:
            _uncounted(work, one, answer.policy.waterfall)
        elif one.lot:
            _put_back(work, one, answer.policy.waterfall)
        else:
            _forgiven(work, one, answer.policy.waterfall)
    work.finish(work.record.id)


def _uncounted(work: Work, one: Returned, waterfall: str) -> None:
    window, amount = work.world.window(one.account, one.window or ""), amount_of(one.amount)
    if window.receivable:
        work.move(f"usage:{waterfall}", window.unit, -amount)
        work.move(window.receivable, window.unit, amount)
    if one.to not in ("open", "present", "nothing"):
        work.wrong("LED6", f"gives capacity back to `{one.to[:40]}`")
    if one.to != "nothing":
        work.capacity(f"usage:{waterfall}", window.asset, -amount)
        set_left(work, window, window.left + amount)


def _put_back(work: Work, one: Returned, waterfall: str) -> None:
    lot, amount = work.world.lot((one.account, one.pool, one.lot)), amount_of(one.amount)
    usage, revenue = f"usage:{waterfall}", f"revenue:{waterfall}"
    if one.unit != lot.asset:
        work.wrong("LED6", f"gives back {one.unit} to {lot.account}, which is of {lot.asset}", "differs")
    match one.to:
        case "lot":
            work.change(lot, amount, "reversed", usage, revenue)
        case "reissued":
            new = one.reissued
            if new is None:
                raise Contradiction("LED6", "gives back to a new lot, and names none")
            child = work.open((one.account, one.pool, new.lot), lot.asset, lot.category, new.expires_at, parent=lot)
            work.change(child, amount, "reissued", usage, revenue)
        case "expired" | "voided":
            gone = f"breakage:{lot.category}" if one.to == "expired" else ISSUED[lot.category]
            money = part_of(lot.cost, amount, lot.per)
            work.move(usage, lot.asset, -amount)
            work.move(gone, lot.asset, amount)
            if money:
                work.move(revenue, lot.currency, -money)
                work.move(LAPSED_MONEY, lot.currency, money)
        case _:
            raise Contradiction("LED6", f"gives back to `{one.to[:40]}`")


def _forgiven(work: Work, one: Returned, waterfall: str) -> None:
    """What is owed is owed no more; what was repaid of it is a lot."""
    amount, usage = amount_of(one.amount), f"usage:{waterfall}"
    if one.reissued is None:
        work.move(usage, one.unit, -amount)
        work.move(debt_account(one.account, one.pool), one.unit, amount)
        change_debt(work, (one.account, one.pool), -amount, 0)
    else:
        key = (one.account, one.pool, one.reissued.lot)
        lot = work.open(key, one.unit, "paid", one.reissued.expires_at, amount=amount)
        work.change(lot, amount, "repaid_back", usage, "")


def begun(work: Work) -> None:
    """A redeemed reset, or one that an operator made: windows begin their next generation."""
    answer, kind = redeemed_from(work.answer), work.record.key[2]
    own = answer.redeem if kind == "redeem" else answer.reset
    if (answer.at, answer.account) != (work.at_text, work.record.key[1]) or own != work.record.id:
        work.wrong("LED5", "answers another command, or another time", "differs")
    for one in answer.windows:
        layer = one.window.partition(".")[0]
        state = work.windows.get((answer.account, one.window))
        if state is None or state[0] != one.generation:
            work.wrong("LED9", f"begins {one.window} otherwise than its account does", "differs")
        begin(work, window_of(work, answer.account, one.window, layer, "", False), one.generation)
    work.finish(work.record.id)


def topped_up(work: Work) -> None:
    """A test of what an account buys by itself: each purchase that it asks for has an id of its own."""
    work.ids = tuple([derived_id(work.key, "pur", number) for number in range(len(work.record.ids))])
    other(work)


def other(work: Work) -> None:
    """What moves nothing."""
    answer, kind = other_from(work.answer), work.record.key[2]
    if (getattr(answer, kind), answer.at) != (work.record.id, work.at_text):
        work.wrong("LED5", "answers another command, or another time", "differs")
    if kind != "unpaid" and answer.account != work.record.key[1]:
        work.wrong("LED5", "answers for another account", "differs")
    work.finish(work.record.id)
