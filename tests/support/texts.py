"""A small legal policy in both surfaces, to be changed a line at a time."""

from __future__ import annotations

from overspill.check.from_tree import check
from overspill.runtime.policies import checked_of
from overspill.words.diagnostics import Fault
from overspill.words.failures import PolicyFaults

DSL = """policy tiny version 1;
language 1;
unit credits: decimal(2);
unit images: integer, singular image;
account user { plan: string; blocked: bool = false; bound: credits?; }
request { product: string; model: string; tokens: meter; images: meter; }
rate_card card {
  price in credits per 1000 by request.model;
  from 2026-01-01T00:00:00Z { "m1": tokens 1.5; "m2": free; }
}
limit plan_limit {
  per user;
  unit credits;
  window day: calendar day in UTC;
  capacity by user.plan { "plus": day 10 credits; default: day 0 credits; }
}
pool money { per user; unit credits; on overshoot refund; skip opted_out when user.blocked; }
waterfall text {
  serves request.product == "text";
  priced by card;
  deny blocked when user.blocked;
  draw plan_limit;
  draw money when user.plan != "free";
  otherwise deny used_up offer wait, add_money;
}
waterfall pictures {
  serves request.product == "pictures";
  counts images;
  draw money at 2 credits per image;
  otherwise deny used_up;
}
"""

YAML = """policy: {name: tiny, version: "1"}
language: "1"
units: {credits: decimal(2), images: {type: integer, singular: image}}
accounts: {user: {fields: {plan: string, blocked: {type: bool, default: "false"}, bound: "credits?"}}}
request: {fields: {product: string, model: string, tokens: meter, images: meter}}
rate_cards:
  card:
    price: {in: credits, per: "1000", by: [request.model]}
    prices:
      - {from: "2026-01-01T00:00:00Z", rows: {m1: {tokens: "1.50"}, m2: free}}
limits:
  plan_limit:
    per: [user]
    unit: credits
    windows: {day: {calendar: day, in: UTC}}
    capacity: {by: [user.plan], rows: {plus: {day: 10 credits}}, default: {day: 0 credits}}
pools:
  money: {per: [user], unit: credits, on_overshoot: refund, skips: {opted_out: "user.blocked"}}
waterfalls:
  text:
    serves: 'request.product == "text"'
    priced_by: card
    guards: [{deny: blocked, when: "user.blocked"}]
    draw: [plan_limit, {layer: money, when: 'user.plan != "free"'}]
    otherwise: {deny: used_up, offer: [wait, add_money]}
  pictures:
    serves: 'request.product == "pictures"'
    counts: images
    draw: [{layer: money, at: 2 credits per image}]
    otherwise: {deny: used_up}
"""


def faults_of(text: str | bytes, name: str = "t.spill") -> tuple[Fault, ...]:
    """Every fault of one file on its own."""
    data = text if isinstance(text, bytes) else text.encode()
    try:
        return checked_of({name: data}).faults
    except PolicyFaults as failure:
        return failure.faults


__all__ = ["DSL", "YAML", "check", "faults_of"]
