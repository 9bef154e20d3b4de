"""A small legal policy in both surfaces, to be changed a line at a time."""

from __future__ import annotations

from overspill.cel.parse import parse_text
from overspill.cel.typed import TypedExpr
from overspill.check.from_tree import check
from overspill.check.inputs import Inputs
from overspill.check.names import Faults, Names
from overspill.runtime.policies import checked_of
from overspill.syntax import tree
from overspill.syntax.read import read
from overspill.words.diagnostics import Fault
from overspill.words.failures import PolicyFaults
from overspill.words.spans import Source

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
  deny bounded when has(user.bound);
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
    guards: [{deny: bounded, when: "has(user.bound)"}]
    draw: [{layer: money, at: 2 credits per image}]
    otherwise: {deny: used_up}
"""


def faults_of(text: str | bytes, name: str = "t.spill") -> tuple[Fault, ...]:
    """Every fault of one file on its own."""
    return faults_of_bundle({name: text if isinstance(text, bytes) else text.encode()})


def faults_of_bundle(files: dict[str, bytes]) -> tuple[Fault, ...]:
    """Every fault of a bundle."""
    try:
        return checked_of(files).faults
    except PolicyFaults as failure:
        return failure.faults


def typed_in(text: str, expression: str) -> TypedExpr:
    """An expression, typed against the inputs of a policy."""
    file, _ = read("t.spill", text.encode())
    assert file is not None
    inputs = Inputs(Names(tree.Bundle((file,)), Faults()), Faults())
    parsed = parse_text(expression, Source("expression", expression), 0)
    assert not isinstance(parsed, Fault), parsed
    typed = inputs.expression(parsed)
    assert typed is not None, inputs.faults.found
    return typed


__all__ = ["DSL", "YAML", "check", "faults_of", "faults_of_bundle", "typed_in"]
