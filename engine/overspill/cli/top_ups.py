"""`top-up`: what accounts agree to buy by themselves, what is being bought, and what became of it."""

from __future__ import annotations

import click

from overspill.account.purchases import ABANDONED, DECLINED, PENDING, SUCCEEDED
from overspill.cli.groups import Commands
from overspill.cli.io import account_of, existing_db_option, format_option, out, out_json, policy_option
from overspill.cli.operation import first_operation, operation
from overspill.records.answers import Receipt
from overspill.runtime.engine import Engine


@click.group("top-up", cls=Commands)
def top_up() -> None:
    """Agree to buy by itself, see what is being bought, say what became of it."""


@top_up.command("set")
@click.argument("account")
@click.argument("pool")
@click.option("--minimum", required=True, help="Below this balance something is bought.")
@click.option("--target", required=True, help="Up to this balance.")
@click.option("--monthly-maximum", help="At most so much a calendar month in UTC; otherwise no maximum.")
@click.option("--on/--off", "enabled", required=True, help="Whether anything is bought.")
@click.option("--id", "id_", required=True, help="Your key for this change.")
@click.option("--actor", required=True, help="Who agrees.")
@first_operation
def top_up_set(
    engine: Engine,
    account: str,
    pool: str,
    minimum: str,
    target: str,
    monthly_maximum: str | None,
    enabled: bool,
    id_: str,
    actor: str,
) -> Receipt:
    """Set what ACCOUNT (user/u_ana) agrees to for POOL, as a whole: it takes the place of what was set before.

    \b
    overspill top-up set user/u_ana credits --minimum 5 --target 20 --on --id t1 --actor user/u_ana --db x.db
    """
    return engine.set_top_up(
        account_of(account),
        pool,
        id=id_,
        enabled=enabled,
        minimum=minimum,
        target=target,
        monthly_maximum=monthly_maximum,
        actor=actor,
    )


@top_up.command("list")
@policy_option
@existing_db_option
@format_option("text", "json")
def top_up_list(policy: str, db: str, format_: str) -> int:
    """List the purchases that are open, one a line; what time alone has made due is tested before."""
    with Engine.open(policy, db=db) as engine:
        for intent in engine.open_purchases():
            if format_ == "json":
                out_json(intent)
            else:
                bought = f"{intent.amount} {intent.unit} for {intent.money} {intent.currency}"
                out(f"{intent.id}  {intent.account}  {intent.pool}: {bought}, since {intent.at}")
    return 0


@top_up.command("resolve")
@click.argument("purchase")
@click.argument("outcome", type=click.Choice((SUCCEEDED, PENDING, DECLINED, ABANDONED)))
@click.option("--receipt", default="", help="The payment provider's id of the payment, where it succeeded.")
@click.option("--detail", default="", help="What the provider said.")
@click.option("--actor", default="operator", show_default=True, help="Who says so.")
@operation
def top_up_resolve(engine: Engine, purchase: str, outcome: str, receipt: str, detail: str, actor: str) -> Receipt:
    """Say what became of PURCHASE. The same again changes nothing.

    \b
    overspill top-up resolve pur_… succeeded --receipt ch_1 --db x.db
    """
    return engine.resolve_purchase(purchase, outcome, receipt=receipt, detail=detail, actor=actor)
