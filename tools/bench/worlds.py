"""Accounts and requests of the shipped policy, many alike, so that no figure is a cache's."""

from __future__ import annotations

import random

from overspill import Request
from overspill.account.state import Account
from overspill.words.instants import DAY, HOUR, NEVER

NOW = 1_791_194_400_000_000
ACCOUNTS = 256


def account_of(number: int, *, exhausted: bool) -> Account:
    """One of many alike, so that no figure is a cache's."""
    chance = random.Random(number)
    five = 60_000_000 - (3_000_000 if exhausted else 30_000_000 + chance.randrange(10**6))
    lots = (("P1", 1_000_000 + chance.randrange(10**6), 0, NOW + DAY, 0, 0, 2_000_000),)
    credits = (("C1", 500_000_000 + chance.randrange(10**6), 0, NEVER, 0, 1, 600_000_000),)
    windows = {
        "plan_windows.five_hours": (number, NOW - HOUR, NOW + HOUR, five),
        "plan_windows.week": (7, NOW - DAY, NOW + DAY, 100_000_000 + chance.randrange(10**6)),
    }
    return Account(number, 0, {"plan": "plus"}, windows, {"promo": lots, "credits": credits}, {})


def requests_of(tokens: int) -> list[Request]:
    return [
        Request(
            id=f"req-{number:08d}",
            account={"user": f"u_{number:06d}"},
            fields={"product": "codex", "model": "gpt-5.5", "speed": "fast"},
            meters={
                "input_tokens": tokens + number * 7,
                "cached_input_tokens": tokens // 2,
                "output_tokens": tokens // 10,
            },
        )
        for number in range(ACCOUNTS)
    ]
