"""The policies that the simulated clients meet, each in two versions that change prices, bounds, lengths and order."""

from __future__ import annotations

from functools import cache

from overspill.plan.program import Program
from overspill.runtime.policies import compiled

HEAD = """policy sim version VERSION;
language 1;
unit credits: decimal(2);
unit usd: decimal(2);
account user {
  plan: string = "plus"; blocked: bool = false; ceiling: credits?; anchor: timestamp = 2026-01-31T12:00:00Z;
}
account workspace of user { ceiling: credits?; }
request { product: string; model: string = "m1"; turn: string?; tokens: meter; cached: meter = 0; }
rate_card card {
  price in credits per 10_000 by request.model;
  meter fresh = tokens - cached;
  round half_even;
  from 2026-01-01T00:00:00Z { "m1": fresh PRICE, cached 12.5; "m2": fresh 3; "m3": free; }
}
limit included {
  per user; unit credits;
  window five: 5h from first_use;
  window day: calendar day in UTC;
  window week: 7d from 2026-01-05T00:00:00Z;
  capacity by user.plan {
    "plus": five FIVE credits, day 40 credits, week 90 credits;
    "pro": five unlimited, day 80 credits, week 200 credits;
    default: five 0 credits, day 0 credits, week 0 credits;
  }
  multiplier by request.model { "m2": 2.5; default: 1; }
  reset party at 2026-10-05T16:00:00Z keep_anchor when user.plan == "plus";
  banked_reset valid 1d restart_anchor;
}
limit rush {
  per user, request.model; unit credits;
  window hour: sliding 1h;
  window bucket: bucket 2 credits per 1min burst 30 credits;
  capacity hour 50 credits;
}
pool promo {
  per user; unit credits; order granted_at, id; lots expire after 2d; multiplier 2; free; on expired_in_hold PROMO;
}
pool shared { per workspace; unit credits; on expired_in_hold SHARED; }
pool money {
  per user; unit credits;
  overage up to first_set(user.ceiling, 2 credits) per 1mo from user.anchor;
  on overshoot OVERSHOOT;
  price 0.04 usd per 1 credits;
  top_up { settings user; on top_up_cap CEILING; when user.plan != "free"; }
}
entitlement founders { per user; unit credits; up to 4 credits per calendar day in UTC; multiplier 0.5; }
grace finish { per request.turn; unit credits; up to 3 credits; only_if started_funded; }
cap seat {
  per user; unit credits; window month: calendar month in UTC;
  up to first_set(user.ceiling, workspace.ceiling, 60 credits); mode strict;
}
cap room { per workspace; unit credits; window day: calendar day in UTC; up to 50 credits; mode finish_started; }
concurrency streams { per user; at most 6 holds; }
"""
MAIN = """waterfall main {
  serves request.product == "main"; priced by card;
  deny blocked when user.blocked;
  DRAWS
  draw finish;
  occupy streams;
  otherwise deny used_up offer wait, add_money, add_shared;
  holds expire after HOLD, late capture 1h;
  on unavailable allow up to 3 credits;
  on reversal closed_window CLOSED;
  on reversal expired_lot BREAKAGE;
}
"""
OTHERS = """waterfall bulk {
  serves request.product == "bulk"; priced by card;
  draw rush; draw founders; draw promo; draw shared within room when has(workspace.id); draw money within seat;
  otherwise deny used_up offer wait, add_money;
  fill FILL; on shortfall partial;
  holds expire after 5min, late capture 10min;
}
waterfall checked {
  serves request.product == "checked"; priced by card;
  draw rush; draw money within seat;
  otherwise deny used_up; admission verify_only; on shortfall partial;
}
"""
CAPS = frozenset({"seat", "room"})
FINISH_STARTED = frozenset({"room"})
"""The caps that may be passed by what was started below them."""
LIMITS = frozenset({"included", "rush"})
AWAY = 300
"""So many steps an account is granted in one outage of the store."""
_FIRST = "draw included; draw promo; draw shared within seat, room when has(workspace.id); draw money within seat;"
_SECOND = "draw promo; draw money within seat; draw included; draw shared within room when has(workspace.id);"
_DEBT = "debt up to 5 credits"
_NAMES = ("PRICE", "FIVE", "OVERSHOOT", "DRAWS", "HOLD", "FILL", "PROMO", "SHARED", "CLOSED", "BREAKAGE", "CEILING")
VERSIONS = (
    ("150", "20", _DEBT, _FIRST, "15min", "split", "lapse", "reissue 1h", "no_transfer", "breakage", "partial"),
    ("90", "8", _DEBT, _SECOND, "30min", "whole", "reissue 20min", "lapse", "transfer", "reissue 1h", "none"),
    ("33.3", "12", "refund", _FIRST, "2min", "split", "honor", "reissue 1d", "transfer", "reissue 1d", "partial"),
    ("150", "20", "refund", _SECOND, "15min", "whole", "lapse", "honor", "no_transfer", "breakage", "partial"),
)


@cache
def source(version: int) -> bytes:
    """The text of a version, from 1 on."""
    text = (HEAD + MAIN + OTHERS).replace("VERSION", str(version))
    for name, value in zip(_NAMES, VERSIONS[version - 1], strict=True):
        text = text.replace(name, value)
    return text.encode()


@cache
def program(version: int) -> Program:
    return compiled({"sim.spill": source(version)})


@cache
def by_digest() -> dict[str, Program]:
    """All versions."""
    programs = [program(version) for version in range(1, len(VERSIONS) + 1)]
    return {one.plan.digest: one for one in programs}
