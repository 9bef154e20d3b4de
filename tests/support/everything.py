"""A policy that says everything the language can say, and generated ones that say any part of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields, is_dataclass

from hypothesis import strategies as st

from overspill.words.spans import Span

HEAD = """policy everything version 3;
language 1;
effective from 2026-01-01T00:00:00Z until 2028-01-01T00:00:00Z;
owner "a team";
unit credits: decimal(3);
unit usd: decimal(2);
unit images: integer, singular image;
account user {
  plan: string from request;
  tier: string = "basic";
  blocked: bool = false;
  anchor: timestamp = 2026-01-31T12:00:00Z;
  ceiling: credits?;
  pays: bool = true;
}
account company of user { ceiling: credits?; reserve: credits = 5 credits; }
account teams of user many { ceiling: credits?; }
request { product: string; model: string; job: string?; tokens: meter; images: meter; }
let is_large = user.tier in ["large", "huge"];
let may_pay = user.pays && !user.blocked;
rate_card tokens_card {
  label "Prices";
  price in credits per 1_000 by request.model;
  meter doubled = tokens * 2;
  round up;
  from 2025-12-01T00:00:00Z { "m1": tokens 1.50, doubled 0.5; "m2": free; }
}
"""
LIMIT = """limit plan_limit {
  label "Included";
  per user;
  unit credits;
  window five: 5h from first_use;
  window fixed: 7d from 2026-01-05T00:00:00Z;
  window billed: 1mo from user.anchor;
  window day: calendar day in Europe/Berlin;
  window hour: sliding 1h;
  window rush: bucket 5 credits per 1min burst 20 credits;
  capacity by user.tier {
    "large": five 60 credits, fixed unlimited, billed 6_000 credits, day 1 credits, hour 007 credits;
    default: five 1 credits, fixed 2 credits, billed 3 credits, day 4 credits, hour 5 credits;
  }
  capacity times 2 from 2026-05-01T00:00:00Z until 2026-06-01T00:00:00Z;
  capacity times 0.5 from 2026-07-01T00:00:00Z until 2026-08-01T00:00:00Z;
  multiplier 2.5;
  reset party "A \\"party\\"" of five, day at 2026-05-20T16:00:00Z keep_anchor when is_large;
  reset quiet at 2026-06-20T16:00:00Z restart_anchor;
  banked_reset valid 30d restart_anchor;
  warn at 95%, 80%;
  skip off when user.blocked;
}
"""
OTHERS = """pool gift { per company; unit credits; overage up to company.reserve per calendar month in UTC; free; }
pool money {
  label "Money";
  per user, request.model;
  unit credits;
  order expires_at, id;
  lots expire after 12mo;
  overage up to unlimited per 30d from 2026-01-01T00:00:00Z;
  multiplier by user.tier { "large": 1; default: 2; }
  on overshoot debt up to 50 credits;
  on expired_in_hold reissue 7d;
  skip opted_out when !user.pays;
  price 0.04 usd per 1 credits;
  top_up { settings user; on top_up_cap none; when may_pay; }
}
entitlement founders {
  label "Founders";
  per user;
  unit credits;
  valid from 2026-02-01T00:00:00Z until 2027-02-01T00:00:00Z;
  up to max(user.ceiling, 9 credits) per 1mo from user.anchor;
  multiplier 2;
  billed in_arrears;
  skip off when user.blocked;
}
entitlement staff { per user; unit images; unlimited; }
grace finish { label "Finish"; per request.job; unit credits; up to 10 credits; only_if started_funded; }
cap seat {
  label "Seat";
  per user;
  unit credits;
  window month: calendar month in UTC;
  up to first_set(user.ceiling, max(user.teams.ceiling, 1 credits), company.ceiling, unlimited);
  mode finish_started;
}
concurrency streams { per user; at most by user.tier { "large": 8 holds; default: 2 holds; } }
concurrency rooms { label "Rooms"; per company; at most 4 holds; }
waterfall text {
  label "Text";
  serves request.product == "text";
  serves request.product == "chat";
  priced by tokens_card;
  deny blocked when user.blocked;
  draw plan_limit within seat;
  draw gift when has(company.id) && size(user.teams) > 0;
  draw founders on error skip when is_large;
  draw money within seat on error stop;
  draw finish;
  occupy streams;
  occupy rooms when has(company.id);
  otherwise deny used_up offer wait, add_money;
  fill whole;
  admission verify_only;
  holds expire after 90s, late capture 2h;
  on shortfall partial;
  on error skip;
  on unavailable allow up to 5 credits;
  on reversal closed_window transfer;
  on reversal expired_lot reissue 7d;
}
waterfall pictures {
  serves request.product == "pictures";
  counts images;
  draw staff;
  draw gift at 2 credits per image;
  otherwise deny used_up;
}
invariant payers_only: user.pays || draws.all(d, d.layer != "money");
invariant sane: !user.blocked || is_large || user.plan == "free";
"""
EVERYTHING = HEAD + LIMIT + OTHERS


def without_spans(node: object) -> object:
    """A tree as plain tuples, to compare what two texts say."""
    if isinstance(node, tuple):
        return tuple(without_spans(part) for part in node)
    names = getattr(node, "__struct_fields__", None)
    if names is None and is_dataclass(node) and not isinstance(node, type):
        names = [field.name for field in fields(node)]
    if names is not None:
        parts = [(name, getattr(node, name)) for name in names]
        return (type(node).__name__, *(without_spans(part) for _, part in parts if not isinstance(part, Span)))
    return node


_OPTIONAL = (
    *("  label", "  multiplier 2", "  reset", "  banked_reset", "  warn", "  skip", "  capacity times", "  overage"),
    *("  order", "  lots", "  on ", "  price 0", "  top_up", "  valid", "  billed", "  mode", "  occupy", "  fill"),
    *(
        "  admission",
        "  holds",
        "  deny",
        "  draw gift when",
        "  draw founders",
        "  draw finish",
        '  serves request.product == "chat"',
    ),
    *("invariant", "owner", "effective"),
)
"""Lines that a policy may do without: each is a whole statement."""


@st.composite
def any_policies(draw: st.DrawFn) -> str:
    """The policy above without some of its statements, with other values, its statements in another order."""
    lines = EVERYTHING.split("\n")
    optional = [number for number, line in enumerate(lines) if line.startswith(_OPTIONAL)]
    left_out = draw(st.sets(st.sampled_from(optional)))
    kept = [line for number, line in enumerate(lines) if number not in left_out]
    return _VALUE.sub(lambda match: _value(draw, match[0]), "\n".join(_shuffled(draw, kept)))


_VALUE = re.compile(r"[0-9_.]+(?= credits)|\b[0-9]+(?:h|d|mo|min|s)\b|\b(?:Europe/Berlin|UTC)\b|(?<= in )UTC")
_AMOUNTS = ("0", "00.5", "1", "1_000", "2.500", "999_999.999", "12")
_LENGTHS = ("1ms", "90s", "60min", "24h", "1w", "2mo", "1y")
_ZONES = ("UTC", "America/Los_Angeles", "Etc/GMT+3", "America/Argentina/Buenos_Aires")


def _value(draw: st.DrawFn, text: str) -> str:
    """Now and then another value of the same kind."""
    if draw(st.integers(0, 9)):
        return text
    kinds = _ZONES if text[0].isalpha() else _AMOUNTS if text[-1].isdigit() else _LENGTHS
    return draw(st.sampled_from(kinds))


def _shuffled(draw: st.DrawFn, lines: Sequence[str]) -> list[str]:
    """Runs of statements of one block whose order does not count, in any order."""
    found: list[str] = []
    run: list[str] = []
    for line in (*lines, ""):
        if (
            line.startswith("  ")
            and line.endswith(";")
            and not line.startswith(("  draw", "  deny", "  window", "   "))
        ):
            run.append(line)
            continue
        found += draw(st.permutations(run)) if run else []
        run = []
        found.append(line)
    return found
