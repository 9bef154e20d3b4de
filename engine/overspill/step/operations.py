"""What operators and owners of accounts ask: each one change, by the command's own function; and which accounts a command
names."""

from __future__ import annotations

from typing import assert_never

from overspill.plan.plan import Plan
from overspill.step import changes, lots, resets
from overspill.step.accounts import Change
from overspill.step.commands import (
    Capture,
    Expire,
    ExpireLot,
    Extend,
    Grant,
    GrantReset,
    Purchase,
    Redeem,
    Refund,
    Release,
    Reset,
    Reverse,
    SetAttributes,
    SetTopUp,
    TopUp,
    Transfer,
    Unpaid,
    Void,
)
from overspill.step.keys import Identified
from overspill.step.plans import AccountOf, RecordOf

Operation = Grant | SetAttributes | Void | Refund | Transfer | Reset | GrantReset | Redeem
Followed = Capture | Extend | Release | Expire | ExpireLot | Reverse
"""What follows from an earlier command."""
Bought = SetTopUp | TopUp | Purchase | Unpaid
Asked = Operation | Followed | Bought
"""All commands but requests."""


def operate(
    plan: Plan, asked: Operation, account_of: AccountOf, find: RecordOf, now: int, identified: Identified
) -> Change:
    """What one operation changes. Raises Failure."""
    match asked:
        case Grant():
            return lots.grant(plan, asked, account_of, now, identified)
        case SetAttributes():
            return changes.attributes(plan, asked, account_of, identified, now)
        case Void() | Refund():
            return lots.void(plan, asked, account_of, now, identified, find)
        case Transfer():
            return lots.transfer(plan, asked, account_of, now, identified)
        case Reset():
            return resets.reset(plan, asked, account_of, now, identified)
        case GrantReset():
            return resets.grant(plan, asked, account_of, now, identified)
        case Redeem():
            return resets.redeem(plan, asked, account_of, now, identified)
        case _:
            assert_never(asked)


def named(asked: Asked) -> list[str]:
    """The keys of the accounts that a command names."""
    if isinstance(asked, Transfer):
        return [f"{asked.tenant}/{kind}/{id}" for one in (asked.account, asked.to) for kind, id in one.items()]
    account = asked.account
    if isinstance(account, str):
        return [account]
    return [f"{asked.tenant}/{kind}/{id}" for kind, id in account.items()]
