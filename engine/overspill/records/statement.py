"""An account's statement: what its pools had, every entry that changed it, and what they have then; and its lines for people.

Entries stand in the order of the journal, by the instants at which they were booked: what a statement of a closed
stretch says never changes. An entry that counts from another instant (an expiry that was met later) says that too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from overspill.records.balances import Why as LotWhy
from overspill.words.codec import Light

Of = Literal["lot", "debt", "overage"]
Why = LotWhy | Literal["held", "released", "owed", "overage"]
"""What changed a lot's balance; that something of it was held, or came back unused; that a pool is owed more or less; that
more or less was drawn beyond its lots, which is billed."""


class LotBalance(Light, frozen=True, kw_only=True):
    """`settled` is all of it; what is `held` of it is part of that."""

    lot: str
    settled: str
    held: str


class PoolBalance(Light, frozen=True, kw_only=True):
    """`settled` and `held` of all its lots; `debt` is owed to it; `overage` was drawn beyond its lots so far, and is billed,
    without what is held of it (`overage_held`)."""

    pool: str
    unit: str
    settled: str
    held: str
    debt: str
    overage: str
    overage_held: str
    lots: tuple[LotBalance, ...]


class StatementEntry(Light, frozen=True, kw_only=True):
    """`amount` changes the balance of a lot (`of`), or of what is owed or drawn beyond a pool's lots, `held` what is held of it;
    both are signed. `balance` and `balance_held` are behind it, `pool_settled` that of all the pool's lots."""

    seq: int
    at: str
    effective_at: str
    kind: str
    why: Why
    decision: str
    request: str
    hold: str | None
    pool: str
    of: Of
    lot: str | None
    amount: str
    held: str
    unit: str
    balance: str
    balance_held: str
    pool_settled: str


class Waiting(Light, frozen=True, kw_only=True):
    """Captured from a pool, and not settled yet: it is in no balance here."""

    pool: str
    amount: str


class Statement(Light, frozen=True, kw_only=True):
    """From `since` (null: from the beginning) up to `as_of` (null: all that is settled), which itself is not in it.
    `settled_through` is the number of the last record that is settled."""

    account: str
    since: str | None
    as_of: str | None
    settled_through: int
    opening: tuple[PoolBalance, ...]
    entries: tuple[StatementEntry, ...]
    closing: tuple[PoolBalance, ...]
    pending: tuple[Waiting, ...]


def lines(statement: Statement) -> Iterator[str]:
    """For people."""
    until = f" to {statement.as_of}" if statement.as_of else ""
    yield f"{statement.account}  from {statement.since or 'the beginning'}{until}, settled through record {statement.settled_through}"
    yield from _balances("opening", statement.opening)
    for entry in statement.entries:
        yield from _entry(entry)
    yield from _balances("closing", statement.closing)
    if statement.pending:
        yield "pending, in no balance above"
        yield from (f"  {one.pool}: {one.amount}" for one in statement.pending)


def _balances(word: str, pools: tuple[PoolBalance, ...]) -> Iterator[str]:
    yield word if pools else f"{word}: nothing"
    for pool in pools:
        more = [("held", pool.held), ("owed", pool.debt), ("beyond its lots", pool.overage)]
        told = "".join(f", {amount} {what}" for what, amount in more if amount != "0")
        beyond = f" and {pool.overage_held} held" if pool.overage_held != "0" else ""
        yield f"  {pool.pool}: {pool.settled} {pool.unit}{told}{beyond}"
        for lot in pool.lots:
            held = f", {lot.held} held" if lot.held != "0" else ""
            yield f"    lot {lot.lot}: {lot.settled}{held}"


def _entry(entry: StatementEntry) -> Iterator[str]:
    place = f"{entry.pool}/{entry.lot}" if entry.lot else f"{entry.pool} {entry.of}"
    amount = "" if entry.amount == "0" else f"  {_signed(entry.amount)} → {entry.balance}"
    held = "" if entry.held == "0" else f"  held {_signed(entry.held)} → {entry.balance_held}"
    since = "" if entry.effective_at == entry.at else f"  as of {entry.effective_at}"
    yield f"{entry.at}  {entry.why:<10} {place}{amount}{held} {entry.unit}  {entry.decision}{since}"


def _signed(amount: str) -> str:
    return amount if amount.startswith("-") else f"+{amount}"
