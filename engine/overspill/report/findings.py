"""What a report is made of: the findings of one check, and what all formats ask of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from overspill.words.codec import Struct
from overspill.words.diagnostics import RANK, Fault, Severity
from overspill.words.spans import Span


class Findings(Struct, frozen=True, kw_only=True):
    """`faults` in the order of their places; `files` all that were checked; `digest` None where nothing compiles.

    `path_of` turns a source's name into the path that machines are told: relative to the repository, with slashes.
    """

    faults: tuple[Fault, ...]
    files: tuple[str, ...]
    digest: str | None
    fail_level: Severity
    path_of: Callable[[str], str]

    def fails(self, fault: Fault) -> bool:
        return RANK[fault.severity] <= RANK[self.fail_level]


class Report(NamedTuple):
    """The text for stdout, and in words what it leaves out, where it does."""

    text: str
    cut: str | None = None


class Region(NamedTuple):
    """Lines and columns from 1, in characters; the end column is the one behind the last character."""

    line: int
    column: int
    end_line: int
    end_column: int


def region(span: Span) -> Region:
    """Where a span stands; a place outside of the text is put at its end."""
    length = len(span.source.text)
    start, end = min(span.start, length), min(max(span.start, span.end), length)
    return Region(*span.source.position(start), *span.source.position(end))


def gravest(faults: Iterable[Fault], most: int) -> tuple[Fault, ...]:
    """At most that many, errors before warnings before hints; in the order they came in."""
    faults = tuple(faults)
    if len(faults) <= most:
        return faults
    ranked = sorted(range(len(faults)), key=lambda index: RANK[faults[index].severity])
    return tuple(faults[index] for index in sorted(ranked[:most]))


def counted(faults: Iterable[Fault]) -> str:
    """`2 errors, 1 warning`; `no findings` for none."""
    severities = [fault.severity for fault in faults]
    counts = [(severities.count(severity), severity.value) for severity in Severity]
    return ", ".join(f"{count} {word}{'s' * (count != 1)}" for count, word in counts if count) or "no findings"


def left_out(faults: Iterable[Fault], shown: Iterable[Fault]) -> str | None:
    """What `shown` lacks of `faults`, in words; None where it lacks nothing."""
    known = {id(fault) for fault in shown}
    rest = [fault for fault in faults if id(fault) not in known]
    return counted(rest) if rest else None
