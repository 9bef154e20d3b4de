"""`check`, `test`, `schema`: for those who write policies."""

from __future__ import annotations

import sys

import click

from overspill.cli.io import colored, fault_object, format_option, out, out_json, say, sources
from overspill.words.diagnostics import Fault, Severity
from overspill.words.failures import PolicyFaults


@click.command()
@click.argument("paths", nargs=-1, metavar="PATH…")
@click.option(
    "--stdin-filename", default="stdin.spill", show_default=True, help="What - is called, and which surface it is."
)
@format_option("text", "json")
def check(paths: tuple[str, ...], stdin_filename: str, format_: str) -> int:
    """Find all faults of a bundle: files, folders or - together. Exit 1 when there is an error.

    \b
    overspill check policies/
    overspill check - < access.spill
    """
    from overspill.runtime.policies import checked_of

    if not paths:
        raise click.UsageError("name a policy file, a folder, or -")
    files = sources(paths, stdin_filename)
    try:
        checked = checked_of(files)
        faults, digest = checked.faults, checked.rules.digest if checked.rules else None
    except PolicyFaults as failure:
        faults, digest = failure.faults, None
    _report(faults, digest, format_)
    return 1 if digest is None else 0


def _report(faults: tuple[Fault, ...], digest: str | None, format_: str) -> None:
    if format_ == "json":
        out_json({"digest": digest, "faults": [fault_object(fault) for fault in faults]})
        return
    if faults:
        from overspill.syntax.frame import render

        sys.stdout.write(render(faults, colored(sys.stdout)))
    errors = sum(fault.severity is Severity.ERROR for fault in faults)
    others = len(faults) - errors
    counts = f"{errors} error{'s' * (errors != 1)}, {others} hint{'s' * (others != 1)}"
    say(counts if digest is None else f"{counts}; {digest[:19]}…")


@click.command()
@click.argument("paths", nargs=-1, metavar="PATH…")
@click.option("--filter", "filter_", default="", help="Only cases whose name holds this.")
@format_option("text", "json")
def test(paths: tuple[str, ...], filter_: str, format_: str) -> int:
    """Run *.test.yaml files: cases of requests against a policy. Exit 1 when one fails.

    Without PATH the shipped policies' own tests are run.
    """
    from overspill.cli.run_tests import run_files

    results = run_files(paths, filter_)
    failed = [result for result in results if result.problems]
    if format_ == "json":
        out_json([result.as_json() for result in results])
    else:
        for result in failed:
            out(f"✗ {result.file}: {result.case}")
            for problem in result.problems:
                out(f"    {problem}")
    say(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


@click.command()
@click.argument("name", type=click.Choice(["policy", "request", "decision", "tests"]))
@format_option("json", default="json")
def schema(name: str, format_: str) -> int:
    """Print a JSON Schema."""
    from importlib.resources import files

    out((files("overspill_grammar") / "schemas" / f"{name}.schema.json").read_text("utf-8").rstrip("\n"))
    return 0
