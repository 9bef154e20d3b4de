"""Findings as JUnit XML, which most continuous checks show: a case for each finding, and one for each file without any.

A finding below the fail level is a case that passes and says so in its output. The form is the one common to Jenkins,
GitLab and GitHub actions (testmoapp/junitxml).
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from overspill.report.findings import Findings, Report
from overspill.syntax.frame import frame, visible
from overspill.words.diagnostics import Fault


def junit(findings: Findings) -> Report:
    """One suite."""
    found = {fault.span.source.name for fault in findings.faults}
    clean = [name for name in findings.files if name not in found]
    failures = sum(map(findings.fails, findings.faults))
    counts = f'tests="{len(findings.faults) + len(clean)}" failures="{failures}" errors="0"'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="overspill check" {counts}>',
        f'  <testsuite name="overspill check" {counts} skipped="0">',
        *(f'    <testcase classname={_attribute(findings.path_of(name))} name="no findings"/>' for name in clean),
        *(line for fault in findings.faults for line in _case(fault, findings)),
        "  </testsuite>",
        "</testsuites>",
    ]
    return Report("\n".join(lines) + "\n")


def _case(fault: Fault, findings: Findings) -> Iterator[str]:
    path = findings.path_of(fault.span.source.name)
    line, column = fault.span.source.position(fault.span.start)
    name = f"{fault.code} at {line}:{column}"
    yield f'    <testcase classname={_attribute(path)} name={_attribute(name)} file={_attribute(path)} line="{line}">'
    body = escape(frame(fault))
    if findings.fails(fault):
        yield f"      <failure type={_attribute(fault.code)} message={_attribute(fault.message)}>{body}</failure>"
    else:
        yield f"      <system-out>{body}</system-out>"
    yield "    </testcase>"


def _attribute(text: str) -> str:
    return quoteattr(visible(text))
