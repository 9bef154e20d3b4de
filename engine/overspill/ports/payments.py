"""The payment provider: who is asked to charge for a purchase, never while anything is being decided.

Intents are taken from committed state and handed over afterwards, again and again until there is an answer: a provider
charges once for one intent, by its `id`, however often it is asked.
"""

from __future__ import annotations

from typing import Protocol

from overspill.words.codec import Struct


class Intent(Struct, frozen=True, kw_only=True):
    """A purchase to be paid. `id` is the provider's idempotency key; `account` is `user/u_ana`; `money` and `amount` are
    decimal text, `at` is RFC 3339."""

    id: str
    tenant: str
    account: str
    pool: str
    amount: str
    unit: str
    money: str
    currency: str
    at: str


class Paid(Struct, frozen=True):
    """`receipt` is the provider's own id of the payment."""

    receipt: str


class Declined(Struct, frozen=True):
    """`detail` says why, in the provider's words."""

    detail: str = ""


class Pending(Struct, frozen=True):
    """Not known yet: ask again, or wait for the provider's message."""


Payment = Paid | Declined | Pending


class PaymentProvider(Protocol):
    def charge(self, intent: Intent) -> Payment:
        """Charges for the intent, once. An exception leaves it pending; it is asked about again."""
        ...
