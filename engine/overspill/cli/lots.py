"""`void`, `refund`, `transfer`: what becomes of a lot beside being drawn."""

from __future__ import annotations

import click

from overspill.cli.io import account_of
from overspill.cli.operation import operation
from overspill.records.answers import Receipt
from overspill.runtime.engine import Engine


@click.command()
@click.argument("account")
@click.argument("pool")
@click.argument("lot")
@click.option("--id", "id_", required=True, help="Your key: the same again changes nothing.")
@click.option("--actor", default="operator", show_default=True, help="Who voids it.")
@operation
def void(engine: Engine, account: str, pool: str, lot: str, id_: str, actor: str) -> Receipt:
    """Take away what is left of LOT in POOL of ACCOUNT (user/u_ana).

    \b
    overspill void user/u_ana credits C1 --id v1 --db x.db
    """
    return engine.void(account_of(account), pool, lot, id=id_, actor=actor)


@click.command()
@click.argument("account")
@click.argument("pool")
@click.argument("lot")
@click.option("--id", "id_", required=True, help="Your key: the same again changes nothing.")
@click.option("--actor", default="operator", show_default=True, help="Who refunds it.")
@operation
def refund(engine: Engine, account: str, pool: str, lot: str, id_: str, actor: str) -> Receipt:
    """Take away what is left of LOT in POOL of ACCOUNT, and tell what of the money paid for it is due back.

    \b
    overspill refund user/u_ana credits C1 --id f1 --db x.db
    """
    return engine.refund(account_of(account), pool, lot, id=id_, actor=actor)


@click.command()
@click.argument("account")
@click.argument("pool")
@click.argument("lot")
@click.argument("to")
@click.option("--id", "id_", required=True, help="Your key: the same again changes nothing.")
@click.option("--amount", help="How much of it; otherwise all that is left.")
@click.option("--actor", default="operator", show_default=True, help="Who transfers it.")
@operation
def transfer(
    engine: Engine, account: str, pool: str, lot: str, to: str, id_: str, amount: str | None, actor: str
) -> Receipt:
    """Make LOT in POOL of ACCOUNT a lot of the account TO, with the same end.

    \b
    overspill transfer user/u_ana credits C1 user/u_bob --amount 5 --id t1 --db x.db
    """
    return engine.transfer(account_of(account), pool, lot, account_of(to), id=id_, amount=amount, actor=actor)
