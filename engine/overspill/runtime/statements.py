"""store → an account's statement: its balances as they are settled, and its postings since the first that is asked for."""

from __future__ import annotations

from overspill.book.amounts import decimal_text
from overspill.book.pending import pending
from overspill.book.statement import balances_of
from overspill.book.statement import statement as told
from overspill.ports.store import Store
from overspill.records.journal import records_of
from overspill.records.postings import posted_from
from overspill.records.statement import Statement
from overspill.store.moments import first_at
from overspill.words.amounts import SCALE_MAX
from overspill.words.failures import Failure
from overspill.words.instants import InstantError, instant_from_text


def statement(store: Store, tenant: str, account: str, since: str | None, as_of: str | None) -> Statement:
    """That of `user/ana` from one instant (RFC 3339) up to another, which is not in it. Raises Failure `invalid_range`."""
    begin, end = _instant("since", since), _instant("as_of", as_of)
    if begin is not None and end is not None and begin > end:
        what = f"a statement from {since} up to {as_of} has no time in it"
        raise Failure("invalid_range", what, help="name the earlier instant first")
    owner, ledger = f"{tenant}/{account}", store.ledger
    with store.reading():
        through = ledger.settled().through
        balances, _ = ledger.owned([owner])
        first = 1 if begin is None else first_at(store, begin, through)
        postings = ledger.postings_of(owner, first - 1, through)
        waiting = (
            record
            for record in records_of(store.segments(through), store.form, naming=f'"{owner}"')
            if record.seq > through and (end is None or record.at < end)
        )
        return told(
            account,
            balances_of(account, ((one.account, one.asset, one.amount) for one in balances)),
            (posted_from(body) for _, body in postings),
            since=begin,
            until=end,
            settled_through=through,
            pending={
                pool: decimal_text(int(amount.scaleb(SCALE_MAX)))
                for pool, amount in pending(waiting, account).items()
                if amount
            },
        )


def _instant(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return instant_from_text(text)
    except InstantError as error:
        raise Failure("invalid_range", f"{name}: {error}", help=error.help) from None
