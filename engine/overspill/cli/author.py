"""`check`, `fmt`, `test`, `schema`: for those who write policies."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from overspill.cli.io import colored, fault_object, format_option, out, out_json, read_input, say, sources
from overspill.words.diagnostics import Fault, Severity
from overspill.words.failures import Failure, PolicyFaults


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
@click.option("--check", "check_only", is_flag=True, help="Write nothing; exit 1 when a file is not formatted.")
@click.option("--diff", "show_diff", is_flag=True, help="Write nothing; print what would change.")
@click.option(
    "--stdin-filename", default="stdin.spill", show_default=True, help="What - is called, and which surface it is."
)
@format_option("text", "json")
def fmt(paths: tuple[str, ...], check_only: bool, show_diff: bool, stdin_filename: str, format_: str) -> int:
    """Format policy files in place; - formats stdin to stdout."""
    if not paths:
        raise click.UsageError("name policy files, folders, or -")
    changed = []
    for path in _files(paths):
        before = read_input(path)
        name = stdin_filename if path == "-" else path
        after = _formatted(name, before)
        if path == "-" and not (check_only or show_diff):
            sys.stdout.buffer.write(after)
        elif before != after:
            changed.append(name)
            _changed(name, before, after, check_only, show_diff)
    if format_ == "json":
        out_json({"changed": changed})
    elif changed and not show_diff:
        say("\n".join(f"{'would format' if check_only else 'formatted'} {name}" for name in changed))
    return 1 if changed and (check_only or show_diff) else 0


def _files(paths: tuple[str, ...]) -> list[str]:
    """Folders as the policy files in them."""
    from overspill.runtime.policies import ENDINGS

    found: list[str] = []
    for path in paths:
        folder = Path(path)
        if path != "-" and folder.is_dir():
            found += [str(entry) for entry in sorted(folder.rglob("*")) if entry.name.endswith(ENDINGS)]
        else:
            found.append(path)
    return found


def _formatted(name: str, data: bytes) -> bytes:
    from overspill.syntax.print_dsl import format_dsl
    from overspill.syntax.print_yaml import format_yaml
    from overspill.syntax.read import is_yaml, read

    file, faults = read(name, data)
    if file is None:
        raise PolicyFaults(faults)
    return (format_yaml if is_yaml(name) else format_dsl)(file).encode()


def _changed(name: str, before: bytes, after: bytes, check_only: bool, show_diff: bool) -> None:
    if show_diff:
        from difflib import unified_diff

        old, new = before.decode().splitlines(keepends=True), after.decode().splitlines(keepends=True)
        sys.stdout.writelines(unified_diff(old, new, name, f"{name} (formatted)"))
    elif not check_only:
        try:
            Path(name).write_bytes(after)
        except OSError as error:
            raise Failure("unwritable", f"{name}: {error.strerror}", help="check its permissions") from None


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
