"""Findings as frames, for people."""

from __future__ import annotations

from overspill.report.findings import Findings, Report, gravest, left_out
from overspill.syntax.frame import render


def text(findings: Findings, *, color: bool = False, most: int) -> Report:
    """At most that many frames, the gravest, in the order of their places."""
    shown = gravest(findings.faults, most)
    rest = left_out(findings.faults, shown)
    tail = "" if rest is None else f"\n… and {rest} more\n"
    return Report(render(shown, color) + tail, rest)
