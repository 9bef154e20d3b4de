"""An account as of some record: the fold of the records before it (DESIGN.md section 1)."""

from __future__ import annotations

from collections.abc import Iterable

from overspill.account.effects import Effect, apply
from overspill.account.state import EMPTY, Account
from overspill.records.journal import Record
from overspill.words.codec import convert


def folded(records: Iterable[Record], key: str) -> Account:
    """The account with this key behind all of these records, which are the journal's first ones, or those of them that
    change the account."""
    account = EMPTY
    for record in records:
        effects = record.effects.get(key)
        if effects:
            account = apply(account, convert(effects, list[Effect]), record.at)
    return account
