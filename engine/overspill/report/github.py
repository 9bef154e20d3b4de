"""Findings as GitHub workflow commands, which become annotations of a pull request.

GitHub keeps ten errors, ten warnings and ten notices of a step and drops the rest without a word (actions/toolkit
docs/commands.md, docs/problem-matchers.md "Limitations"). So no more are printed, and a last notice says what is missing.
"""

from __future__ import annotations

from overspill.report.findings import Findings, Report, counted, left_out, region
from overspill.syntax.frame import visible
from overspill.words.diagnostics import Fault, Severity

STEP_MAX = 10
"""Annotations of one level that GitHub shows for one step."""
LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.HINT: "notice"}
_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def github(findings: Findings) -> Report:
    """One command a line; the last one speaks of those that were cut."""
    of = {severity: [fault for fault in findings.faults if fault.severity is severity] for severity in LEVELS}
    is_cut = any(len(faults) > STEP_MAX for faults in of.values())
    room = {severity: STEP_MAX - (is_cut and severity is Severity.HINT) for severity in LEVELS}
    shown = [fault for severity, faults in of.items() for fault in faults[: room[severity]]]
    lines = [_command(fault, findings) for fault in shown]
    rest = left_out(findings.faults, shown)
    if rest is not None:
        more = f"{rest} more: {STEP_MAX} of a level are shown here, of {counted(findings.faults)} in all"
        lines.append(f"::notice title=overspill check::{more.translate(_DATA)}")
    return Report("".join(f"{line}\n" for line in lines), rest)


def _command(fault: Fault, findings: Findings) -> str:
    line, column, end_line, end_column = region(fault.span)
    properties: dict[str, str | int] = {
        "file": findings.path_of(fault.span.source.name),
        "line": line,
        "endLine": end_line,
        "col": column,
        "title": fault.code,
    }
    if line == end_line:  # columns of several lines are refused; the last one counts itself here
        properties["endColumn"] = max(column, end_column - 1)
    else:
        del properties["col"]
    listed = ",".join(f"{key}={str(value).translate(_PROPERTY)}" for key, value in properties.items())
    message = visible(fault.message) + ("" if fault.help is None else f"\nhelp: {visible(fault.help)}")
    return f"::{LEVELS[fault.severity]} {listed}::{message.translate(_DATA)}"
