"""An account's page → lines for people. Made from the page's own JSON alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from overspill.records.sentences import explain

Object = Mapping[str, Any]
_CHANGES = {
    "window_ends": "ends",
    "use_leaves": "use leaves it",
    "refills": "refills",
    "capacity_changes": "its capacity changes",
    "reset": "is reset",
    "begins": "begins",
    "ends": "ends",
    "lot_usable": "becomes usable",
    "lot_expires": "expires",
    "hold_expires": "expires",
    "banked_reset_expires": "expires",
    "top_up_tested": "is tested again",
}


def lines(status: Object) -> Iterator[str]:
    """Account by account; then the decision on the request that was asked about."""
    for account in status["accounts"]:
        yield f"{account['account']}  version {account['version']}"
        for name, value in account["attributes"].items():
            yield f"  {name} = {_plain(value)}"
        for counter in (*account["windows"], *account["counters"]):
            yield f"  {_counter(counter)}"
        for pool in account["pools"]:
            yield from _pool(pool)
        for one in account["top_ups"]:
            yield from _top_up(one)
        for one in account["banked_resets"]:
            until = f"until {one['expires_at'] or 'ever'}" if one["usable"] else f"expired {one['expires_at']}"
            yield f"  reset {one['reset']} of {one['limit']}: {until}"
        for hold in account["holds"]:
            yield f"  hold {hold['hold']} for {hold['request']} until {hold['expires_at'] or 'ever'}"
        if account["next_change"] is not None:
            change = account["next_change"]
            yield f"  next change at {change['at']}: {change['of']} {_what(change)}"
    if status["decision"] is not None:
        yield "would be decided now:"
        yield from explain(status["decision"])


def _counter(counter: Object) -> str:
    held = f", {counter['held']} of it held" if counter["held"] != "0" else ""
    limit = counter["limit"]
    bound = (
        f" of {limit}" if limit is not None else "" if not counter["unknown"] else f" of what {_and(counter)} decides"
    )
    begun = "" if counter["open"] else ", not begun"
    outside = "" if counter["in_force"] else ", not in force"
    change = counter["next_change"]
    ends = "" if change is None else f", {_what(change)} {change['at']}"
    warning = "" if counter["warning"] is None else f", {counter['warning']}% reached"
    state = f"{held}{warning}{begun}{outside}{ends}"
    return f"{counter['kind']} {counter['key']}: {counter['used']}{bound} {counter['unit']} used{state}"


def _and(counter: Object) -> str:
    return " and ".join(counter["unknown"])


def _what(change: Object) -> str:
    return _CHANGES[change["what"]]


def _pool(pool: Object) -> Iterator[str]:
    parts = ("settled", "pending", "held", "available")
    numbers = ", ".join(f"{pool[part]} {part}" for part in parts)
    more = [
        f"{pool[part]} {word}" for part, word in (("not_usable", "not usable"), ("debt", "owed")) if pool[part] != "0"
    ]
    yield f"  pool {pool['pool']}: {', '.join([numbers, *more])} ({pool['unit']})"
    for lot in pool["lots"]:
        until = f", until {lot['expires_at']}" if lot["expires_at"] else ""
        held = f", {lot['held']} held" if lot["held"] != "0" else ""
        usable = "" if lot["usable"] else ", not usable"
        yield f"    lot {lot['lot']}: {lot['left']} of {lot['granted']}{held} ({lot['category']}{until}{usable})"


def _top_up(one: Object) -> Iterator[str]:
    unit, purchase = one["unit"], one["purchase"]
    state = "on" if one["enabled"] else "off"
    most = "" if one["monthly_maximum"] is None else f", {one['monthly_maximum']} {unit} a month at most"
    said = f"by {one['actor']} at {one['agreed_at']}"
    yield f"  top-up {one['pool']}: {state}, below {one['minimum']} {unit} up to {one['target']} {unit}{most} ({said})"
    if purchase is not None:
        bought = f"{purchase['amount']} {unit} for {purchase['money']} {purchase['currency']}"
        yield f"    purchase {purchase['purchase']}: {bought}, {purchase['state']}"
    if one["reason"] is not None:
        wait = "" if one["retry_at"] is None else f" until {one['retry_at']}"
        yield f"    nothing is bought: {one['reason']}{wait}"


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
