"""What an account keeps of buying by itself for one pool: settings, the purchase under way, the month (LANGUAGE.md U1, U2).

A purchase is intended by a test of the balance, pending once the payment provider was asked, and then succeeded, declined
or abandoned. One at a time is open. Nothing here asks a provider or reads a clock.
"""

from __future__ import annotations

from typing import Final

from overspill.plan.periods import calendar_period
from overspill.words.codec import Light, replace
from overspill.words.instants import HOUR, NEVER

INTENDED: Final = "intended"
PENDING: Final = "pending"
SUCCEEDED: Final = "succeeded"
DECLINED: Final = "declined"
ABANDONED: Final = "abandoned"
OPEN = (INTENDED, PENDING)
"""The states of a purchase that may still succeed or not."""

BACK_OFF_FIRST = HOUR
BACK_OFF_MOST = 24 * HOUR


class Settings(Light, frozen=True, array_like=True):
    """What somebody agreed to, as a whole: `version` counts the changes, `actor` and `at` say who made this one, and when.
    Amounts in the pool's steps; `monthly_maximum` None: none."""

    version: int
    enabled: bool
    minimum: int
    target: int
    monthly_maximum: int | None
    actor: str
    at: int


class Purchase(Light, frozen=True, array_like=True):
    """`amount` in the pool's steps, `money` as decimal text in `currency`; `digest` is the policy that it was priced by."""

    id: str
    amount: int
    money: str
    currency: str
    at: int
    digest: str
    state: str = INTENDED


class TopUp(Light, frozen=True, array_like=True):
    """`purchase` is the last one, whatever became of it."""

    settings: Settings
    reason: str = ""
    """Why the balance is below the minimum and nothing was bought; empty where it is not, or where something was."""
    purchase: Purchase | None = None
    month: int = 0
    """The start of the calendar month (UTC) that `bought` counts."""
    bought: int = 0
    declines: int = 0
    """Payments that were declined one after the other."""
    next_at: int = 0
    """Before this instant nothing is attempted again."""
    test_at: int = NEVER
    """When time alone gives the test something new to say."""

    @property
    def open(self) -> Purchase | None:
        """The purchase under way."""
        return self.purchase if self.purchase is not None and self.purchase.state in OPEN else None


def month_of(now: int) -> int:
    """The start of the calendar month in UTC."""
    return calendar_period("month", "UTC", now)[0]


def month_after(now: int) -> int:
    """The start of the next one."""
    return calendar_period("month", "UTC", now)[1]


def bought_in(top_up: TopUp, month: int) -> int:
    """What was bought in the month, as far as it is counted."""
    return top_up.bought if top_up.month == month else 0


def attempted(top_up: TopUp, purchase: Purchase) -> TopUp:
    """An attempt counts in its month at once."""
    month = month_of(purchase.at)
    bought = bought_in(top_up, month) + purchase.amount
    return replace(top_up, reason="", purchase=purchase, month=month, bought=bought, test_at=NEVER)


def asked(top_up: TopUp, purchase: Purchase) -> TopUp:
    """The provider has been asked, or is about to be: from here on only it can tell."""
    return replace(top_up, purchase=replace(purchase, state=PENDING))


def failed(top_up: TopUp, purchase: Purchase, state: str, now: int) -> TopUp:
    """What was not bought does not count in its month; the next attempt waits, each time twice as long."""
    wait = min(BACK_OFF_FIRST << min(top_up.declines, 8), BACK_OFF_MOST)
    given_back = withdrawn(top_up, purchase, state)
    return replace(given_back, declines=top_up.declines + 1, next_at=now + wait)


def withdrawn(top_up: TopUp, purchase: Purchase, state: str = ABANDONED) -> TopUp:
    """The purchase is over and does not count in its month."""
    bought = top_up.bought - (purchase.amount if month_of(purchase.at) == top_up.month else 0)
    return replace(top_up, purchase=replace(purchase, state=state), bought=bought)


def succeeded(top_up: TopUp, purchase: str, amount: int, now: int) -> TopUp:
    """A payment that had been given up counts in the month in which it came after all."""
    last = top_up.purchase
    if last is None or last.id != purchase:
        month = month_of(now)
        return replace(top_up, month=month, bought=bought_in(top_up, month) + amount)
    if last.state not in OPEN:
        month = month_of(now)
        top_up = replace(top_up, month=month, bought=bought_in(top_up, month) + amount)
    return replace(top_up, purchase=replace(last, state=SUCCEEDED), declines=0, next_at=0)
