"""What layers and caps have left for one request, for the naive oracle: windows, lots, allowances, graces and holds."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor, prod

from decide.oracle_values import amount
from overspill.words.amounts import UNLIMITED
from overspill.words.instants import instant_from_text

FOREVER = {"from": "1970-01-01T00:00:00Z", "until": "9999-01-01T00:00:00Z"}


class Rooms:
    """Rooms are whole steps; `accounts` are the states by kind, of those that there are."""

    def __init__(self, policy, values, accounts, now):
        self.policy, self.values, self.accounts, self.now = policy, values, accounts, now

    def layer(self, name):
        kinds = ("limits", "pools", "entitlements", "graces")
        return next(self.policy[kind][name] for kind in kinds if name in self.policy.get(kind, {}))

    def account(self, declared):
        """Whose it is; a grace is the user's."""
        owner = declared["per"][0]
        return self.accounts.get("user" if owner == "request.turn" else owner)

    def of_layer(self, name):
        layer = self.layer(name)
        if "windows" in layer:
            return min(self.of_window(name, layer, window) for window in layer["windows"])  # W4
        if "order" in layer:
            return self.of_pool(name, layer)
        if "allowance" in layer:
            valid = self.is_in_force(layer.get("valid", FOREVER))
            return self.of_allowance(f"{name}.allowance", layer, layer["allowance"]) if valid else 0
        return self.of_grace(f"{name}.grace", layer)

    def of_window(self, name, limit, window):
        """W5: a capacity that was lowered leaves nothing, and what is in force multiplies."""
        capacity = window["burst"] if "bucket" in window else self.values.row(limit["capacity"])[window["window"]]
        times = [Fraction(one["times"]) for one in limit.get("capacity_times", []) if self.is_in_force(one)]
        state = self.state(f"{name}.{window['window']}", limit)
        if state is not None and any(self.is_reset(window, state, one) for one in limit.get("resets", {}).values()):
            state = None
        return max(floor(amount(capacity) * prod(times)) - self.used(state, window), 0)

    def is_reset(self, window, state, reset):
        """W6: whether it has come to the account since, and to the window after it had opened."""
        at = instant_from_text(reset["at"])
        is_due = self.accounts["user"]["since"] < at <= self.now and state[1] < at
        return (
            is_due and window["window"] in reset.get("of", [window["window"]]) and self.values.holds(reset.get("when"))
        )

    def of_pool(self, name, pool):
        """G1, L11: what is usable of its lots, and what it may be drawn further by."""
        lots = self.account(pool)["pools"].get(name, ())
        usable = [left for _, left, granted_at, expires_at, *_ in lots if granted_at <= self.now < expires_at]
        overage = self.of_allowance(f"{name}.overage", pool, pool["overage"]) if "overage" in pool else 0
        return sum(usable) + overage

    def of_grace(self, name, grace):
        """L12: what counts of its key is there as soon as an earlier request was funded."""
        if not hasattr(self.values.inputs["request"], "turn"):
            return 0
        state = self.state(name, grace)
        is_funded = state is not None and self.now < state[2]
        return self.of_allowance(name, grace, grace) if is_funded or "only_if" not in grace else 0

    def of_allowance(self, name, declared, allowance):
        """L11: absent is none."""
        if allowance == "unlimited":
            return UNLIMITED
        bound, *_ = [*self.values.bounds(allowance["up_to"]), 0]
        return max(bound - self.used(self.state(name, declared)), 0)

    def of_cap(self, name, drawn):
        """L8: what it lets through beside what this request has drawn within it."""
        cap = self.policy["caps"][name]
        bounds = self.values.bounds(cap["up_to"]) if self.account(cap) else []
        if not bounds:
            return UNLIMITED
        left = max(bounds[0] - self.used(self.state(f"{name}.month", cap)) - drawn, 0)
        return UNLIMITED if left and cap["mode"] == "finish_started" else left

    def is_occupied(self, name):
        """Whether as many holds as there may be are open."""
        declared = self.policy["concurrencies"][name]
        return self.used(self.state(f"{name}.holds", declared)) >= int(self.values.row(declared["at_most"]))

    def state(self, name, declared):
        """What is kept under the name: apart for each value of the request's fields that it is kept per."""
        request = self.values.inputs["request"]
        fields = [path.partition(".")[2] for path in declared["per"] if path.startswith("request.")]
        return self.account(declared)["windows"].get("|".join([name, *(getattr(request, field) for field in fields)]))

    def used(self, state, window=()):
        """W1, W8: what counts now, by the form of the window."""
        if state is None:
            return 0
        if "sliding" in window:
            return sum(part for until, part in zip(state[6::3], state[7::3], strict=True) if self.now < until)
        if "bucket" in window:
            at, rest, refill, per = state[5:]
            return max(ceil(state[3] - Fraction(rest + (self.now - at) * refill, per)), 0)
        return state[3] if self.now < state[2] else 0

    def is_in_force(self, interval):
        return instant_from_text(interval["from"]) <= self.now < instant_from_text(interval["until"])
