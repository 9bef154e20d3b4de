"""`schema`: for editors and whoever checks documents."""

from __future__ import annotations

import click

from overspill.cli.io import format_option, out

NAMES = ["policy", "request", "decision", "status", "explanation", "tests", "usage", "monetization", "balance"]


@click.command()
@click.argument("name", type=click.Choice(NAMES))
@format_option("json", default="json")
def schema(name: str, format_: str) -> int:
    """Print a JSON Schema."""
    from importlib.resources import files

    out((files("overspill_grammar") / "schemas" / f"{name}.schema.json").read_text("utf-8").rstrip("\n"))
    return 0
