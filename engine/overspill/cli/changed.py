"""Which lines of which files changed since a git revision: git is asked, file by file, and only read."""

from __future__ import annotations

import os
import re
import subprocess
from bisect import bisect_right
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from overspill.report.findings import region
from overspill.words.diagnostics import Fault
from overspill.words.failures import Failure
from overspill.words.spans import Span

_HUNK = re.compile(r"^@@ -[0-9,]+ \+([0-9]+)(?:,([0-9]+))? @@", re.MULTILINE)
_OF_A_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
"""Set by git for its hooks, relative to another folder than the one asked about here."""


class Lines(NamedTuple):
    """The changed lines of a file as half-open ranges in their order; `whole` for a file that git does not know yet."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    whole: bool = False

    def touches(self, first: int, last: int) -> bool:
        """Whether any of the lines from `first` to `last` changed."""
        index = bisect_right(self.starts, last) - 1
        return self.whole or (index >= 0 and self.ends[index] > first)


def changed_lines(revision: str, files: Mapping[str, Path]) -> dict[str, Lines]:
    """The changed lines by source name. Raises Failure `no_git`, `no_repository` or `unknown_revision`.

    A line that moved counts as changed, and so do all lines of a file that moved or is not committed.
    """
    for folder in dict.fromkeys(path.parent for path in files.values()):
        _in_repository(folder, revision)
    return {name: _lines(path, revision) for name, path in files.items()}


def is_new(fault: Fault, changed: Mapping[str, Lines]) -> bool:
    """Whether any place of the finding stands on a changed line."""
    return any(_touched(span, changed) for span in (fault.span, *(note.span for note in fault.notes)))


def _touched(span: Span, changed: Mapping[str, Lines]) -> bool:
    lines = changed.get(span.source.name)
    first, _, last, column = region(span)
    return lines is not None and lines.touches(first, last if column > 1 else max(first, last - 1))


def _in_repository(folder: Path, revision: str) -> None:
    if _git(folder, "rev-parse", "--is-inside-work-tree").stdout.strip() != "true":
        raise Failure("no_repository", f"{folder} is in no git repository", help="leave --since out, or run it in one")
    commit = f"{revision}^{{commit}}"
    if _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", commit).returncode:
        help = "name a branch, a tag or a commit; a shallow clone may lack it"
        raise Failure("unknown_revision", f"git knows no revision `{revision}`", help=help)


def _lines(path: Path, revision: str) -> Lines:
    if _git(path.parent, "ls-files", "--error-unmatch", "--", path.name).returncode:
        return Lines((), (), whole=True)
    plain = ("--unified=0", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames")
    done = _git(path.parent, "diff", *plain, "--end-of-options", revision, "--", path.name)
    if done.returncode:
        message = f"git diff failed for {path}: {_last_line(done.stderr)}"
        raise Failure("git_failed", message, help="leave --since out to check everything")
    found = [(int(start), int(start) + int(count or 1)) for start, count in _HUNK.findall(done.stdout)]
    kept = [(start, end) for start, end in found if end > start]
    return Lines(tuple(start for start, _ in kept), tuple(end for _, end in kept))


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["git", "-C", str(folder), *arguments]
    inherited = {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK}
    environment = {**inherited, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_LITERAL_PATHSPECS": "1"}
    try:
        return subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment, check=False)
    except OSError as error:
        raise Failure(
            "no_git", f"git cannot be run: {error.strerror}", help="install git, or leave --since out"
        ) from None


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[-1]
