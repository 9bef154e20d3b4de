"""A naive oracle of decisions, written from LANGUAGE.md section 3: slow, plain, and sharing only `words`.

It reads the policy as its canonical JSON, counts in fractions, and finds what a layer covers by trying (M3).
"""

from __future__ import annotations

import re
from fractions import Fraction
from math import ceil, floor

from overspill.words.instants import instant_from_text

STEP = 100  # credits have two digits


class Error(Exception):
    """A condition that errs."""


def amount(text):
    return None if text == "unlimited" else int(Fraction(text.split()[0]) * STEP)


def row(table, values):
    if not isinstance(table, dict) or "by" not in table:
        return table
    return table["rows"].get(values[table["by"][0]], table.get("default"))


def condition(text, facts):
    if not text:
        return True
    bound = facts.get("user.bound")
    if "user.bound" in text and bound is None and not text.startswith("has"):
        raise Error
    if text.endswith("user.bound > 2"):
        return bound is not None and bound > 2
    if "user.divisor" in text:
        if facts["user.divisor"] == 0:
            raise Error
        return facts["request.tokens"] // facts["user.divisor"] > 1
    if text == "has(workspace.id)":
        return facts["workspace"] is not None
    match = re.fullmatch(r"(\S+) (==|!=) (.+)", text)
    if match and "||" not in text:
        equal = str(facts[match[1]]) == match[3].strip('"')
        return equal if match[2] == "==" else not equal
    return {
        "user.blocked": facts["user.blocked"],
        "!user.blocked || request.tokens > 10": not facts["user.blocked"] or facts["request.tokens"] > 10,
        'request.model in ["m1", "m3"]': facts["request.model"] in ("m1", "m3"),
    }[text]


def base_amount(policy, facts, now):
    card = policy["rate_cards"]["card"]
    table = [table for table in card["prices"] if instant_from_text(table["from"]) <= now][-1]
    cells = table["rows"][facts["request.model"]]
    if cells == "free":
        return 0
    meters = {"fresh": facts["request.tokens"] - facts["request.cached"], "cached": facts["request.cached"]}
    exact = sum(Fraction(price) * meters[meter] for meter, price in cells.items()) * STEP / int(card["price"]["per"])
    low, rest = floor(exact), exact - floor(exact)
    up = {"up": rest > 0, "down": False, "half_up": rest >= Fraction(1, 2)}.get(card["round"])
    if up is None:
        up = rest > Fraction(1, 2) or (rest == Fraction(1, 2) and low % 2 == 1)
    return low + up


def covered(asked, room, rate):
    """M3: the largest b with ceil(b·r) ≤ room; room None is without bound."""
    base = asked if room is None else min(asked, floor(Fraction(room) / rate))
    while room is not None and base < asked and ceil((base + 1) * rate) <= room:
        base += 1
    return base, ceil(base * rate)


def times(limit, now):
    """W5: the product of all that is in force."""
    found = Fraction(1)
    for one in limit.get("capacity_times", []):
        if instant_from_text(one["from"]) <= now < instant_from_text(one["until"]):
            found *= Fraction(one["times"])
    return found


def room_of(policy, name, facts, accounts, now):
    """(what the layer has left, None without an account and -1 without bound; its multiplier; whether it applies)."""
    limit, pool = policy.get("limits", {}).get(name), policy.get("pools", {}).get(name)
    layer = limit or pool
    account = accounts.get(layer["per"][0])
    rate = Fraction(row(layer.get("multiplier", "1"), facts))
    if account is None:
        return None, rate, False
    if pool:
        usable = [lot for lot in account["pools"].get(name, ()) if lot[2] <= now < lot[3]]
        return sum(lot[1] for lot in usable), rate, True
    rooms = []
    for window in limit["windows"]:
        key = f"{name}.{window['window']}" + (f"|{facts['request.model']}" if len(layer["per"]) > 1 else "")
        state = account["windows"].get(key)
        used = state[3] if state is not None and now < state[2] else 0
        capacity = amount(row(limit["capacity"], facts)[window["window"]])
        if capacity is not None:
            capacity = floor(capacity * times(limit, now))
            rooms.append(max(capacity - used, 0))
    return (min(rooms) if rooms else -1), rate, True


def decide(policy, facts, accounts, now):
    """(outcome, base, granted, {layer: (base, amount)}, {layer: cause kind})."""
    waterfall = policy["waterfalls"]["main"]
    base = base_amount(policy, facts, now)
    for guard in waterfall.get("guards", []):
        try:
            denied = condition(guard["when"], facts)
        except Error:
            denied = True
        if denied:
            return "deny", base, 0, {}
    if base == 0:
        return "allow", 0, 0, {}
    left, draws, stopped = base, {}, False
    for draw in waterfall["draw"]:
        draw = {"layer": draw} if isinstance(draw, str) else draw
        name = draw["layer"]
        room, rate, there = room_of(policy, name, facts, accounts, now)
        if not there:
            continue
        try:
            when = draw.get("when", "")
            if not condition(policy["lets"].get(when, when), facts):
                continue
            if any(condition(s["when"], facts) for s in policy.get("pools", {}).get(name, {}).get("skips", [])):
                continue
        except Error:
            reaction = draw.get("on_error", waterfall["on_error"])
            if reaction == "skip":
                continue
            stopped = reaction == "deny"
            break
        got, spent = covered(left, None if room == -1 else room, rate)
        if waterfall["fill"] == "whole":
            draws[name] = (got, spent)
            if got == base:
                return "allow", base, base, {name: (got, spent)}
        elif got:
            draws[name] = (got, spent)
            left -= got
            if left == 0:
                return "allow", base, base, draws
    best = max(draws.values(), key=lambda part: part[0], default=(0, 0))[0]
    granted = best if waterfall["fill"] == "whole" else base - left
    if stopped or waterfall["on_shortfall"] == "deny" or granted == 0:
        return "deny", base, 0, {}
    if waterfall["fill"] == "whole":
        name = next(name for name, part in draws.items() if part[0] == best)
        draws = {name: draws[name]}
    return "partial", base, granted, draws
