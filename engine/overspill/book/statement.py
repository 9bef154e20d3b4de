"""balances, postings → an account's statement (`records/statement.py`).

Where balances of a later moment are given, what was posted since is taken back from them: a statement of the last week
costs the last week, whatever lies before it, and says what a fold of everything would.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, cast

from overspill.book import chart
from overspill.book.amounts import billionths, decimal_text
from overspill.book.chart import class_of, source_of
from overspill.records.postings import Posted, Transaction
from overspill.records.statement import (
    LotBalance,
    Of,
    PoolBalance,
    Statement,
    StatementEntry,
    Waiting,
    Why,
)
from overspill.words.codec import Struct
from overspill.words.texts import instant_text_of

Stood = tuple[str, str, int]
"""(account of the chart, asset, credits less debits in billionths)."""
_KINDS = ("lot", "debt", "overage")


class Place(NamedTuple):
    """What has a balance: a lot, or what is owed to a pool, or drawn beyond its lots (`lot` is then empty)."""

    pool: str
    of: Of
    lot: str


class Amount(Struct):
    """In billionths; what is `held` of a lot is part of what is `settled`."""

    settled: int = 0
    held: int = 0
    unit: str = ""


Balances = dict[Place, Amount]


def balances_of(account: str, stood: Iterable[Stood]) -> Balances:
    """What the account (`user/ana`) has by these balances; those of others are passed over."""
    found: Balances = {}
    for name, asset, amount in stood:
        _add(found, account, name, asset, amount)
    return found


def changed_by(account: str, one: Transaction) -> Balances:
    """What the transaction changes of the account."""
    found: Balances = {}
    for leg in one.legs:
        amount = billionths(leg.amount)
        _add(found, account, leg.debit, leg.asset, -amount)
        _add(found, account, leg.credit, leg.asset, amount)
    return found


def _add(found: Balances, account: str, name: str, asset: str, amount: int) -> None:
    is_held = class_of(name) == "hold"
    source = source_of(name) if is_held else name
    kind = class_of(source)
    rest = source.removeprefix(f"{kind}:{account}/")
    if kind not in _KINDS or rest == source:
        return
    pool, _, lot = rest.rpartition("/") if kind == "lot" else (rest, "", "")
    place = found.setdefault(Place(pool, cast("Of", kind), lot), Amount(unit=asset))
    place.settled += amount * chart.SIDES[kind]
    place.held += amount if is_held else 0


def plus(balances: Balances, changes: Mapping[Place, Amount], sign: int = 1) -> None:
    """The balances behind the changes, or before them (`sign` -1)."""
    for place, change in changes.items():
        amount = balances.setdefault(place, Amount(unit=change.unit))
        amount.settled += change.settled * sign
        amount.held += change.held * sign


def statement(
    account: str,
    behind: Balances,
    postings: Iterable[Posted],
    *,
    since: int | None,
    until: int | None,
    settled_through: int,
    pending: Mapping[str, str],
) -> Statement:
    """The statement from `since` up to `until`. `postings` are those of the account that were booked from `since` on, in order,
    and `behind` its balances after all of them."""
    opening = {place: Amount(one.settled, one.held, one.unit) for place, one in behind.items()}
    within: list[tuple[Posted, Transaction, Balances]] = []
    for posted in postings:
        one = posted.transaction
        if one is None:
            continue
        changes = changed_by(account, one)
        plus(opening, changes, -1)
        if until is None or one.at < until:
            within.append((posted, one, changes))
    running = _Running(account, opening)
    entries = [entry for parts in within for entry in running.entries(*parts)]
    return Statement(
        account=account,
        since=None if since is None else instant_text_of(since),
        as_of=None if until is None else instant_text_of(until),
        settled_through=settled_through,
        opening=tuple(_pools(opening)),
        entries=tuple(entries),
        closing=tuple(_pools(running.balances)),
        pending=tuple([Waiting(pool=pool, amount=amount) for pool, amount in sorted(pending.items())]),
    )


class _Running:
    """Balances of the account while its entries are told."""

    def __init__(self, account: str, opening: Balances) -> None:
        self.account = account
        self.balances = {place: Amount(one.settled, one.held, one.unit) for place, one in opening.items()}
        self._pools: dict[str, int] = {}
        for place, one in opening.items():
            self._changed(place, one)

    def _changed(self, place: Place, change: Amount) -> int:
        """What all lots of the pool have then."""
        settled = self._pools.get(place.pool, 0) + (change.settled if place.of == "lot" else 0)
        self._pools[place.pool] = settled
        return settled

    def entries(self, posted: Posted, one: Transaction, changes: Balances) -> Iterator[StatementEntry]:
        """One for each reason that the posting tells of a lot, and for what else it changes; each with what is behind it."""
        for place, why, change in _reasons(self.account, posted, changes):
            plus(self.balances, {place: change})
            behind = self.balances[place]
            yield StatementEntry(
                seq=one.seq,
                at=instant_text_of(one.at),
                effective_at=instant_text_of(one.effective_at),
                kind=one.kind,
                why=why,
                decision=one.cause,
                request=one.key[3],
                hold=one.hold,
                pool=place.pool,
                of=place.of,
                lot=place.lot or None,
                amount=decimal_text(change.settled),
                held=decimal_text(change.held),
                unit=change.unit,
                balance=decimal_text(behind.settled),
                balance_held=decimal_text(behind.held),
                pool_settled=decimal_text(self._changed(place, change)),
            )


def _reasons(account: str, posted: Posted, changes: Balances) -> Iterator[tuple[Place, Why, Amount]]:
    """Each change of a lot by its updates, what is held of it with the first of them."""
    rest = {place: Amount(one.settled, one.held, one.unit) for place, one in changes.items()}
    for update in posted.updates:
        place = Place(update.pool, "lot", update.lot)
        if update.account == account and place in rest:
            amount = billionths(update.amount)
            change = Amount(amount, rest[place].held, rest[place].unit)
            plus(rest, {place: change}, -1)
            yield place, update.why, change
    for place, left in rest.items():
        if left.settled or left.held:
            yield place, _why(place, left), left


def _why(place: Place, left: Amount) -> Why:
    if place.of == "debt":
        return "owed"
    if place.of == "overage" and left.settled:
        return "overage"
    return "held" if left.held > 0 else "released"


def _pools(balances: Balances) -> Iterator[PoolBalance]:
    """Those in which there is something, by name, and their lots by theirs."""
    there = {place: one for place, one in sorted(balances.items()) if one.settled or one.held}
    for pool in dict.fromkeys(place.pool for place in there):
        lots = {place.lot: one for place, one in there.items() if place.pool == pool and place.of == "lot"}
        debt, overage = (there.get(Place(pool, of, ""), Amount()) for of in ("debt", "overage"))
        yield PoolBalance(
            pool=pool,
            unit=next(one.unit for place, one in there.items() if place.pool == pool),
            settled=decimal_text(sum(one.settled for one in lots.values())),
            held=decimal_text(sum(one.held for one in lots.values())),
            debt=decimal_text(debt.settled),
            overage=decimal_text(overage.settled),
            overage_held=decimal_text(overage.held),
            lots=tuple(
                [
                    LotBalance(lot=lot, settled=decimal_text(one.settled), held=decimal_text(one.held))
                    for lot, one in lots.items()
                ]
            ),
        )
