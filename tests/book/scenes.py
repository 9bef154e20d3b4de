"""Scenes: an engine with Ana's account, and the book of its journal as text."""

from __future__ import annotations

import re
from typing import Any

from book.folds import Fold
from overspill import Engine, ManualClock, Request
from overspill.records.balances import BalanceUpdate
from overspill.records.monetization import MonetizationEvent
from overspill.records.postings import Transaction
from overspill.records.usage_events import UsageEvent
from overspill.words.instants import instant_from_text

NOON = instant_from_text("2026-10-05T12:00:00Z")
ANA, BOB = {"user": "ana"}, {"user": "bob"}
POLICY = """policy p version 3;
language 1;
unit credits: decimal(2);
unit usd: decimal(2);
account user { plan: string = "plus"; }
request { kind: string = "a"; turn: string?; hundredths: meter; spared: meter = 0; }
rate_card card {
  price in credits per 100 by request.kind;
  meter fresh = hundredths - spared;
  round half_even;
  from 2026-01-01T00:00:00Z { "a": fresh 1; "free": free; "rest": fresh 1; }
}
limit included {
  per user; unit credits;
  window five: 5h from first_use;
  capacity five 3 credits;
  banked_reset valid 1d restart_anchor;
}
entitlement gift { per user; unit credits; up to 2 credits per calendar day in UTC; }
grace finish { per request.turn; unit credits; up to 1 credits; }
pool promo {
  per user; unit credits; multiplier 2; free; on overshoot refund; on expired_in_hold lapse;
}
pool money {
  per user; unit credits;
  overage up to 4 credits per calendar month in UTC;
  on overshoot debt up to 5 credits;
  on expired_in_hold reissue 1h;
  price 0.04 usd per 1 credits;
}
cap seat { per user; unit credits; window month: calendar month in UTC; up to 20 credits; mode strict; }
waterfall w {
  serves request.kind in ["a", "free"]; priced by card;
  DRAWS
  otherwise deny used_up;
  holds expire after 15min, late capture 1h;
  on reversal expired_lot reissue 1h;
}
waterfall rest {
  serves request.kind == "rest"; priced by card;
  draw included; draw gift; draw promo; draw money within seat; draw finish;
  otherwise deny used_up;
}
"""
IDS = re.compile(r"(hold|lot|trf|dec|use|mon|grt|rvs|cap|exl|vod|rfd|exp)_[a-z2-7]{26}")


class Scene:
    """An engine at noon whose waterfall draws these layers."""

    def __init__(self, *draws: str, clock: ManualClock | None = None, db: str | None = None) -> None:
        self.clock = ManualClock(NOON) if clock is None else clock
        lines = "\n  ".join(f"draw {draw};" for draw in draws)
        sources = {"p.spill": POLICY.replace("DRAWS", lines).encode()}
        self.engine = Engine.open(sources, clock=self.clock, db=db, settle=False)  # whoever wants it settled says so
        self.count = 0

    def request(self, hundredths: int, **fields: Any) -> Request:
        self.count += 1
        return Request(id=f"r{self.count}", account=ANA, fields=fields, meters={"hundredths": hundredths})

    def consume(self, hundredths: int, **fields: Any) -> str:
        return self.engine.decide(self.request(hundredths, **fields)).id

    def reserve(self, hundredths: int) -> str:
        hold = self.engine.reserve(self.request(hundredths)).hold
        assert hold is not None
        return hold.id

    def grant(self, pool: str, amount: str, id: str, **more: Any) -> None:
        category = "promotional" if pool == "promo" else "paid"
        self.engine.grant(ANA, pool, amount, id=id, **{"category": category, **more})

    def posted(self) -> str:
        """The book's transactions, each with its legs."""
        return "\n".join([shown(one) for one in Fold(self.engine.records()).transactions])

    def rows(self) -> str:
        """Rows of the three datasets."""
        return "\n".join([shown_row(row) for row in Fold(self.engine.records()).rows])


def shown(one: Transaction) -> str:
    """`consume r1` and a line a leg: amount, asset, debit → credit."""
    lines = [f"{one.kind} {one.key[3]}"]
    lines += [f"  {leg.amount} {leg.asset}: {leg.debit} → {leg.credit}" for leg in one.legs]
    return short("\n".join(lines))


def shown_row(row: UsageEvent | MonetizationEvent | BalanceUpdate) -> str:
    if isinstance(row, UsageEvent):
        charge = " ".join(f"{amount} {unit}" for unit, amount in row.charge.items())
        return f"usage {row.request}: {row.base} {row.unit}, {row.reason} {charge}".rstrip()
    if isinstance(row, BalanceUpdate):
        return short(f"  {row.lot} {row.amount} → {row.balance} {row.unit}, {row.why}")
    parts = [
        f"  {one.layer or 'nobody'}: {one.base} as "
        + " + ".join(f"{part.amount} {part.kind}{'' if part.lot is None else ' ' + part.lot}" for part in one.parts)
        for one in row.coverage
    ]
    return short("\n".join([f"monetization {row.request}: {row.base} {row.unit} by {row.rate_card}", *parts]))


def short(text: str) -> str:
    """Derived ids by their kind alone, and whose accounts are meant without the word."""
    return IDS.sub(lambda found: found[1].upper(), text).replace("user/", "")
