"""A naive oracle of decisions, written from LANGUAGE.md section 3: slow, plain, and sharing only `words`.

Here is the waterfall; what its layers and caps have left is in `oracle_rooms.py`, what a policy's conditions, tables and
bounds say of a request in `oracle_values.py`. The policy is read as its canonical JSON.
"""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from math import ceil, floor

from decide.oracle_rooms import Rooms
from decide.oracle_values import ERRORS, STEP, Values
from overspill.words.amounts import UNLIMITED
from overspill.words.instants import instant_from_text

ROUNDED = {"up": ceil, "down": floor, "half_even": round, "half_up": lambda exact: floor(exact + Fraction(1, 2))}


class Denied(Exception):
    """A condition that errs denies."""


def covered(asked, room, rate, before=(0, 0)):
    """M3: (b, its amount) for the most of `asked` that fits into `room`, ceiled as one with what was covered `before` (S2)."""
    base = max(min(asked, (room + before[1]) // rate - before[0]), 0)
    return base, max(ceil((before[0] + base) * rate) - before[1], 0)


def spill(base, layers, whole):
    """L2, L3: {layer: (base, amount)}; each of `layers` is (its name, what it covers of an amount beside earlier draws)."""
    draws = {}
    for name, covers in layers:
        before = {} if whole else draws
        asked = base - granted(before)
        part = covers(asked, before)
        if part[0] == asked:
            return {**before, name: part}
        if part[0]:
            draws[name] = part
    best = max(draws, key=lambda name: draws[name][0], default=None)
    return {name: part for name, part in draws.items() if not whole or name == best}


def granted(draws):
    return sum(base for base, _ in draws.values())


class Oracle:
    """One request: `inputs` and `accounts` by kind, and what the request bounds itself by (L10)."""

    def __init__(self, policy, inputs, accounts, now, only=None, max_charge=UNLIMITED, at_least=0):
        self.policy, self.now = policy, now
        self.only, self.max_charge, self.at_least = only, max_charge, at_least
        self.waterfall = policy["waterfalls"]["main"]
        self.lines = {line["layer"]: line for line in written(self.waterfall["draw"], "layer")}
        self.values = Values(policy, inputs)
        self.rooms = Rooms(policy, self.values, accounts, now)

    def decide(self):
        """(outcome, base, granted, {layer: (base, amount)}): L4, L6, M4."""
        base, whole = self.base(), self.waterfall["fill"] == "whole"
        try:
            self.guard()
            draws = spill(base, self.layers(), whole) if base else {}
        except Denied:
            return "deny", base, 0, {}
        if granted(draws) == base:
            return "allow", base, base, draws
        if self.waterfall["on_shortfall"] == "deny" or granted(draws) < max(self.at_least, 1):
            return "deny", base, 0, {}
        return "partial", base, granted(draws), draws

    def base(self):
        """M2: by the table in force, rounded once."""
        card, request = self.policy["rate_cards"]["card"], self.values.inputs["request"]
        table = [table for table in card["prices"] if instant_from_text(table["from"]) <= self.now][-1]
        cells = table["rows"][request.model]
        meters = {"fresh": request.tokens - request.cached, "cached": request.cached}
        prices = [] if cells == "free" else [Fraction(price) * meters[meter] for meter, price in cells.items()]
        return ROUNDED[card["round"]](sum(prices) * STEP / Fraction(card["price"]["per"]))

    def guard(self):
        """L1: what denies before all draws; a guard that errs does."""
        try:
            denied = any(self.values.holds(guard["when"]) for guard in self.waterfall.get("guards", []))
        except ERRORS:
            denied = True
        for line in written(self.waterfall.get("occupy", []), "concurrency"):
            denied = denied or (self.values.holds(line.get("when")) and self.rooms.is_occupied(line["concurrency"]))
        if denied:
            raise Denied

    def layers(self):
        """L7, L9: those that are eligible, in the written order, as `spill` reads them."""
        for name, line in self.lines.items():
            try:
                if self.is_eligible(name, line.get("when")):
                    yield name, partial(self.covers, name)
            except ERRORS:
                reaction = line.get("on_error", self.waterfall["on_error"])
                if reaction == "deny":
                    raise Denied from None
                if reaction == "stop":
                    return

    def is_eligible(self, name, condition):
        layer = self.rooms.layer(name)
        if self.rooms.account(layer) is None or not self.values.holds(condition):
            return False
        skipped = any(self.values.holds(skip["when"]) for skip in layer.get("skips", []))
        return not skipped and (self.only is None or name in self.only)

    def covers(self, name, asked, drawn):
        """By the least of what the layer has left, what its caps let through, and what may still be charged."""
        layer, rooms = self.rooms.layer(name), [self.rooms.of_layer(name)]
        for cap in self.lines[name].get("within", []):
            within = [amount for other, (_, amount) in drawn.items() if cap in self.lines[other].get("within", [])]
            rooms.append(self.rooms.of_cap(cap, sum(within)))
        if is_charged(layer):
            charged = [amount for other, (_, amount) in drawn.items() if is_charged(self.rooms.layer(other))]
            rooms.append(self.max_charge - sum(charged))
        return covered(asked, min(rooms), Fraction(self.values.row(layer.get("multiplier", "1"))))


def written(lines, word):
    """A line of one name alone is written as the name."""
    return [line if isinstance(line, dict) else {word: line} for line in lines]


def is_charged(layer):
    return layer.get("free") is False
