"""`grant`, `account`, `sweep`: what operators put in, set, look at and write down."""

from __future__ import annotations

from typing import Any

import click

from overspill.account.state import Account
from overspill.cli.decide import _receipt
from overspill.cli.io import account_of, existing_db_option, format_option, out, out_json, pairs, policy_option
from overspill.plan.plan import Input, Instant, Plan
from overspill.plan.shapes import (
    CATEGORIES,
    LOT_AMOUNT,
    LOT_CATEGORY,
    LOT_EXPIRES_AT,
    LOT_GRANTED_AT,
    LOT_ID,
    LOT_LEFT,
    LOT_PRIORITY,
    Attribute,
)
from overspill.runtime.engine import Engine
from overspill.step.commands import Value
from overspill.words.amounts import text_from_steps
from overspill.words.failures import Failure
from overspill.words.instants import NEVER, instant_text


@click.command()
@click.argument("account")
@click.argument("pool")
@click.argument("amount")
@click.option("--id", "id_", required=True, help="The lot's name: the same again grants nothing more.")
@click.option("--effective", help="RFC 3339 in UTC; otherwise from now on.")
@click.option("--expires", help="RFC 3339 in UTC; otherwise as the pool says.")
@click.option("--cost", help='What was paid for it: "9.99 usd".')
@click.option("--priority", type=int, default=0, show_default=True, help="Low is drawn first.")
@click.option("--category", type=click.Choice(CATEGORIES), default="paid", show_default=True)
@click.option("--actor", default="operator", show_default=True, help="Who grants.")
@policy_option
@existing_db_option
@format_option("json", "text", default="json")
def grant(
    account: str,
    pool: str,
    amount: str,
    id_: str,
    effective: str | None,
    expires: str | None,
    cost: str | None,
    priority: int,
    category: str,
    actor: str,
    policy: str,
    db: str,
    format_: str,
) -> int:
    """Put a lot of AMOUNT into POOL of ACCOUNT (user/u_ana).

    \b
    overspill grant user/u_ana credits 50 --id C1 --db x.db
    """
    with Engine.open(policy, db=db) as engine:
        receipt = engine.grant(
            account_of(account),
            pool,
            amount,
            id=id_,
            expires_at=expires,
            priority=priority,
            category=category,
            effective_at=effective,
            cost=cost,
            actor=actor,
        )
    _receipt(receipt, format_)
    return 0


@click.command()
@policy_option
@existing_db_option
@format_option("text", "json")
def sweep(policy: str, db: str, format_: str) -> int:
    """Write down what has ended by itself and nobody has met yet: lots that expired, holds that timed out."""
    with Engine.open(policy, db=db) as engine:
        count = engine.sweep()
    if format_ == "json":
        out_json({"entries": count})
    else:
        out(f"{count} {'entry' if count == 1 else 'entries'} written")
    return 0


@click.group()
def account() -> None:
    """Look at an account, or set its attributes."""


@account.command("set")
@click.argument("name", metavar="ACCOUNT")
@click.argument("attributes", nargs=-1, required=True, metavar="NAME=VALUE…")
@click.option("--id", "id_", required=True, help="Your key for this change.")
@click.option("--actor", default="operator", show_default=True, help="Who sets it.")
@policy_option
@existing_db_option
@format_option("json", "text", default="json")
def account_set(
    name: str, attributes: tuple[str, ...], id_: str, actor: str, policy: str, db: str, format_: str
) -> int:
    """Set attributes of ACCOUNT; an empty value makes one absent.

    \b
    overspill account set user/u_ana plan=plus --id signup --db x.db
    """
    target = account_of(name)
    kind = next(iter(target))
    with Engine.open(policy, db=db) as engine:
        plan = engine.policies.active().plan
        values = {key: attribute_value(plan, kind, key, text) for key, text in pairs(attributes).items()}
        _receipt(engine.set_attributes(target, values, id=id_, actor=actor), format_)
    return 0


def attribute_value(plan: Plan, kind: str, name: str, text: str) -> Value | None:
    """An attribute's text as its declaration types it; accounts that one is a member of are ids with commas."""
    if text == "":
        return None
    if any(many.name == name and many.of == kind for many in plan.many):
        return tuple(text.split(","))
    declared = next((found.attributes.get(name) for found in (*plan.kinds, *plan.many) if found.name == kind), None)
    if declared is None or declared.unit is not None or declared.type in (str, Instant):
        return text
    if declared.type is bool:
        if text not in ("true", "false"):
            raise Failure("invalid_attribute", f"`{name}` is true or false, not `{text[:40]}`")
        return text == "true"
    if not text.lstrip("-").isdigit() or len(text) > 19:
        raise Failure("invalid_attribute", f"`{name}` is a whole number, not `{text[:40]}`")
    return int(text)


@account.command("show")
@click.argument("name", metavar="ACCOUNT")
@policy_option
@existing_db_option
@format_option("text", "json")
def account_show(name: str, policy: str, db: str, format_: str) -> int:
    """Show ACCOUNT: attributes, windows, lots in draw order, open holds."""
    with Engine.open(policy, db=db) as engine:
        shown = account_view(engine, account_of(name))
    if format_ == "json":
        out_json(shown)
    else:
        _print(shown)
    return 0


def account_view(engine: Engine, target: dict[str, str]) -> dict[str, Any]:
    """An account's state as JSON: amounts as decimal text with their unit, instants as text."""
    plan = engine.policies.active().plan
    state = engine.account(target)
    scales = _scales(plan)
    return {
        "account": "/".join(next(iter(target.items()))),
        "version": state.version,
        "attributes": _attributes(plan, target, state),
        "windows": {key: _window(key, state, engine.now(), scales) for key in sorted(state.windows)},
        "pools": {key: _pool(key, state, engine.now(), scales) for key in sorted(state.pools)},
        "debts": {key: _amount(key, owed, scales) for key, owed in sorted(state.debts.items())},
        "banked_resets": {
            limit: [{"reset": id, "expires_at": _end(expires_at)} for id, _, expires_at in resets]
            for limit, resets in sorted(state.banked.items())
            if resets
        },
        "holds": [
            {"hold": hold.id, "request": hold.request, "expires_at": _end(hold.expires_at)}
            for hold in state.holds.values()
            if hold.open
        ],
    }


def _attributes(plan: Plan, target: dict[str, str], state: Account) -> dict[str, Any]:
    """As they were sent: amounts as decimal text, instants as theirs."""
    declared = next((kind.attributes for kind in (*plan.kinds, *plan.many) if kind.name in target), {})
    return {name: _shown(declared.get(name), value) for name, value in state.attributes.items()}


def _shown(declared: Input | None, value: Attribute) -> object:
    if declared is None or type(value) is not int:
        return value
    if declared.type is Instant:
        return instant_text(value)
    return value if declared.unit is None else f"{text_from_steps(value, declared.unit.scale)} {declared.unit.name}"


def _end(instant: int) -> str | None:
    """None for never."""
    return None if instant == NEVER else instant_text(instant)


def _scales(plan: Plan) -> dict[str, tuple[int, str]]:
    """Limit or pool → (scale, unit)."""
    found = {pool.name: (pool.unit.scale, pool.unit.name) for pool in plan.pools.values()}
    for waterfall in plan.waterfalls:
        found |= {layer.name: (layer.unit.scale, layer.unit.name) for layer in waterfall.layers}
    return found


def _window(key: str, state: Account, now: int, scales: dict[str, tuple[int, str]]) -> dict[str, Any]:
    scale, unit = scales.get(key.split(".")[0], (0, "steps"))
    generation, _, ends_at, used, *_ = state.windows[key]
    return {
        "generation": generation,
        "used": text_from_steps(used, scale),
        "unit": unit,
        "open": now < ends_at,
        "ends_at": _end(ends_at),
    }


def _amount(key: str, steps: int, scales: dict[str, tuple[int, str]]) -> str:
    scale, unit = scales.get(key.split("|")[0], (0, "steps"))
    return f"{text_from_steps(steps, scale)} {unit}"


def _pool(key: str, state: Account, now: int, scales: dict[str, tuple[int, str]]) -> dict[str, Any]:
    scale, unit = scales.get(key.split("|")[0], (0, "steps"))
    lots = state.pools[key]
    usable = sum(lot[LOT_LEFT] for lot in lots if lot[LOT_GRANTED_AT] <= now < lot[LOT_EXPIRES_AT])
    return {
        "available": text_from_steps(usable, scale),
        "unit": unit,
        "lots": [
            {
                "lot": lot[LOT_ID],
                "left": text_from_steps(lot[LOT_LEFT], scale),
                "of": text_from_steps(lot[LOT_AMOUNT], scale),
                "priority": lot[LOT_PRIORITY],
                "category": CATEGORIES[lot[LOT_CATEGORY]],
                "expires_at": _end(lot[LOT_EXPIRES_AT]),
            }
            for lot in lots
        ],
    }


def _print(shown: dict[str, Any]) -> None:
    out(f"{shown['account']}  version {shown['version']}")
    for name, value in shown["attributes"].items():
        out(f"  {name} = {value}")
    for key, window in shown["windows"].items():
        state = f"until {window['ends_at'] or 'ever'}" if window["open"] else f"ended {window['ends_at']}"
        out(f"  window {key}: {window['used']} {window['unit']} used, {state}")
    for key, pool in shown["pools"].items():
        out(f"  pool {key}: {pool['available']} {pool['unit']} available")
        for lot in pool["lots"]:
            until = f", until {lot['expires_at']}" if lot["expires_at"] else ""
            out(f"    lot {lot['lot']}: {lot['left']} of {lot['of']} ({lot['category']}{until})")
    for hold in shown["holds"]:
        out(f"  hold {hold['hold']} for {hold['request']} until {hold['expires_at']}")
