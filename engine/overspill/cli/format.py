"""`fmt` and `convert`: policy files in the one style, in the surface they are in or in the other one."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING

import click

from overspill.cli.io import format_option, out_json, read_input, report, report_json, say, write_file
from overspill.words.failures import Failure, PolicyFaults

if TYPE_CHECKING:
    from overspill.syntax.format import Surface
    from overspill.words.diagnostics import Fault

_stdin_option = click.option(
    "--stdin-filename", default="stdin.spill", show_default=True, help="What - is called, and which surface it is."
)


@click.command()
@click.argument("paths", nargs=-1, metavar="PATH…")
@click.option("--check", "check_only", is_flag=True, help="Write nothing; exit 1 when a file is not formatted.")
@click.option("--diff", "show_diff", is_flag=True, help="Write nothing; print what would change; exit 1 like --check.")
@_stdin_option
@format_option("text", "json")
def fmt(paths: tuple[str, ...], check_only: bool, show_diff: bool, stdin_filename: str, format_: str) -> int:
    """Format policy files in place; - formats stdin to stdout. A file with faults is left as it is: exit 2.

    \b
    overspill fmt policies/
    overspill fmt --check --diff policies/
    overspill fmt - --stdin-filename sora.spill.yaml < sora.spill.yaml
    """
    if not paths:
        raise click.UsageError("name policy files, folders, or -")
    writes = not (check_only or show_diff)
    is_json = format_ == "json"
    changed: list[str] = []
    refused: list[str] = []
    shown: dict[str, str] = {}
    for path in _files(paths):
        name = stdin_filename if path == "-" else path
        try:
            before = read_input(path)
            after = _text(name, before, None).encode()
            if path == "-" and writes and is_json:
                shown["text"] = after.decode()
            elif path == "-" and writes:
                _put(after)
            elif before != after:
                changed.append(name)
                if writes:
                    write_file(Path(path), after)
                if show_diff and not is_json:
                    _put("".join(_difference(name, before, after)).encode())
        except Failure as failure:
            refused.append(name)
            (report_json if is_json else report)(failure)
    if is_json:
        out_json({"changed": changed, "refused": refused, **shown})
    elif not show_diff:
        for name in changed:
            say(f"{'formatted' if writes else 'would format'} {name}")
    return 2 if refused else int(bool(changed) and not writes)


@click.command()
@click.argument("path", metavar="FILE")
@click.option("--to", type=click.Choice(["dsl", "yaml"]), help="The surface to write; the other one, if left out.")
@click.option(
    "-o", "--out", "target", metavar="OUT", help="A file, or a folder for the files of a bundle; else stdout."
)
@_stdin_option
@format_option("text", "json")
def convert(path: str, to: str | None, target: str | None, stdin_filename: str, format_: str) -> int:
    """Turn a policy file, or a folder of them, into the other surface: same meaning, same digest, same comments.

    \b
    overspill convert sora.spill > sora.spill.yaml
    overspill convert policies/codex_sora --to yaml -o policies/codex_sora_yaml
    """
    from overspill.syntax.format import Surface

    files = {stdin_filename: read_input("-")} if path == "-" else _bundle(path)
    surface = _target(files, None if to is None else Surface(to))
    is_many = len(files) > 1 or Path(path).is_dir()
    goes_out = target in (None, "-")
    if len(files) > 1 and goes_out and format_ == "text":
        raise click.UsageError(f"{path} holds {len(files)} files: name a folder for them with -o")
    if target is not None and Path(target).exists() and Path(path).is_dir() and Path(target).samefile(path):
        raise click.UsageError("a bundle has each file in one surface: name another folder with -o")
    texts: dict[str, bytes] = {}
    faults: list[Fault] = []
    for name, data in files.items():
        try:
            texts[_renamed(name, surface)] = _text(name, data, surface).encode()
        except PolicyFaults as failure:
            faults += failure.faults
    if faults:
        raise PolicyFaults(tuple(faults))
    if target is not None and not goes_out:
        for name, text in texts.items():
            _write(_place(Path(target), name, is_many), text)
    if format_ == "json":
        out_json({"files": {name: text.decode() for name, text in texts.items()}})
    elif goes_out:
        _put(b"".join(texts.values()))
    return 0


def _files(paths: Iterable[str]) -> list[str]:
    """What was named, folders as the policy files in them; each file once."""
    from overspill.runtime.bundles import ENDINGS

    found: list[str] = []
    for path in paths:
        folder = Path(path)
        if path == "-" or not folder.is_dir():
            found.append(path)
            continue
        inside = [str(one) for one in sorted(folder.rglob("*")) if one.name.endswith(ENDINGS) and one.is_file()]
        inside = [one for one in inside if "/." not in one.removeprefix(path)]
        if not inside:
            raise Failure(
                "no_policy", f"{path} holds no policy file", help=f"policy files end in {' or '.join(ENDINGS)}"
            )
        found += inside
    return list(dict.fromkeys(found))


def _text(name: str, data: bytes, surface: Surface | None) -> str:
    from overspill.syntax.format import formatted

    text, faults = formatted(name, data, surface)
    if text is None:
        raise PolicyFaults(faults)
    return text


def _put(data: bytes) -> None:
    """Bytes to stdout: files are UTF-8 whatever the terminal is."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _difference(name: str, before: bytes, after: bytes) -> Iterator[str]:
    old, new = before.decode().splitlines(keepends=True), after.decode().splitlines(keepends=True)
    for line in unified_diff(old, new, name, f"{name} (formatted)"):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


# ---- convert


def _bundle(path: str) -> Mapping[str, bytes]:
    """One file, or the files of a bundle: a folder with its sub-folders, or a shipped policy; not what it includes."""
    from overspill.runtime.bundles import sources_of
    from overspill.syntax.format import ENDINGS
    from overspill.syntax.includes import place_of

    if Path(path).is_file() or path.endswith(ENDINGS):
        return {path: read_input(path)}
    return {name: data for name, data in sources_of(path).items() if place_of(name) is None}


def _target(files: Mapping[str, bytes], to: Surface | None) -> Surface:
    from overspill.syntax.format import surface_of

    found = {surface_of(name) for name in files}
    if to is None and len(found) > 1:
        raise click.UsageError("the bundle is in both surfaces: say which one with --to")
    return to or found.pop().other


def _renamed(name: str, surface: Surface) -> str:
    from overspill.syntax.format import ENDINGS

    stem = next((name.removesuffix(ending) for ending in ENDINGS if name.endswith(ending)), name)
    return stem + surface.ending


def _place(target: Path, name: str, is_many: bool) -> Path:
    """In the folder that is meant or is there, else the file itself."""
    if is_many:
        return target / name
    return target / Path(name).name if target.is_dir() else target


def _write(path: Path, text: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure("unwritable", f"{path.parent}: {error.strerror}", help="name another folder") from None
    write_file(path, text)
    say(f"wrote {path}")
