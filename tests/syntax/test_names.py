"""Words of the language may be names, but for the few that the DSL could not tell apart where the name would stand.

Each word of the grammar is each kind of name, in YAML, which tells names by their place alone; the DSL must say the same.
"""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from overspill.check.names import TAKEN
from overspill.syntax.format import Surface, formatted
from overspill.words.failures import Failure
from support.texts import DSL, faults_of

GRAMMAR = (files("overspill_grammar") / "policy.lark").read_text("utf-8")
WORDS = sorted(set(re.findall(r'"([a-z_]+)"', GRAMMAR)) | {"first_use", "first_set", "max"})
POLICY = """policy: {name: <policy>, version: "1"}
language: "1"
units: {<unit>: {type: integer, singular: <singular>}, usd: decimal(2)}
accounts:
  <account>: {fields: {<attribute>: string, bound: "<unit>?", since: timestamp}}
  <many>: {of: <account>, many: "true", fields: {<ceiling>: "<unit>?"}}
request: {fields: {product: string, <field>: string, <meter>: meter}}
lets: {<let>: 'true'}
rate_cards:
  <card>:
    price: {in: <unit>, per: "1", by: [request.<field>]}
    meters: {<derived>: '3'}
    prices: [{from: "2026-01-01T00:00:00Z", rows: {a: {<meter>: "1", <derived>: "1"}, b: {<derived>: "2"}, default: free}}]
limits:
  <limit>:
    per: [<account>, request.<field>]
    unit: <unit>
    windows: {<window>: {length: 5h, from: first_use}, b: {length: 7d, from: <account>.since}}
    capacity: {by: [<account>.<attribute>], rows: {a: {<window>: 3 <unit>}}, default: {<window>: unlimited, b: 4 <unit>}}
    resets: {<reset>: {of: [<window>], at: "2026-01-01T00:00:00Z", anchor: keep_anchor}}
    skips: {<skip>: 'true'}
  other:
    per: [<account>]
    unit: <unit>
    windows: {<window>: {bucket: 5 <unit>, per: 1min, burst: 20 <unit>}}
pools:
  <pool>:
    per: [<account>]
    unit: <unit>
    overage: {up_to: <account>.bound, calendar: month, in: UTC}
    on_overshoot: debt up to 5 <unit>
    price: {amount: 1 usd, per: 1 <unit>}
    top_up: {settings: <account>}
entitlements:
  <entitlement>:
    per: [<account>]
    unit: <unit>
    allowance: {up_to: {max: [<account>.<many>.<ceiling>, <account>.bound]}, length: 7d, from: <account>.since}
graces: {<grace>: {per: [request.<field>], unit: <unit>, up_to: 5 <unit>}}
caps: {<cap>: {per: [<account>], unit: <unit>, windows: {<window>: {calendar: day, in: UTC}}, up_to: <account>.bound}}
concurrencies: {<concurrency>: {per: [<account>], at_most: "4"}}
waterfalls:
  <waterfall>:
    serves: 'true'
    priced_by: <card>
    guards: [{deny: <guard>, when: 'true'}]
    draw: [{layer: <limit>, within: [<cap>], at: 1 <unit> per <singular>, when: 'true'}, <pool>, <entitlement>, <grace>]
    occupy: [{concurrency: <concurrency>, when: 'true'}]
    otherwise: {deny: <code>, offer: [<offer>, wait]}
invariants: {<invariant>: 'true'}
"""
SLOTS = frozenset(re.findall(r"<(\w+)>", POLICY))
APART = ({"pool", "meter"}, {"entitlement", "derived", "many"}, {"grace"})
"""What shares its names with others is tried by itself: layers, accounts, and meters with what else a request has."""
TOGETHER = SLOTS.difference(*APART)
KIND = {"account": "account", "meter": "meter", "derived": "meter", "window": "window"}


def _fails(word: str, slots: frozenset[str] | set[str]) -> str | None:
    """Why the policy in which the word has these places cannot be said in both surfaces."""
    text = re.sub(r"<(\w+)>", lambda slot: word if slot[1] in slots else f"a_{slot[1]}", POLICY)
    try:
        written, faults = formatted("t.spill.yaml", text.encode(), Surface.DSL)
    except Failure as failure:
        return failure.message
    return None if written is not None else faults[0].message


def test_the_policy_is_one_in_both_surfaces() -> None:
    assert _fails("a", frozenset()) is None


@pytest.mark.parametrize("word", WORDS)
def test_a_word_of_the_language_may_be_a_name(word: str) -> None:
    for slots in (TOGETHER, *APART):
        free = {slot for slot in slots if slot not in KIND or word != TAKEN[KIND[slot]]}
        assert _fails(word, free) is None, (word, free)


@pytest.mark.parametrize("slot", sorted(set(KIND) - {"derived"}))
def test_a_word_that_is_taken_could_not_be_said(slot: str) -> None:
    """The canary of the above, and the reason of each entry."""
    assert _fails(TAKEN[KIND[slot]], {slot}) is not None


TAKEN_CASES = [
    ("window day:", "window unlimited:", "unlimited", "window"),
    ("tokens: meter;", "tokens: meter; free: meter;", "free", "meter"),
    ("  from 2026", "  meter free = tokens;\n  from 2026", "free", "meter"),
    ("account user {", "account unlimited of user { }\naccount user {", "unlimited", "account"),
]


@pytest.mark.parametrize(("old", "new", "word", "kind"), TAKEN_CASES)
def test_a_taken_name_is_refused_where_it_is_declared(old: str, new: str, word: str, kind: str) -> None:
    assert old in DSL
    found = [(fault.code, fault.span.text, fault.message) for fault in faults_of(DSL.replace(old, new, 1))]
    message = f"no {kind} can be called `{word}`: that word is a value where the name would stand"
    assert ("OSP205", word, message) in found
