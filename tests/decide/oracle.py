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
    if text == "size(user.groups) > 1":
        return len(facts["groups"]) > 1
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


def used_of(window, key, limit, facts, account, now):
    """What counts of a window at `now`, when resets have done their work (W2, W6, W8)."""
    state = account["windows"].get(key)
    resets = sorted(limit.get("resets", {}).values(), key=lambda one: instant_from_text(one["at"]))
    for one in resets:
        at = instant_from_text(one["at"])
        due = account["since"] < at <= now and condition(one.get("when", ""), facts)
        if not due or (one.get("of") and window["window"] not in one["of"]):
            continue
        if state is not None and state[1] < at:
            state = None
    if state is None:
        return 0
    if "sliding" in window:
        parts = state[5:]
        return sum(amount for until, amount in zip(parts[1::3], parts[2::3], strict=True) if now < until)
    if "bucket" in window:
        at, rest, refill, per = state[5:]
        missing = Fraction(state[3]) - Fraction(rest + (now - at) * refill, per)
        return max(ceil(missing), 0)
    return state[3] if now < state[2] else 0


def bound_of(source, facts, accounts):
    """L8: steps; None for no bound, "absent" where all is."""
    if isinstance(source, dict):
        [(function, entries)] = source.items()
        found = [bound_of(entry, facts, accounts) for entry in entries]
        found = [one for one in found if one != "absent"]
        if not found:
            return "absent"
        return found[0] if function == "first_set" else None if None in found else max(found)
    if source == "user.groups.ceiling":
        found = [group["ceiling"] for group in facts["groups"] if "ceiling" in group]
        return max(found) if found else "absent"
    if source.endswith(".ceiling"):
        owner = accounts.get(source.split(".")[0])
        found = None if owner is None else owner["attributes"].get("ceiling")
        return "absent" if found is None else None if found == 2**63 - 1 else found
    return amount(source)


def counter_used(key, account, now):
    state = account["windows"].get(key)
    return state[3] if state is not None and now < state[2] else 0


def allowance_room(allowance, key, facts, accounts, account, now):
    """L11: what is left of so much a period; None without bound."""
    if allowance == "unlimited":
        return None
    bound = bound_of(allowance["up_to"], facts, accounts)
    if bound in ("absent", None):
        return 0 if bound == "absent" else None
    return max(bound - counter_used(key, account, now), 0)


def least(*rooms):
    bounded = [room for room in rooms if room is not None]
    return min(bounded) if bounded else None


def layer_of(policy, name):
    """(kind, declaration)."""
    for kind in ("limits", "pools", "entitlements", "graces"):
        if name in policy.get(kind, {}):
            return kind, policy[kind][name]
    raise KeyError(name)


def room_of(policy, name, facts, accounts, now):
    """(what the layer has left, None without bound; its multiplier; whether it applies)."""
    kind, layer = layer_of(policy, name)
    owner = "user" if kind == "graces" else layer["per"][0]
    account = accounts.get(owner)
    rate = Fraction(row(layer.get("multiplier", "1"), facts))
    if account is None:
        return 0, rate, False
    if kind == "graces":
        key = f"{name}.grace|{facts.get('request.turn')}"
        state = account["windows"].get(key)
        eligible = facts.get("request.turn") is not None
        if "only_if" in layer:
            eligible = eligible and state is not None and now < state[2]
        return (allowance_room(layer, key, facts, accounts, account, now), rate, True) if eligible else (0, rate, False)
    if kind == "entitlements":
        valid = layer.get("valid", {"from": "1970-01-01T00:00:00Z", "until": "9999-01-01T00:00:00Z"})
        within = instant_from_text(valid["from"]) <= now < instant_from_text(valid["until"])
        room = allowance_room(layer["allowance"], f"{name}.allowance", facts, accounts, account, now)
        return room, rate, within
    if kind == "pools":
        usable = [lot for lot in account["pools"].get(name, ()) if lot[2] <= now < lot[3]]
        room = sum(lot[1] for lot in usable)
        if "overage" not in layer:
            return room, rate, True
        beyond = allowance_room(layer["overage"], f"{name}.overage", facts, accounts, account, now)
        return None if beyond is None else room + beyond, rate, True
    rooms = []
    for window in layer["windows"]:
        key = f"{name}.{window['window']}" + (f"|{facts['request.model']}" if len(layer["per"]) > 1 else "")
        used = used_of(window, key, layer, facts, account, now)
        capacity = amount(window["burst"] if "bucket" in window else row(layer["capacity"], facts)[window["window"]])
        if capacity is not None:
            rooms.append(max(floor(capacity * times(layer, now)) - used, 0))
    return least(*rooms), rate, True


def cap_room(policy, name, facts, accounts, now, drawn):
    """L8: what the cap lets through; `drawn` is what this request has drawn within it."""
    cap = policy["caps"][name]
    account = accounts.get(cap["per"][0])
    bound = bound_of(cap["up_to"], facts, accounts)
    if account is None or bound in ("absent", None):
        return None
    key = f"{name}.month" + (f"|{facts['request.model']}" if len(cap["per"]) > 1 else "")
    left = max(bound - counter_used(key, account, now) - drawn, 0)
    return None if left and cap.get("mode") == "finish_started" else left


def occupied(policy, waterfall, facts, accounts):
    for one in waterfall.get("occupy", []):
        one = {"concurrency": one} if isinstance(one, str) else one
        if one.get("when") and facts.get("user.bound") is None:
            continue
        most = int(row(policy["concurrencies"][one["concurrency"]]["at_most"], facts))
        state = accounts["user"]["windows"].get(f"{one['concurrency']}.holds")
        if state is not None and state[3] >= most:
            return True
    return False


def decide(policy, facts, accounts, now, only=None, max_charge=None):
    """(outcome, base, granted, {layer: (base, amount)})."""
    waterfall = policy["waterfalls"]["main"]
    base = base_amount(policy, facts, now)
    for guard in waterfall.get("guards", []):
        try:
            denied = condition(guard["when"], facts)
        except Error:
            denied = True
        if denied:
            return "deny", base, 0, {}
    if occupied(policy, waterfall, facts, accounts):
        return "deny", base, 0, {}
    if base == 0:
        return "allow", 0, 0, {}
    left, draws, stopped, capped, charged = base, {}, False, {}, 0
    for draw in waterfall["draw"]:
        draw = {"layer": draw} if isinstance(draw, str) else draw
        name = draw["layer"]
        kind, declared = layer_of(policy, name)
        room, rate, there = room_of(policy, name, facts, accounts, now)
        if accounts.get("user" if kind == "graces" else declared["per"][0]) is None:
            continue
        try:
            when = draw.get("when", "")
            if not condition(policy["lets"].get(when, when), facts):
                continue
            if any(condition(s["when"], facts) for s in declared.get("skips", [])):
                continue
        except Error:
            reaction = draw.get("on_error", waterfall["on_error"])
            if reaction == "skip":
                continue
            stopped = reaction == "deny"
            break
        if not there or (only is not None and name not in only):
            continue
        caps = draw.get("within", [])
        caps = [caps] if isinstance(caps, str) else caps
        whole = waterfall["fill"] == "whole"
        rooms = [cap_room(policy, cap, facts, accounts, now, 0 if whole else capped.get(cap, 0)) for cap in caps]
        is_charged = kind == "pools" and not declared["free"]
        chargeable = None if max_charge is None or not is_charged else max_charge - (0 if whole else charged)
        got, spent = covered(left, least(room, *rooms, chargeable), rate)
        if whole:
            draws[name] = (got, spent)
            if got == base:
                return "allow", base, base, {name: (got, spent)}
        elif got:
            draws[name] = (got, spent)
            for cap in caps:
                capped[cap] = capped.get(cap, 0) + spent
            charged += spent if is_charged else 0
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
