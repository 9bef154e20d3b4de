"""Whether transactions, and the rows beside them, can be a book at all: checked again from them alone.

| code | what must hold |
|---|---|
| LED1 | a leg moves more than nothing between two accounts, in the asset of both, in a way that the chart knows |
| LED2 | a lot's balance updates sum to what is free and held of it, each with the balance behind it |
| LED3 | behind every transaction no account is on the wrong side |
| LED4 | a hold ends once, with nothing left in it, and nothing moves in or out of it afterwards; one that has timed out has nothing |
| LED5 | a record is posted once |
| LED6 | each usage event has one monetization event of its amount, whose coverage sums to it |
| LED11 | per asset what was issued is outstanding, used, expired, or nobody's |
| LED13 | what is deferred for a lot is its cost for what is free and held of it |

Nothing of the fold is used here but names and amounts: what it gets wrong is seen by what it wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, assert_never

from overspill.book import chart
from overspill.book.amounts import billionths, decimal_text, share
from overspill.book.chart import class_of, source_of
from overspill.records.balances import BalanceUpdate
from overspill.records.monetization import MonetizationEvent
from overspill.records.postings import Leg, OpenedLot, Row, Transaction
from overspill.records.usage_events import UsageEvent


class Finding(NamedTuple):
    """What must never be: `where` is a record, an account, an asset or an event."""

    code: str
    where: str
    what: str


_LOT = ("lot", "hold.lot")
_CAPACITY = ("win", "cap", "hold.win", "hold.cap")
_BOTH_WAYS = (
    *[(lot, other) for lot in _LOT for other in ("usage", "breakage", "lot", "hold.lot")],
    *[(capacity, other) for capacity in _CAPACITY for other in ("usage", "issuance")],
    *[("usage", other) for other in ("debt", "writeoff", "breakage", "overage", "hold.overage", "issuance")],
    *[("win", "hold.win"), ("cap", "hold.cap"), ("overage", "hold.overage")],
    *[("lot", other) for other in ("issuance", "debt", "writeoff")],
    *[("deferred", other) for other in ("cash", "revenue", "breakage_rev", "deferred", "rounding")],
    *[("rounding", "cash"), ("revenue", "breakage_rev")],
)
PAIRS = frozenset({*_BOTH_WAYS, *[(credit, debit) for debit, credit in _BOTH_WAYS]})
"""(class, class) of the two sides of a leg; of a hold's account with the class of its source."""


def check(transactions: Iterable[Transaction], rows: Iterable[Row] = ()) -> list[Finding]:
    """What is wrong, in the order found. Transactions and rows come in the order of the journal; without rows what is told
    of them is not checked."""
    checking = _Checking()
    for transaction in transactions:
        checking.transaction(transaction)
    checking.ended()
    told = _Rows()
    for row in rows:
        told.row(row)
    return [*checking.findings, *told.ended(checking)]


def kind_of(account: str) -> str:
    """The account's class; of a hold's with that of its source: `hold.lot`."""
    found = class_of(account)
    return f"hold.{class_of(source_of(account))}" if found == "hold" else found


class _Checking:
    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.balances: dict[tuple[str, str], int] = {}
        self.outstanding: dict[str, int] = {}
        """Lot's account → what is free and held of it."""
        self.opened: dict[str, OpenedLot] = {}
        self._assets: dict[str, str] = {}
        self._held: dict[str, dict[str, int]] = {}
        """Hold → what each of its accounts has."""
        self._over: set[str] = set()
        self._records: set[str] = set()

    def found(self, code: str, where: str, what: str) -> None:
        self.findings.append(Finding(code, where, what))

    def transaction(self, one: Transaction) -> None:
        if one.record in self._records:
            self.found("LED5", one.record, "is posted twice")
        self._records.add(one.record)
        self.opened.update({lot.account: lot for lot in one.opened})
        for leg in one.legs:
            self._leg(one, leg)
        for account in dict.fromkeys(account for leg in one.legs for account in (leg.debit, leg.credit)):
            self._right_side(one, account)
        if one.hold in self._over:
            self.found("LED4", one.record, f"is about hold {one.hold}, which has ended")
        if one.hold is not None and one.hold_state in ("late", "over"):
            self._hold_ended(one, one.hold)

    def _leg(self, one: Transaction, leg: Leg) -> None:
        pair = (kind_of(leg.debit), kind_of(leg.credit))
        try:
            amount = billionths(leg.amount)
        except ValueError:
            amount = 0
        if amount <= 0 or leg.debit == leg.credit or pair not in PAIRS:
            self.found("LED1", one.record, f"moves `{leg.amount}` {leg.asset} from {leg.debit} to {leg.credit}")
        for account, change in ((leg.debit, -amount), (leg.credit, amount)):
            place = (account, leg.asset)
            self.balances[place] = self.balances.get(place, 0) + change
            self._account(one, account, leg.asset, change)

    def _account(self, one: Transaction, account: str, asset: str, change: int) -> None:
        kind = class_of(account)
        if kind in chart.ONE_ASSET and self._assets.setdefault(account, asset) != asset:
            self.found("LED1", one.record, f"moves {asset} at {account}, which is in {self._assets[account]}")
        if kind == "hold":
            hold, source = account.split(":", 2)[1:]
            if hold in self._over:
                self.found("LED4", one.record, f"moves something at {account}, which has ended")
            held = self._held.setdefault(hold, {})
            held[source] = held.get(source, 0) + change
            account, kind = source, class_of(source)
        if kind == "lot":
            self.outstanding[account] = self.outstanding.get(account, 0) + change

    def _right_side(self, one: Transaction, account: str) -> None:
        side = chart.SIDES.get(class_of(account))
        if side is None:
            self.found("LED11", one.record, f"there is no account {account}")
        elif side:
            asset = self._assets[account]
            balance = self.balances[account, asset] * side
            if balance < 0:
                self.found("LED3", one.record, f"leaves {decimal_text(balance)} {asset} in {account}")

    def _hold_ended(self, one: Transaction, hold: str) -> None:
        left = {source: amount for source, amount in self._held.get(hold, {}).items() if amount}
        if left:
            shown = ", ".join(f"{decimal_text(amount)} of {source}" for source, amount in left.items())
            self.found("LED4", one.record, f"leaves hold {hold}, which is over or has timed out, with {shown}")
        if one.hold_state == "over":
            self._held.pop(hold, None)
            self._over.add(hold)

    def ended(self) -> None:
        """What must hold of all balances together, and of money for lots."""
        rests: dict[str, int] = {}
        for (account, asset), balance in self.balances.items():
            if class_of(account) in chart.SIDES:
                rests[asset] = rests.get(asset, 0) + balance
        for asset, rest in rests.items():
            if rest:
                self.found("LED11", asset, f"{decimal_text(rest)} is unexplained")
        for account in sorted(self.opened):
            self._deferred(self.opened[account])

    def _deferred(self, lot: OpenedLot) -> None:
        if lot.cost is None or lot.per is None:
            return
        cost, _, currency = lot.cost.partition(" ")
        deferred = self.balances.get((chart.deferred_account(lot.account), currency), 0)
        outstanding = self.outstanding.get(lot.account, 0)
        expected = share(billionths(cost), max(outstanding, 0), billionths(lot.per))
        if deferred != expected:
            what = f"{decimal_text(deferred)} {currency} is deferred for {decimal_text(outstanding)}"
            self.found("LED13", lot.account, f"{what}, its cost is {decimal_text(expected)}")


class _Rows:
    """What the datasets say, beside each other and beside the transactions."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self._usage: dict[str, UsageEvent] = {}
        self._balances: dict[str, int] = {}
        self._ids: set[str] = set()

    def found(self, code: str, where: str, what: str) -> None:
        self.findings.append(Finding(code, where, what))

    def row(self, row: Row) -> None:
        match row:
            case UsageEvent():
                self._once(row.event)
                self._usage[row.event] = row
            case MonetizationEvent():
                self._once(row.event)
                self._monetized(row)
            case BalanceUpdate():
                self._once(row.update)
                self._changed(row)
            case _:
                assert_never(row)

    def _once(self, id: str) -> None:
        if id in self._ids:
            self.found("LED5", id, "is there twice")
        self._ids.add(id)

    def _monetized(self, row: MonetizationEvent) -> None:
        usage = self._usage.pop(row.cause, None)
        covered = sum([billionths(one.base) for one in row.coverage])
        if usage is None or (usage.base, usage.unit) != (row.base, row.unit):
            self.found("LED6", row.event, f"monetizes {row.base} {row.unit} of {row.cause}, which is not that")
        if covered != billionths(row.base):
            self.found("LED6", row.event, f"covers {decimal_text(covered)} of {row.base} {row.unit}")
        for one in row.coverage:
            parts = sum([billionths(part.amount) for part in one.parts])
            if parts != billionths(one.amount):
                self.found("LED6", row.event, f"{one.layer} gives {one.amount}, its parts {decimal_text(parts)}")

    def _changed(self, row: BalanceUpdate) -> None:
        account = chart.lot_account((row.account, row.pool, row.lot))
        after = self._balances[account] = self._balances.get(account, 0) + billionths(row.amount)
        if after != billionths(row.balance):
            self.found("LED2", row.update, f"leaves {row.balance} in {account}, the updates {decimal_text(after)}")

    def ended(self, checking: _Checking) -> list[Finding]:
        for event in self._usage:
            self.found("LED6", event, "is monetized by nobody")
        if self._ids:
            self._compare(checking.outstanding)
        return self.findings

    def _compare(self, outstanding: Mapping[str, int]) -> None:
        for account in sorted({*outstanding, *self._balances}):
            posted, told = outstanding.get(account, 0), self._balances.get(account, 0)
            if posted != told:
                self.found("LED2", account, f"{decimal_text(posted)} is posted, the updates say {decimal_text(told)}")
