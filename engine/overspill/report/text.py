"""Findings as frames, for people."""

from __future__ import annotations

from overspill.report.findings import Report, gravest, left_out
from overspill.syntax.frame import render
from overspill.words.diagnostics import Fault


def text(faults: tuple[Fault, ...], *, color: bool = False, most: int) -> Report:
    """At most that many frames, the gravest, in the order of their places."""
    shown = gravest(faults, most)
    rest = left_out(faults, shown)
    tail = "" if rest is None else f"\n… and {rest} more\n"
    return Report(render(shown, color) + tail, rest)
