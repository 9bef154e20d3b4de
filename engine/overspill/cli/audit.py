"""`explain`, `diff`: why, and what a policy change changes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from overspill.cli.io import existing_db_option, format_option, out, out_json, policy_option, sources
from overspill.records.sentences import lines
from overspill.runtime.engine import Engine
from overspill.store.opened import named
from overspill.words.failures import Failure, PolicyFaults

if TYPE_CHECKING:
    from overspill.review.diff import Side


@click.command()
@click.argument("id_", metavar="ID")
@policy_option
@existing_db_option
@format_option("text", "json")
def explain(id_: str, policy: str, db: str, format_: str) -> int:
    """Say why: ID is a decision, hold, capture, release or grant.

    For a decision, and for what a capture draws beyond its hold, each pool's lots are shown in the order that they are
    drawn in, with the key that decided each neighbour.
    """
    with Engine.open(policy, db=db) as engine:
        found = engine.explain(id_)
    if found is None:
        raise Failure(
            "unknown_id",
            f"{named(db)} has no record of `{id_[:80]}`",
            help="ids begin with dec_, hold_, cap_, grt_ …",
        )
    if format_ == "json":
        out(found.json.decode())
        return 0
    explanation = json.loads(found.json)
    answer = explanation["answer"]
    for line in lines(answer, explanation["candidates"]):
        out(line)
    if explanation["build"] is not None:
        build = explanation["build"]
        out(f"  by overspill {build['overspill']}, kernel {build['kernel'][7:15]}, tzdata {build['tzdata']}")
    if drift := explanation["drift"]:
        out(f"  while the wall clock stood {abs(drift) / 1_000_000:.1f} s {'ahead' if drift > 0 else 'behind'}")
    return 0


def _side(path: str) -> Side:
    """One of two policies. Raises PolicyFaults for one that does not check: it means nothing yet."""
    from overspill.cli.check import gathered
    from overspill.review.diff import read_side
    from overspill.runtime.policies import checked_of

    files = gathered((path,)).files
    checked = checked_of(files, lints=False)
    if checked.rules is None:
        raise PolicyFaults(checked.faults)
    return read_side(files if path == "-" else sources((path,)))


@click.command()
@click.argument("old")
@click.argument("new")
@click.option("--exit-code", is_flag=True, help="Exit with 1 when the meaning differs.")
@format_option("text", "json")
def diff(old: str, new: str, exit_code: bool, format_: str) -> int:
    """What changes in meaning between the policies OLD and NEW (files, folders or shipped names), which both check."""
    from overspill.review.diff import compare

    before, after = _side(old), _side(new)
    changes = compare(before, after)
    if format_ == "json":
        out_json(
            {
                "old": before.digest,
                "new": after.digest,
                "same_meaning": before.digest == after.digest,
                "changes": [change._asdict() for change in changes],
            }
        )
    elif not changes:
        out(f"no change of meaning  {after.digest[:19]}…")
    else:
        for change in changes:
            out(change.text())
    return 1 if changes and exit_code else 0
