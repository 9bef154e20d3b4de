"""A naive oracle of the account machine over time, written from LANGUAGE.md section 3: slow, plain, sharing only `words`
and the way from layer to layer with the oracle of decisions.

It keeps a list of all that was ever counted, by counter and period, and adds it up each time it is asked. What a policy
says comes as a `spec` of plain values (`histories.py`), amounts are whole credits, instants microseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil

from decide.oracle import covered, granted, spill
from overspill.words.amounts import UNLIMITED
from overspill.words.instants import DAY, HOUR, MINUTE, NEVER, instant_from_text

ANCHOR = instant_from_text("2026-01-05T00:00:00Z")


@dataclass
class Lot:
    id: str
    pool: str
    left: int
    granted_at: int
    expires_at: int
    priority: int
    category: int


@dataclass
class Leg:
    """What one layer gave: its counts are (counter, period, amount), its parts (lot, amount), in the order drawn."""

    layer: str
    base: int
    amount: int
    counts: list
    parts: list
    used_base: int = 0
    used: int = 0


@dataclass
class Hold:
    at: int
    expires_at: int
    legs: list
    turn: str | None = None
    funded: tuple = ()
    total: int = 0
    absorbed: int = 0
    owed_base: int = 0
    owed: int = 0
    is_open: bool = True
    over: bool = False
    captured: bool = False
    reversed: bool = False


@dataclass
class Naive:
    """`counted` is everything that was ever counted: (counter, period, amount), less what came back; `funded` are the graces
    and turns of which a request was admitted wholly from other layers."""

    spec: dict
    counted: list = field(default_factory=list)
    openings: dict = field(default_factory=dict)
    funded: list = field(default_factory=list)
    buckets: dict = field(default_factory=dict)
    lots: list = field(default_factory=list)
    debts: dict = field(default_factory=dict)
    holds: dict = field(default_factory=dict)

    # ---- windows and periods

    def period(self, counter, at, now):
        """The period that a draw counts in: (its start, whether there is room in it at all). `at` is the admission."""
        kind = counter["kind"]
        if kind == "sliding":  # a 60th of the hour, until its last instant is an hour ago
            return now // MINUTE * MINUTE, True
        if kind == "bucket":
            return 0, True
        if kind == "first_use":
            openings = self.openings.get(counter["key"], [])
            own = max([opened for opened in openings if opened <= at < opened + counter["length"]], default=None)
            return (at, not any(at < opened for opened in openings)) if own is None else (own, True)
        return at // DAY * DAY if kind == "day" else ANCHOR + (at - ANCHOR) // (3 * HOUR) * 3 * HOUR, True

    def used(self, counter, period, now):
        if counter["kind"] == "bucket":
            return ceil(self.missing(counter, now))
        found = [entry for entry in self.counted if entry[0] == counter["key"]]
        if counter["kind"] == "sliding":
            return sum(amount for _, start, amount in found if now < start + MINUTE - 1 + HOUR)
        return sum(amount for _, start, amount in found if start == period)

    def missing(self, counter, now):
        """W8: what a bucket of 5 a minute lacks."""
        at, lacks = self.buckets.get(counter["key"], (now, Fraction(0)))
        return max(lacks - Fraction((now - at) * 5, MINUTE), Fraction(0))

    def count(self, counter, period, amount, now):
        if counter["kind"] == "bucket":
            self.buckets[counter["key"]] = (now, max(self.missing(counter, now) + amount, Fraction(0)))
            return
        if counter["kind"] == "first_use" and amount > 0:
            self.openings.setdefault(counter["key"], []).append(period)
        self.counted.append((counter["key"], period, amount))

    # ---- what layers have

    def room(self, counter, at, now, drawn=0, settles=False):
        """What is left; `drawn` is what this command has counted in it before."""
        period, is_there = self.period(counter, at, now)
        left = max(counter["bound"] - self.used(counter, period, now) - drawn, 0) if is_there else 0
        return UNLIMITED if counter.get("finish_started") and (left or settles) else left

    def usable(self, pool, now):
        """G1, G2."""
        found = [lot for lot in self.lots if lot.pool == pool and lot.left and lot.granted_at <= now < lot.expires_at]
        return sorted(found, key=lambda lot: (lot.priority, lot.expires_at, lot.category, lot.granted_at, lot.id))

    def layers(self, turn, funded):
        """By name, as a request with this turn meets them."""
        found = [layer for layer in self.spec["layers"] if self.eligible(layer, turn, funded)]
        own = [[one for one in layer["counters"] if one.get("turn", turn) == turn] for layer in found]
        return {layer["name"]: {**layer, "counters": counters} for layer, counters in zip(found, own, strict=True)}

    def eligible(self, layer, turn, funded):
        """L12: `funded` are the graces and turns that were funded before the request."""
        if layer["kind"] != "grace":
            return True
        return turn is not None and (not layer["only_if"] or (layer["name"], turn) in funded)

    def fill(self, asked, at, now, before, layers, settles=False):
        """L2, L3: the legs of the layers, and what is left. Nothing is counted yet."""

        def covering(layer):
            prior = before.get(layer["name"], (0, 0))
            return lambda asked, drawn: covered(asked, self.left(layer, at, now, drawn, settles), layer["rate"], prior)

        draws = spill(asked, [(name, covering(layer)) for name, layer in layers.items()], self.spec["whole"])
        return [self.leg(layers[name], *drawn, at, now) for name, drawn in draws.items()], asked - granted(draws)

    def left(self, layer, at, now, drawn, settles):
        """L8, L11: what the layer has, and its caps let through."""
        rooms = []
        for name in layer["caps"]:
            within = [amount for other, (_, amount) in drawn.items() if name in self.layer(other)["caps"]]
            rooms.append(self.room(self.spec["caps"][name], at, now, sum(within), settles))
        own = [self.room(one, at, now) for one in layer["counters"]]
        if layer["kind"] == "pool":
            own = [sum(lot.left for lot in self.usable(layer["name"], now)) + sum(own)]
        return min(rooms + own)

    def leg(self, layer, base, amount, at, now):
        """Of a pool the lots first."""
        parts, beyond = [], amount
        for lot in self.usable(layer["name"], now):
            part = min(lot.left, beyond)
            beyond -= part
            parts += [(lot.id, part)] if part else []
        own = layer["counters"] if beyond else []
        counts = [(one, beyond) for one in own] + [(self.spec["caps"][name], amount) for name in layer["caps"]]
        counts = [(one, self.period(one, at, now)[0], counted) for one, counted in counts]
        return Leg(layer["name"], base, amount, counts, parts)

    def draw(self, leg, now):
        for counter, period, amount in leg.counts:
            self.count(counter, period, amount, now)
        for id, part in leg.parts:
            self.lot(id).left -= part

    def lot(self, id):
        return next(lot for lot in self.lots if lot.id == id)

    def give_back(self, leg, now):
        """S4: what is not used goes back."""
        self.keep(leg, leg.used_base, leg.used, now, self.layer(leg.layer).get("reissue"))

    def keep(self, leg, base, amount, now, length):
        """All but so much of the leg goes back to where it came from, the lot drawn last first, the overage before them."""
        unused = leg.amount - amount
        lotted = sum(part for _, part in leg.parts)
        for at, (counter, period, counted) in enumerate(leg.counts):
            kept = max(amount - (leg.amount - counted), 0)
            if counter["kind"] == "bucket" or counted - kept:
                self.count(counter, period, kept - counted, now)
            leg.counts[at] = (counter, period, kept)
        back = max(unused - (leg.amount - lotted), 0)
        for at in reversed(range(len(leg.parts))):
            id, part = leg.parts[at]
            if now < self.lot(id).expires_at:
                self.lot(id).left += min(part, back)
            elif min(part, back):
                self.reissue(self.lot(id), min(part, back), length, now)
            leg.parts[at] = (id, part - min(part, back))
            back -= min(part, back)
        leg.base, leg.amount = base, amount

    def reissue(self, lot, amount, length, now):
        """G5: what comes back of a lot that has expired is a lot of its own, or gone."""
        if length is not None:
            ends = now + length
            id = f"{lot.pool} {now} {ends} {lot.priority} {lot.category} {len(self.lots)}"
            self.lots.append(Lot(id, lot.pool, amount, now, ends, lot.priority, lot.category))

    def lapse(self, hold, lot, now):
        """G5: what is held of an expired lot is held no more; nor is the rest of a base step that it was a part of."""
        for leg in hold.legs if hold.is_open else ():
            held, used = 0, leg.used
            for at, (id, part) in enumerate(leg.parts):
                if id == lot.id and self.layer(leg.layer)["lapses"]:
                    held = part - min(used, part)
                    leg.parts[at] = (id, part - held)
                used = max(used - part, 0)
            if held:
                for at, (counter, period, counted) in enumerate(leg.counts):
                    if counted == leg.amount:
                        self.count(counter, period, -held, now)
                        leg.counts[at] = (counter, period, counted - held)
                leg.amount -= held
                self.keep(leg, *covered(leg.base, leg.amount, self.layer(leg.layer)["rate"]), now, None)
        hold.legs = [leg for leg in hold.legs if leg.base]

    def layer(self, name):
        return next(layer for layer in self.spec["layers"] if layer["name"] == name)

    # ---- commands

    def end_due(self, now):
        """G3, S2: what has ended has ended at its instant, whenever somebody looks; a lot before a hold (W1)."""
        lots = [(lot.expires_at, 0, lot.id) for lot in self.lots if lot.expires_at <= now]
        holds = [(hold.expires_at, 1, id) for id, hold in self.holds.items() if hold.is_open and hold.expires_at <= now]
        for at, is_hold, id in sorted([*lots, *holds]):
            if is_hold:
                hold = self.holds[id]
                hold.is_open = False
                for leg in hold.legs:
                    self.give_back(leg, at)
                hold.legs = [leg for leg in hold.legs if leg.base]
            else:
                self.lot(id).left = 0
                for hold in self.holds.values():
                    self.lapse(hold, self.lot(id), at)

    def request(self, asked, now, decision, hold=None, turn=None):
        """(outcome, granted, [(layer, base, amount)])."""
        self.end_due(now)
        before = tuple(self.funded)
        legs, left = self.fill(asked, now, now, {}, self.layers(turn, before)) if asked else ([], 0)
        if left and (not self.spec["partial"] or left == asked):
            return "deny", 0, []
        for leg in legs:
            self.draw(leg, now)
        self.fund(legs, turn, now)
        kept = [replace(leg) for leg in legs]
        if hold is None:
            for leg in kept:
                leg.used_base, leg.used = leg.base, leg.amount
            self.holds[decision] = Hold(now, now, kept, is_open=False, over=True, captured=True)
        else:
            self.holds[hold] = Hold(now, now + 15 * MINUTE, kept, turn, before)
        return "partial" if left else "allow", asked - left, [(leg.layer, leg.base, leg.amount) for leg in legs]

    def fund(self, legs, turn, now):
        """L12: whoever draws wholly from other layers funds its turn, which the grace's counter remembers."""
        drawn = [leg.layer for leg in legs]
        graces = [layer for layer in self.spec["layers"] if layer["kind"] == "grace" and layer["only_if"]]
        for layer in graces if drawn and turn is not None else ():
            if layer["name"] not in drawn:
                self.funded.append((layer["name"], turn))
                counter = next(one for one in layer["counters"] if one["turn"] == turn)
                self.openings.setdefault(counter["key"], []).append(self.period(counter, now, now)[0])

    def is_over(self, hold, now):
        return hold.over or now >= hold.expires_at + (0 if hold.is_open else HOUR)

    def capture(self, id, used, now, final):
        """S1, S2, S3: (used, covered, absorbed, [(layer, from, base, amount, returned)]), None for a hold that is over."""
        self.end_due(now)
        hold = self.holds[id]
        if self.is_over(hold, now):
            return None
        hold.total += used
        ends = final or not hold.is_open
        shown, asked, before = [], hold.total, {}
        for leg in hold.legs:
            rate = self.layer(leg.layer)["rate"]
            base = min(asked, leg.base)
            amount = leg.amount if base == leg.base else min(ceil(base * rate), leg.amount)
            asked -= base
            returned = leg.amount - amount if ends else 0
            shown.append((leg.layer, "hold", base - leg.used_base, amount - leg.used, returned))
            leg.used_base, leg.used = base, amount
            so_far = before.get(leg.layer, (0, 0))
            before[leg.layer] = (so_far[0] + base, so_far[1] + amount)
        if ends:
            for leg in hold.legs:
                self.give_back(leg, now)
            hold.legs = [leg for leg in hold.legs if leg.base]
        beyond = asked - hold.owed_base
        layers = self.layers(hold.turn, hold.funded)
        free = self.fill(beyond, hold.at, now, before, layers, True)[0] if beyond > 0 else []
        for leg in free:
            self.draw(leg, now)
            leg.used_base, leg.used = leg.base, leg.amount
            shown.append((leg.layer, "free", leg.base, leg.amount, 0))
        over = asked - sum(leg.base for leg in free)
        hold.legs += free
        absorbed = self.owe(hold, over, shown) - hold.absorbed
        hold.absorbed += absorbed
        hold.captured = True
        if final:
            hold.is_open, hold.over = False, True
        return used, used - absorbed, absorbed, shown

    def owe(self, hold, over, shown):
        """S3: a part of the overshoot is a debt of the last pool; gives back what is absorbed."""
        pool = next((layer for layer in reversed(self.spec["layers"]) if layer["kind"] == "pool"), None)
        if pool is None:
            return over
        owed = self.debts.get(pool["name"], 0)
        base, amount = covered(over, hold.owed + max(pool["debt"] - owed, 0), pool["rate"])
        if amount != hold.owed:
            shown.append((pool["name"], "debt", base - hold.owed_base, amount - hold.owed, 0))
        self.debts[pool["name"]] = max(owed + amount - hold.owed, 0)
        hold.owed_base, hold.owed = base, amount
        return over - base

    def release(self, id, now):
        self.end_due(now)
        hold = self.holds[id]
        if self.is_over(hold, now):
            return False
        for leg in hold.legs:
            self.give_back(leg, now)
        hold.is_open, hold.over = False, True
        return True

    def extend(self, id, now):
        self.end_due(now)
        hold = self.holds[id]
        if not hold.is_open:
            return False
        hold.expires_at = max(hold.expires_at, now + 15 * MINUTE)
        return True

    def grant(self, pool, id, amount, now, granted_at, expires_at, priority, category):
        """S3: a purchase repays what is owed first."""
        self.end_due(now)
        repaid = min(self.debts.get(pool, 0), amount)
        self.debts[pool] = self.debts.get(pool, 0) - repaid
        self.lots.append(Lot(id, pool, amount - repaid, granted_at, expires_at, priority, category))

    def reverse(self, id, now):
        """S4: the pools' amounts that come back, or why nothing does."""
        self.end_due(now)
        hold = self.holds[id]
        if hold.reversed:
            return "already_reversed"
        if not self.is_over(hold, now):
            return "hold_open"
        if not hold.captured:
            return "nothing_to_reverse"
        hold.reversed = True
        pools = [leg.amount for leg in hold.legs if self.layer(leg.layer)["kind"] == "pool"]
        for leg in hold.legs:
            leg.counts = [count for count in leg.counts if self.still_counts(*count, now)]
            self.undo(leg, now)
        if hold.owed:
            self.forgive(hold.owed, now)
        return sum(pools)

    def undo(self, leg, now):
        """What lots gave and what still counts comes back; of a lot that has expired by the word of the waterfall."""
        for counter, period, amount in leg.counts:
            self.count(counter, period, -amount, now)
        leg.counts = []
        self.keep(leg, 0, 0, now, self.spec["reissue"])

    def still_counts(self, counter, period, amount, now):
        """Whether the period goes on."""
        lengths = {"sliding": MINUTE - 1 + HOUR, "day": DAY, "schedule": 3 * HOUR}
        length = counter.get("length") or lengths.get(counter["kind"])
        return counter["kind"] == "bucket" or now < period + length

    def forgive(self, owed, now):
        """What is still owed is owed no more, and what was repaid is a paid lot again."""
        pool = next(layer["name"] for layer in reversed(self.spec["layers"]) if layer["kind"] == "pool")
        debt = min(self.debts.get(pool, 0), owed)
        self.debts[pool] = self.debts.get(pool, 0) - debt
        if owed > debt:
            id = f"{pool} {now} {NEVER} 0 1 {len(self.lots)}"
            self.lots.append(Lot(id, pool, owed - debt, now, NEVER, 0, 1))

    # ---- what is left

    def state(self, now):
        """(lots with something left, debts, what is used of each counter now)."""
        self.end_due(now)
        lots = {}
        for lot in self.lots:
            id = lot.id.rsplit(" ", 1)[0]  # of several reissued in the same way the order is nobody's business
            lots |= {id: lots.get(id, 0) + lot.left} if lot.left else {}
        counters = [one for layer in self.spec["layers"] for one in layer["counters"]] + list(
            self.spec["caps"].values()
        )
        used = {}
        for one in counters:
            period, is_there = self.period(one, now, now)
            used[one["key"]] = self.used(one, period, now) if is_there else 0
        return lots, {pool: owed for pool, owed in self.debts.items() if owed}, used
