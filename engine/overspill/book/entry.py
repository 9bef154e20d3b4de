"""One record's entry while it is made: legs that are moved, lots that change, and the rows that tell of it.

An amount below 0 moves the other way, so that a correction is written as what it corrects. Money follows value: what
leaves a lot for good takes its part of what was paid for the lot along, by the lot's cost for what is outstanding, so
that parts sum to the whole and nothing is left over at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from overspill.book import chart
from overspill.book.amounts import billionths, decimal_text, share
from overspill.book.chart import LotKey
from overspill.book.state import Book, Hold, Lot
from overspill.records.balances import BalanceUpdate, Why
from overspill.records.journal import Record
from overspill.records.monetization import Coverage, MonetizationEvent
from overspill.records.postings import HoldState, Leg, OpenedLot, ParkedReason, Posted, Transaction
from overspill.records.told import PolicyTold
from overspill.records.usage_events import UsageEvent
from overspill.words.ids import derived_id, key_text
from overspill.words.texts import instant_text_of

Cost = tuple[int, str, int, str]
"""(what was paid, in which money, for how much, from where)."""
NO_COST: Cost = (0, "", 1, "")


class Early(Exception):
    """The record names what is not in the book yet."""

    def __init__(self, reason: ParkedReason, of: str) -> None:
        super().__init__(reason, of)
        self.reason, self.of = reason, of


class Entry:
    """`key` is what ids are derived from, `cause` the decision's id, `policy` that of the admission."""

    __slots__ = (
        "_changed",
        "_legs",
        "_opened",
        "book",
        "cause",
        "effective_at",
        "hold",
        "hold_state",
        "key",
        "policy",
        "record",
    )

    def __init__(self, book: Book, record: Record) -> None:
        self.book = book
        self.record = record
        self.key = key_text(*record.key)
        self.cause = record.id
        self.effective_at = record.at
        self.policy: PolicyTold | None = None
        self.hold: str | None = None
        self.hold_state: HoldState | None = None
        self._legs: list[Leg] = []
        self._opened: list[OpenedLot] = []
        self._changed: dict[tuple[LotKey, Why], int] = {}

    # ---- what must be known

    def need_lots(self, keys: Iterable[LotKey]) -> None:
        """Raises Early unless all of them are known. Nothing has changed by then."""
        for key in keys:
            if key not in self.book.lots:
                raise Early("unknown_lot", "/".join(key))

    def need_hold(self, id: str) -> Hold:
        """The hold. Raises Early."""
        if id not in self.book.holds:
            raise Early("unknown_hold", id)
        return self.book.holds[id]

    # ---- value

    def move(self, debit: str, credit: str, asset: str, amount: int) -> None:
        """One leg, in billionths."""
        if amount < 0:
            debit, credit, amount = credit, debit, -amount
        elif not amount:
            return
        self._legs.append(Leg(debit, credit, asset, decimal_text(amount)))
        balances, moved = self.book.balances, self.book.moved
        for place, change in (((debit, asset), -amount), ((credit, asset), amount)):
            moved[place] = None
            after = balances.get(place, 0) + change
            if after:
                balances[place] = after
            else:
                del balances[place]

    def leaves(self, key: LotKey, target: str, amount: int, why: Why, money: str, hold: str | None = None) -> None:
        """`amount` of the lot, free or in the hold, goes to `target` for good, and its part of the money to `money`."""
        lot = self.book.lots[key]
        self.move(lot.account if hold is None else chart.held_account(hold, lot.account), target, lot.asset, amount)
        self.pay(lot, -amount, money)
        self.changed(key, amount=-amount, why=why)

    def succeeds(
        self, key: LotKey, new: LotKey, amount: int, why: Why, expires_at: str | None, hold: str | None
    ) -> None:
        """`amount` of the lot, free or in the hold, becomes a lot of its own, of the same category and cost."""
        lot = self.book.lots[key]
        child = self.open(new, lot.asset, lot.category, expires_at, parent=lot)
        self.move(
            lot.account if hold is None else chart.held_account(hold, lot.account), child.account, lot.asset, amount
        )
        if lot.cost:
            gone, came = _money(lot, -amount), _money(child, amount)
            both, rounding = min(gone, came), f"rounding:{lot.currency}"
            source, target = chart.deferred_account(lot.account), chart.deferred_account(child.account)
            self.move(source, target, lot.currency, both)
            self.move(source, rounding, lot.currency, gone - both)
            self.move(rounding, target, lot.currency, came - both)
        lot.outstanding -= amount
        child.outstanding += amount
        self.changed(key, amount=-amount, why=why)
        self.changed(new, amount=amount, why=why)

    def open(
        self,
        key: LotKey,
        asset: str,
        category: str,
        expires_at: str | None,
        parent: Lot | None = None,
        cost: Cost = NO_COST,
    ) -> Lot:
        """A new lot with nothing in it, which cost what its parent did."""
        if parent is not None:
            cost = (parent.cost, parent.currency, parent.per, parent.cash)
        paid, currency, per, cash = cost
        lot = Lot(chart.lot_account(key), asset, category, expires_at, paid, currency, per, cash)
        self.book.lots[key] = lot
        self._opened.append(
            OpenedLot(
                account=lot.account,
                asset=asset,
                category=category,
                parent=None if parent is None else parent.account,
                cost=f"{decimal_text(paid)} {currency}" if paid else None,
                per=decimal_text(per) if paid else None,
                expires_at=expires_at,
            )
        )
        return lot

    def changed(self, key: LotKey, *, amount: int, why: Why) -> None:
        """What a balance update tells."""
        place = (key, why)
        self._changed[place] = self._changed.get(place, 0) + amount

    # ---- money

    def pay(self, lot: Lot, change: int, money: str) -> None:
        """What is outstanding of the lot changes, and what is deferred for it with it, against `money`."""
        if lot.cost:
            self.move(money, chart.deferred_account(lot.account), lot.currency, _signed_money(lot, change))
        lot.outstanding += change

    # ---- the end

    def used(self, usage: UsageEvent, coverage: Sequence[Coverage]) -> Posted:
        """The transaction of usage, with its rows: what was used, what it cost and who covered it, what it changed."""
        policy = self.policy
        assert policy is not None
        priced = MonetizationEvent(
            event=derived_id(self.key, "mon"),
            at=usage.at,
            tenant=usage.tenant,
            account=usage.account,
            request=usage.request,
            cause=usage.event,
            policy=policy.digest,
            version=policy.version,
            rate_card=policy.rate_card,
            base=usage.base,
            unit=usage.unit,
            charge=usage.charge,
            coverage=tuple(coverage),
        )
        return Posted(
            transaction=self._transaction(),
            usage=usage,
            monetization=priced,
            updates=tuple(self._updates(priced.event)),
        )

    def posted(self) -> Posted:
        """The transaction without usage, and what it changed."""
        return Posted(transaction=self._transaction(), updates=tuple(self._updates(self.record.id)))

    def _transaction(self) -> Transaction | None:
        if not self._legs:
            return None
        record, policy = self.record, self.policy
        return Transaction(
            record=record.id,
            seq=record.seq,
            kind=record.key[2],
            key=record.key,
            cause=self.cause,
            policy=None if policy is None else policy.digest,
            version=None if policy is None else policy.version,
            rate_card=None if policy is None else policy.rate_card,
            at=record.at,
            effective_at=self.effective_at,
            legs=tuple(self._legs),
            opened=tuple(self._opened),
            hold=self.hold,
            hold_state=self.hold_state,
        )

    def _updates(self, cause: str) -> Iterable[BalanceUpdate]:
        """One a lot and reason, in the order that they happened, each with the balance behind it."""
        record, lots = self.record, self.book.lots
        key, at = self.key, instant_text_of(record.at)
        balances: dict[LotKey, int] = {}
        for (lot, _), amount in self._changed.items():
            balances[lot] = balances.get(lot, lots[lot].outstanding) - amount
        number = 0
        for (place, why), amount in self._changed.items():
            if amount:
                balances[place] += amount
                account, pool, lot_id = place
                yield BalanceUpdate(
                    update=derived_id(key, "bal", number),
                    at=at,
                    tenant=record.key[0],
                    account=account,
                    pool=pool,
                    lot=lot_id,
                    amount=decimal_text(amount),
                    unit=lots[place].asset,
                    balance=decimal_text(balances[place]),
                    why=why,
                    cause=cause,
                )
                number += 1


def _money(lot: Lot, change: int) -> int:
    """How much the money for what is outstanding changes, without its sign."""
    return abs(_signed_money(lot, change))


def _signed_money(lot: Lot, change: int) -> int:
    before = share(lot.cost, lot.outstanding, lot.per)
    return share(lot.cost, lot.outstanding + change, lot.per) - before


def money_of(text: str) -> tuple[int, str]:
    """`9.99 usd` → (9990000000, usd)."""
    amount, _, currency = text.partition(" ")
    return billionths(amount), currency
