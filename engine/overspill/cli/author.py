"""`fmt`, `schema`: for those who write policies."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from overspill.cli.io import format_option, out, out_json, read_input, say, stdin_name_option, write_file
from overspill.words.failures import PolicyFaults


@click.command()
@click.argument("paths", nargs=-1, metavar="PATH…")
@click.option("--check", "check_only", is_flag=True, help="Write nothing; exit 1 when a file is not formatted.")
@click.option("--diff", "show_diff", is_flag=True, help="Write nothing; print what would change.")
@stdin_name_option
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
    from overspill.runtime.bundles import ENDINGS

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
        write_file(Path(name), after)


@click.command()
@click.argument("name", type=click.Choice(["policy", "request", "decision", "tests"]))
@format_option("json", default="json")
def schema(name: str, format_: str) -> int:
    """Print a JSON Schema."""
    from importlib.resources import files

    out((files("overspill_grammar") / "schemas" / f"{name}.schema.json").read_text("utf-8").rstrip("\n"))
    return 0
