"""Balance updates: how much each lot changed, why, and what it has then (DESIGN.md section 5).

The updates of a lot sum to its settled balance at any time. Holds and windows give none: what is held is still the
lot's until it is captured (LANGUAGE.md S7).
"""

from __future__ import annotations

from typing import Literal

from overspill.words.codec import Light

Why = Literal[
    "usage",
    "overshoot_refunded",
    "granted",
    "purchased",
    "debt_repaid",
    "repaid_back",
    "voided",
    "refunded",
    "transferred",
    "expired",
    "reissued",
    "reversed",
]


class BalanceUpdate(Light, frozen=True, kw_only=True):
    """`amount` is signed, in `unit`; `balance` is what the lot has behind it, what is held of it included. `cause` is the
    monetization event, or the id of the record that did it without usage."""

    update: str
    kind: Literal["balance"] = "balance"
    at: str
    tenant: str
    account: str
    pool: str
    lot: str
    amount: str
    unit: str
    balance: str
    why: Why
    cause: str
