"""`grant`, `account`, `sweep`: what operators put in, set, look at and write down."""

from __future__ import annotations

import json
import re

import click

from overspill.cli.groups import Commands
from overspill.cli.io import (
    account_of,
    existing_db_option,
    format_option,
    out,
    out_json,
    out_lines,
    pairs,
    policy_option,
    read_input,
)
from overspill.cli.operation import first_operation
from overspill.plan.plan import Instant, Plan
from overspill.plan.shapes import CATEGORIES
from overspill.records.answers import Receipt
from overspill.records.pages import lines
from overspill.records.wire import request_from_json
from overspill.runtime.engine import Engine
from overspill.step.commands import Value
from overspill.step.keys import owner_of
from overspill.store.opened import opened
from overspill.words.failures import Failure


@click.command()
@click.argument("account")
@click.argument("pool")
@click.argument("amount")
@click.option("--id", "id_", required=True, help="The lot's name: the same again grants nothing more.")
@click.option("--effective", help="RFC 3339 in UTC; otherwise from now on.")
@click.option("--expires", help="RFC 3339 in UTC; otherwise as the pool says.")
@click.option("--cost", help='What was paid for it: "9.99 usd".')
@click.option("--priority", type=int, default=0, show_default=True, help="Low is drawn first.")
@click.option(
    "--category", type=click.Choice(CATEGORIES), default="paid", show_default=True, help="What kind of credit it is."
)
@click.option("--actor", default="operator", show_default=True, help="Who grants.")
@first_operation
def grant(
    engine: Engine,
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
) -> Receipt:
    """Put a lot of AMOUNT into POOL of ACCOUNT (user/u_ana).

    \b
    overspill grant user/u_ana credits 50 --id C1 --db x.db
    """
    return engine.grant(
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


@click.group(cls=Commands)
def account() -> None:
    """Look at an account, or set its attributes."""


@account.command("set")
@click.argument("name", metavar="ACCOUNT")
@click.argument("attributes", nargs=-1, required=True, metavar="NAME=VALUE…")
@click.option("--id", "id_", required=True, help="Your key for this change.")
@click.option("--actor", default="operator", show_default=True, help="Who sets it.")
@first_operation
def account_set(engine: Engine, name: str, attributes: tuple[str, ...], id_: str, actor: str) -> Receipt:
    """Set attributes of ACCOUNT; an empty value makes one absent.

    \b
    overspill account set user/u_ana plan=plus --id signup --db x.db
    """
    target = account_of(name)
    kind = next(iter(target))
    plan = engine.policies.active().plan
    values = {key: attribute_value(plan, kind, key, text) for key, text in pairs(attributes).items()}
    return engine.set_attributes(target, values, id=id_, actor=actor)


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
            raise Failure(
                "invalid_attribute", f"`{name}` is true or false, not `{text[:40]}`", help="write one of them"
            )
        return text == "true"
    if re.fullmatch("-?[0-9]{1,19}", text) is None:
        message = f"`{name}` is a whole number, not `{text[:40]}`"
        raise Failure("invalid_attribute", message, help="write it in digits")
    return int(text)


@account.command("show")
@click.argument("names", metavar="ACCOUNT…", nargs=-1, required=True)
@click.option("--request", "asked", metavar="FILE", help="A request, as JSON: what would it use now? - for stdin.")
@policy_option
@existing_db_option
@format_option("text", "json")
def account_show(names: tuple[str, ...], asked: str | None, policy: str, db: str, format_: str) -> int:
    """Show accounts as a decision would meet them now: windows, lots in draw order, what is available, what changes next.

    Name the accounts that ask together, one of each kind.

    \b
    overspill account show user/u_ana --db x.db
    overspill account show user/u_ana workspace/w_1 --request r.json --db x.db
    """
    target: dict[str, str] = {}
    for name in names:
        for kind, id in account_of(name).items():
            if target.setdefault(kind, id) != id:
                raise Failure("wrong_account", f"two accounts are a `{kind[:64]}`", help="show one after the other")
    request = None if asked is None else request_from_json(read_input(asked), name=asked)
    with Engine.open(policy, db=db) as engine:
        status = engine.status(target, request)
    if format_ == "json":
        out(status.json.decode())
    else:
        for line in lines(json.loads(status.json)):
            out(line)
    return 0


@account.command("statement")
@click.argument("name", metavar="ACCOUNT")
@click.option("--since", metavar="INSTANT", help="From this instant on; otherwise from the beginning.")
@click.option(
    "--as-of", metavar="INSTANT", help="Up to this instant, itself not included; otherwise all that is settled."
)
@existing_db_option
@format_option("text", "json", "csv")
def account_statement(name: str, since: str | None, as_of: str | None, db: str, format_: str) -> int:
    """What ACCOUNT's pools had, every entry in order with its decision, and what they have then.

    It is read from what is settled; what is captured and waits to be settled stands apart, at the end. CSV has the entries
    alone, each with the balance behind it. No policy is needed.

    \b
    overspill account statement user/u_ana --since 2026-10-01T00:00:00Z --as-of 2026-11-01T00:00:00Z --db x.db
    """
    from overspill.records.statement import StatementEntry
    from overspill.records.statement import lines as statement_lines
    from overspill.runtime.statements import statement
    from overspill.words.csv_text import csv_lines

    store = opened(db)
    try:
        found = statement(store, "default", owner_of(account_of(name)), since, as_of)
    finally:
        store.close()
    if format_ == "json":
        out_json(found)
    elif format_ == "csv":
        out_lines(csv_lines(StatementEntry, found.entries))
    else:
        for line in statement_lines(found):
            out(line)
    return 0
