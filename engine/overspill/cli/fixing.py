"""Safe fixes, applied: files in, fixed files out, round after round until nothing is left to fix."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from overspill.words.diagnostics import Fault, Severity
from overspill.words.edits import compatible, edited

ROUNDS_MAX = 50
"""More are needed only where fixes make room for one another without end, which none does."""

Files = Mapping[str, bytes]
Find = Callable[[Files], tuple[Fault, ...]]


def fixed(files: Files, find: Find, rounds_max: int = ROUNDS_MAX) -> tuple[dict[str, bytes], int]:
    """(the files with the fixes of what `find` finds, how many were applied).

    A round that leaves an error where there was none is taken back: a fix never breaks a policy. Where there were errors
    more may come to light, behind the one that kept the file from being read.
    """
    current, count = dict(files), 0
    faults = find(current)
    for _ in range(rounds_max):
        after, applied = _round(current, faults)
        if not applied:
            break
        found = find(after)
        if _has_errors(found) and not _has_errors(faults):
            break
        current, faults, count = after, found, count + applied
    return current, count


def _round(files: dict[str, bytes], faults: tuple[Fault, ...]) -> tuple[dict[str, bytes], int]:
    after, applied = dict(files), 0
    for name in files:
        chosen = compatible(fault for fault in faults if fault.span.source.name == name)
        if chosen:
            text = chosen[0].span.source.text
            after[name] = edited(text, (edit for fault in chosen for edit in fault.fix)).encode()
            applied += len(chosen)
    return after, applied


def _has_errors(faults: tuple[Fault, ...]) -> bool:
    return any(fault.severity is Severity.ERROR for fault in faults)
