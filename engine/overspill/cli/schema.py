"""`schema`: for editors and whoever checks documents."""

from __future__ import annotations

import click

from overspill.cli.io import format_option, out

NAMES = [
    "policy",
    "request",
    "decision",
    "status",
    "explanation",
    "tests",
    "usage",
    "monetization",
    "balance",
    "transaction",
    "export",
    "statement",
]


@click.command()
@click.argument("name", metavar="NAME", type=click.Choice(NAMES))
@format_option("json", "text", default="json")
def schema(name: str, format_: str) -> int:
    """Print the JSON Schema NAME: policy, request, decision, status, explanation, tests, usage, monetization,
    balance, transaction, export or statement.

    It is JSON in either format.

    \b
    overspill schema policy > policy.schema.json
    """
    from importlib.resources import files

    out((files("overspill_grammar") / "schemas" / f"{name}.schema.json").read_text("utf-8").rstrip("\n"))
    return 0
