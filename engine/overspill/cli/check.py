"""`check`: all findings about a bundle, in the form that a person, an editor or a continuous check reads."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from overspill.cli.io import SHOWN_MAX, colored, format_option, read_input, say, stdin_name_option, write_file
from overspill.words.codec import Struct
from overspill.words.diagnostics import Fault, Severity
from overspill.words.failures import PolicyFaults

if TYPE_CHECKING:
    from overspill.report.findings import Findings, Report

_CODES = re.compile(r"OSP[0-9]{0,3}")


def _codes(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """`OSP36,OSP401` → the beginnings of codes."""
    found = tuple(code.strip().upper() for value in values for code in value.split(","))
    for code in found:
        if not _CODES.fullmatch(code):
            raise click.BadParameter(f"`{code}` is no code; write OSP360, or OSP3 for all that begin so")
    return found


@click.command()
@click.argument("paths", nargs=-1, metavar="PATH…")
@stdin_name_option
@format_option("text", "json", "github", "sarif", "junit")
@click.option(
    "--fail-level",
    type=click.Choice([severity.value for severity in Severity]),
    default="error",
    show_default=True,
    help="The least severe finding that makes the exit code 1.",
)
@click.option("--fix", is_flag=True, help="Apply safe fixes to the files, then check again.")
@click.option("--since", metavar="REV", help="Of warnings and hints, only those on lines changed since a git revision.")
@click.option("--select", multiple=True, callback=_codes, metavar="CODES", help="Of warnings and hints, only these.")
@click.option("--ignore", multiple=True, callback=_codes, metavar="CODES", help="Of warnings and hints, not these.")
@click.option(
    "--max", "most", type=click.IntRange(1), default=SHOWN_MAX, show_default=True, help="Findings shown as text."
)
def check(
    paths: tuple[str, ...],
    stdin_filename: str,
    format_: str,
    fail_level: str,
    fix: bool,
    since: str | None,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    most: int,
) -> int:
    """Find all faults of a bundle: files, folders or - together. Exit 1 when one is at the fail level.

    \b
    overspill check policies/
    overspill check --fix --fail-level warning policies/
    overspill check --format sarif --since origin/main policies/ > findings.sarif
    overspill check - < access.spill
    """
    from overspill.report.findings import Findings

    bundle = gathered(paths, stdin_filename)
    wanted = _Wanted(select, ignore, since, bundle.places)
    _refuse(paths, bundle, fix, since, format_)
    if fix:
        bundle = _fixed(bundle, wanted)
    faults, digest = _found(bundle.files)
    findings = Findings(
        faults=wanted.of(faults),
        files=tuple(sorted(bundle.files)),
        digest=digest,
        fail_level=Severity(fail_level),
        path_of=_path_of,
    )
    # The fixed text of stdin is the data then, the findings are narration.
    stream = sys.stderr if fix and "-" in paths else sys.stdout
    stream.write(_report(findings, format_, most, colored(stream)))
    return 1 if any(map(findings.fails, findings.faults)) else 0


class _Bundle(Struct, frozen=True):
    """The files of one bundle by the name that is shown; `places` of those that stand where the user said."""

    files: Mapping[str, bytes]
    places: Mapping[str, Path]


class _Wanted(Struct, frozen=True):
    """Which findings the user asked for. Errors always: a policy that does not compile has no part that is in order."""

    select: tuple[str, ...]
    ignore: tuple[str, ...]
    since: str | None
    places: Mapping[str, Path]

    def of(self, faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
        kept = tuple(fault for fault in faults if self._is_named(fault) or fault.severity is Severity.ERROR)
        if self.since is None:
            return kept
        from overspill.cli.changed import changed_lines, is_new

        changed = changed_lines(self.since, self.places)
        return tuple(fault for fault in kept if fault.severity is Severity.ERROR or is_new(fault, changed))

    def _is_named(self, fault: Fault) -> bool:
        return fault.code.startswith(self.select or "OSP") and not fault.code.startswith(self.ignore)


def gathered(paths: tuple[str, ...], stdin_filename: str = "stdin.spill") -> _Bundle:
    """What the user named, under names that lead there from here."""
    from overspill.runtime.bundles import sources_of
    from overspill.syntax.includes import place_of

    if not paths:
        raise click.UsageError("name a policy file, a folder, or -")
    files: dict[str, bytes] = {}
    places: dict[str, Path] = {}
    for path in paths:
        if path == "-":
            files[stdin_filename] = read_input("-")
            continue
        named = Path(path)
        for name, data in sources_of(path).items():
            if not named.exists() or place_of(name) is not None:
                files[name] = data
                continue
            place = named / name if named.is_dir() else named
            files[place.as_posix()] = data
            places[place.as_posix()] = place
    return _Bundle(files, places)


def _refuse(paths: tuple[str, ...], bundle: _Bundle, fix: bool, since: str | None, format_: str) -> None:
    """Options that do not go with what was named."""
    from overspill.syntax.includes import place_of

    elsewhere = [name for name in bundle.files if name not in bundle.places and place_of(name) is None]
    if since is not None and elsewhere:
        raise click.UsageError(f"--since needs files of a repository, and `{elsewhere[0]}` comes from elsewhere")
    if fix and elsewhere and "-" not in paths:
        raise click.UsageError(f"--fix writes files, and `{elsewhere[0]}` comes with the program: copy it first")
    if fix and elsewhere and (len(bundle.files) > 1 or format_ != "text"):
        raise click.UsageError("--fix of stdin takes - alone, and prints the fixed text")


def _found(files: Mapping[str, bytes]) -> tuple[tuple[Fault, ...], str | None]:
    """(all findings, the digest where there is no error)."""
    from overspill.runtime.policies import checked_of

    try:
        checked = checked_of(files)
    except PolicyFaults as failure:
        return failure.faults, None
    return checked.faults, None if checked.rules is None else checked.rules.digest


def _fixed(bundle: _Bundle, wanted: _Wanted) -> _Bundle:
    """The bundle with its safe fixes applied, and written where it came from."""
    from overspill.cli.fixing import ROUNDS_MAX, fixed
    from overspill.syntax.includes import place_of

    def found(files: Mapping[str, bytes]) -> tuple[Fault, ...]:
        """What is included is another bundle's to fix."""
        return tuple(fault for fault in wanted.of(_found(files)[0]) if place_of(fault.span.source.name) is None)

    # Lines move when something is fixed; what changed since a revision is then to be asked again.
    rounds = ROUNDS_MAX if wanted.since is None else 1
    files, count = fixed(bundle.files, found, rounds)
    changed = [name for name, data in files.items() if data != bundle.files[name]]
    for name, data in files.items():
        if place_of(name) is not None:
            continue
        if name not in bundle.places:
            sys.stdout.buffer.write(data)
            sys.stdout.flush()
        elif name in changed:
            write_file(bundle.places[name], data)
    say(f"fixed {count} finding{'s' * (count != 1)}{' in ' * bool(changed)}{', '.join(changed)}")
    return _Bundle(files, bundle.places)


def _path_of(name: str) -> str:
    """Relative to the repository, where a continuous check says where that is, else to here; whole where outside."""
    root = os.path.abspath(os.environ.get("GITHUB_WORKSPACE") or ".")
    path = os.path.abspath(name)
    inside = os.path.commonpath([root, path]) == root
    return Path(os.path.relpath(path, root) if inside else path).as_posix()


def _report(findings: Findings, format_: str, most: int, color: bool) -> str:
    """The report's text; what it leaves out, and the counts for people, go to stderr."""
    report = _REPORTS[format_](findings, most, color)
    if report.cut is not None:
        say(f"{report.cut} not shown" + ("; --max shows more" if format_ == "text" else ""))
    if format_ == "text":
        _summary(findings)
    return report.text


def _summary(findings: Findings) -> None:
    from overspill.report.findings import counted

    fixable = sum(bool(fault.fix) for fault in findings.faults)
    parts = [counted(findings.faults)]
    parts += [f"{fixable} with a safe fix (--fix)"] if fixable else []
    parts += [] if findings.digest is None else [f"{findings.digest[:19]}…"]
    parts += [f"`overspill rule {findings.faults[0].code}` says why"] if findings.faults else []
    say("; ".join(parts))


def _text(findings: Findings, most: int, color: bool) -> Report:
    from overspill.report.text import text

    return text(findings.faults, color=color, most=most)


def _json(findings: Findings, _: int, __: bool) -> Report:
    from overspill.report.objects import json_report

    return json_report(findings)


def _github(findings: Findings, _: int, __: bool) -> Report:
    from overspill.report.github import github

    return github(findings)


def _sarif(findings: Findings, _: int, __: bool) -> Report:
    from importlib.metadata import version

    from overspill.report.sarif import sarif

    return sarif(findings, version=version("overspill"))


def _junit(findings: Findings, _: int, __: bool) -> Report:
    from overspill.report.junit import junit

    return junit(findings)


_REPORTS: Mapping[str, Callable[[Findings, int, bool], Report]] = {
    "text": _text,
    "json": _json,
    "github": _github,
    "sarif": _sarif,
    "junit": _junit,
}
"""Format → (findings, most as text, colour) → report; each is imported when asked for."""
