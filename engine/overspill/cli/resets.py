"""`reset`: windows of an account that begin anew, at once or when it likes."""

from __future__ import annotations

import click

from overspill.cli.groups import Commands
from overspill.cli.io import account_of
from overspill.cli.operation import first_operation, operation
from overspill.records.answers import Receipt
from overspill.runtime.engine import Engine
from overspill.words.anchors import ANCHORS, KEEP_ANCHOR


@click.group(cls=Commands)
def reset() -> None:
    """Reset a limit's windows for an account, grant it such a reset, or redeem one."""


@reset.command("now")
@click.argument("account")
@click.argument("limit")
@click.option("--id", "id_", required=True, help="The reset's name: the same again resets nothing more.")
@click.option(
    "--of", multiple=True, metavar="WINDOW", help="A window of the limit; more than one may be named. Otherwise all."
)
@click.option(
    "--anchor", type=click.Choice(ANCHORS), default=KEEP_ANCHOR, show_default=True, help="What becomes of their ends."
)
@click.option("--actor", default="operator", show_default=True, help="Who resets.")
@operation
def reset_now(
    engine: Engine, account: str, limit: str, id_: str, of: tuple[str, ...], anchor: str, actor: str
) -> Receipt:
    """Begin the windows of LIMIT anew for ACCOUNT (user/u_ana).

    \b
    overspill reset now user/u_ana plan_windows --id outage-7 --db x.db
    """
    return engine.reset(account_of(account), limit, id=id_, of=of or None, anchor=anchor, actor=actor)


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
