"""`reset`: resets that an account keeps and redeems."""

from __future__ import annotations

import click

from overspill.cli.io import account_of
from overspill.cli.operation import first_operation, operation
from overspill.records.answers import Receipt
from overspill.runtime.engine import Engine


@click.group()
def reset() -> None:
    """Grant a reset of a limit's windows to an account, or redeem one."""


@reset.command("grant")
@click.argument("account")
@click.argument("limit")
@click.option("--id", "id_", required=True, help="The reset's name: the same again grants nothing more.")
@click.option("--actor", default="operator", show_default=True, help="Who grants.")
@first_operation
def reset_grant(engine: Engine, account: str, limit: str, id_: str, actor: str) -> Receipt:
    """Let ACCOUNT (user/u_ana) reset the windows of LIMIT once, within the time that the policy states.

    \b
    overspill reset grant user/u_ana plan_windows --id R1 --db x.db
    """
    return engine.grant_reset(account_of(account), limit, id=id_, actor=actor)


@reset.command("redeem")
@click.argument("account")
@click.argument("limit")
@click.option("--id", "id_", required=True, help="Your key for this redemption: the same again redeems nothing more.")
@click.option("--actor", default="user", show_default=True, help="Who redeems.")
@operation
def reset_redeem(engine: Engine, account: str, limit: str, id_: str, actor: str) -> Receipt:
    """Redeem the reset of LIMIT that expires first.

    \b
    overspill reset redeem user/u_ana plan_windows --id now --db x.db
    """
    return engine.redeem(account_of(account), limit, id=id_, actor=actor)
