"""`reset`: resets that an account keeps and redeems."""

from __future__ import annotations

import click

from overspill.cli.decide import _receipt
from overspill.cli.io import account_of, existing_db_option, format_option, policy_option
from overspill.runtime.engine import Engine


@click.group()
def reset() -> None:
    """Grant a reset of a limit's windows to an account, or redeem one."""


@reset.command("grant")
@click.argument("account")
@click.argument("limit")
@click.option("--id", "id_", required=True, help="The reset's name: the same again grants nothing more.")
@click.option("--actor", default="operator", show_default=True, help="Who grants.")
@policy_option
@existing_db_option
@format_option("json", "text", default="json")
def reset_grant(account: str, limit: str, id_: str, actor: str, policy: str, db: str, format_: str) -> int:
    """Let ACCOUNT (user/u_ana) reset the windows of LIMIT once, within the time that the policy states.

    \b
    overspill reset grant user/u_ana plan_windows --id R1 --db x.db
    """
    with Engine.open(policy, db=db) as engine:
        _receipt(engine.grant_reset(account_of(account), limit, id=id_, actor=actor), format_)
    return 0


@reset.command("redeem")
@click.argument("account")
@click.argument("limit")
@click.option("--id", "id_", required=True, help="Your key for this redemption: the same again redeems nothing more.")
@click.option("--actor", default="user", show_default=True, help="Who redeems.")
@policy_option
@existing_db_option
@format_option("json", "text", default="json")
def reset_redeem(account: str, limit: str, id_: str, actor: str, policy: str, db: str, format_: str) -> int:
    """Redeem the reset of LIMIT that expires first.

    \b
    overspill reset redeem user/u_ana plan_windows --id now --db x.db
    """
    with Engine.open(policy, db=db) as engine:
        _receipt(engine.redeem(account_of(account), limit, id=id_, actor=actor), format_)
    return 0
