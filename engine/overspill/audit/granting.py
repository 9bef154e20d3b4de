"""Lots: granted, bought, voided, refunded, transferred, expired (LED2, LED8, LED13)."""

from __future__ import annotations

from overspill.audit.amounts import amount_of, amount_text
from overspill.audit.chart import ISSUED, LAPSED_MONEY, REPAID_MONEY, LotKey, debt_account
from overspill.audit.counting import LEGS, change_hold, parts_of
from overspill.audit.holding import change_debt
from overspill.audit.shapes import Lapsed, Moved, moved_from
from overspill.audit.work import Work
from overspill.audit.world import Contradiction, Lot
from overspill.words.ids import derived_id, key_text
from overspill.words.instants import instant_from_text


def _told(work: Work, kind: str) -> Moved:
    answer = moved_from(work.answer)
    if (getattr(answer, kind), answer.at) != (work.record.id, work.at_text):
        work.wrong("LED5", "answers another command, or another time", "differs")
    if answer.account != work.record.key[1]:
        work.wrong("LED5", "answers for another account", "differs")
    if answer.effective_at is not None:
        work.effective_at = instant_from_text(answer.effective_at)
    return answer


def granted(work: Work) -> None:
    _arrived(work, _told(work, "grant"), "granted", "cash:operator")


def purchased(work: Work) -> None:
    answer = _told(work, "purchase")
    work.ids = (derived_id(key_text(work.record.key[0], answer.receipt), "rcpt"),)
    _arrived(work, answer, "purchased", "cash:provider")


def _arrived(work: Work, answer: Moved, why: str, cash: str) -> None:
    key: LotKey = (answer.account, answer.pool, answer.lot)
    amount = amount_of(answer.amount)
    if answer.lot != work.record.key[3] or amount <= 0 or answer.unit is None:
        raise Contradiction("LED2", "makes another lot than was asked for", "differs")
    lot = work.open(key, answer.unit, answer.category, answer.expires_at, cost=answer.cost, amount=amount, cash=cash)
    work.change(lot, amount, why, ISSUED[lot.category], cash)
    _repaid(work, lot, answer.repaid)
    work.finish(work.record.id)
    if answer.priority != lot.rank["priority"]:
        work.wrong("LED2", f"makes {lot.account} of another priority than its account has it", "differs")
    there = sum([one.free for one in work.world.pools[key[:2]].values()]) - work.world.debts.get(key[:2], 0)
    if answer.balance is None or amount_of(answer.balance) != there:
        work.wrong("LED2", f"leaves a balance of {answer.balance}, its lots and debt {amount_text(there)}", "amount")


def _repaid(work: Work, lot: Lot, repaid: str) -> None:
    if repaid != "0":
        place, amount = lot.key[:2], amount_of(repaid)
        work.change(lot, -amount, "debt_repaid", debt_account(*place), REPAID_MONEY)
        change_debt(work, place, -amount, lot.step)


def transferred(work: Work) -> None:
    answer = _told(work, "transfer")
    source, amount = work.world.lot((answer.account, answer.pool, answer.lot)), amount_of(answer.amount)
    key = (answer.to, answer.pool, answer.to_lot)
    lot = work.open(key, source.asset, source.category, source.ends_text, parent=source)
    work.change(source, -amount, "transferred", "", f"rounding:{source.currency}")
    work.change(lot, amount, "transferred", "", f"rounding:{source.currency}")
    _repaid(work, lot, answer.repaid)
    work.finish(work.record.id)


def _taken(work: Work, kind: str) -> tuple[Moved, Lot]:
    """All that is free of a lot is taken away, once."""
    answer = _told(work, kind)
    lot = work.world.lot((answer.account, answer.pool, answer.lot))
    if amount_of(answer.amount) != lot.free or answer.unit != lot.asset:
        what = f"takes {answer.amount} of {lot.account}, where {amount_text(lot.free)} is free"
        work.wrong("LED2", what, "amount")
    owner = f"{work.record.key[0]}/{answer.account}"
    work.ids = (derived_id(key_text(owner, answer.pool, answer.lot), "end"),)
    return answer, lot


def voided(work: Work) -> None:
    """What was paid for it is kept."""
    _, lot = _taken(work, "void")
    work.change(lot, -lot.free, "voided", ISSUED[lot.category], LAPSED_MONEY)
    work.finish(work.record.id)


def refunded(work: Work) -> None:
    """Its part of the money is paid back, as the answer rounds it."""
    answer, lot = _taken(work, "refund")
    [(currency, money)] = answer.money.items()
    if currency != lot.currency:
        work.wrong("LED13", f"pays back {currency} for {lot.account}, which cost {lot.currency}", "differs")
    work.change(lot, -lot.free, "refunded", ISSUED[lot.category], f"rounding:{currency}")
    work.move(lot.cash, currency, amount_of(money))
    work.move(f"rounding:{currency}", currency, -amount_of(money))
    work.finish(work.record.id)


def expired(work: Work) -> None:
    """What is free of a lot is over, and what holds lose with it."""
    answer = _told(work, "expire_lot")
    lot = work.world.lot((answer.account, answer.pool, answer.lot))
    step = lot.step if answer.unit is None else 0
    if answer.lot != work.record.key[3] or answer.effective_at is None or work.effective_at != lot.ends:
        work.wrong("LED8", f"ends {lot.account} at another time than its own", "differs")
    if lot.ends > work.record.at or _read(answer.amount, step) != lot.free:
        what = f"ends {answer.amount} of {lot.account}, where {amount_text(lot.free)} is free"
        work.wrong("LED2", what, "amount")
    breakage = f"breakage:{lot.category}"
    work.change(lot, -lot.free, "expired", breakage, LAPSED_MONEY)
    for one in answer.holds:
        _lapsed(work, one, lot, step)
        work.change(lot, -_read(one.amount, step), "expired", breakage, LAPSED_MONEY)
    work.finish(work.record.id)


def _read(amount: str, step: int) -> int:
    """A decimal; or a number of steps, where the answer knows no unit."""
    return int(amount) * step if step else amount_of(amount)


def _lapsed(work: Work, one: Lapsed, lot: Lot, step: int) -> None:
    """The hold is as the effects tell it: what it lost of the lot is told, and what of other lots went back."""
    hold = work.world.hold(one.hold)
    state = work.holds.get(hold.id)
    if state is None:
        raise Contradiction("LED4", f"takes from hold {hold.id}, and no account does")
    held, used, _ = parts_of(hold, state[LEGS])
    lost = {
        place: hold.held.get(place, 0) - amount for place, amount in {**dict.fromkeys(hold.held, 0), **held}.items()
    }
    told = {(*lot.key[:2], id): _read(amount, step) for id, amount in one.returned.items()}
    told[lot.key] = told.get(lot.key, 0) + _read(one.amount, step)
    if {place: amount for place, amount in lost.items() if amount and isinstance(place[2], str)} != {
        place: amount for place, amount in told.items() if amount
    }:
        work.wrong("LED4", f"takes otherwise from hold {hold.id} than it loses", "amount")
    change_hold(work, hold, held, {**hold.used, **used}, {}, f"usage:{hold.waterfall}")
