"""Findings as SARIF 2.1.0 (OASIS), as GitHub's code scanning reads it.

GitHub keeps the 5,000 gravest results of a run and drops the rest (docs.github.com, "SARIF results exceed one or more
limits"), so no more are written and a notification says what is missing. Of its fingerprints only
`primaryLocationLineHash` is looked at: made of the code, the file and the line's text, so that a finding stays the same
finding when lines above it come or go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from overspill.report.findings import Findings, Report, gravest, left_out, region
from overspill.report.pages import Rule, rules
from overspill.syntax.frame import visible
from overspill.words.codec import json_bytes
from overspill.words.diagnostics import RANK, Fault, Severity
from overspill.words.spans import Span

RESULTS_MAX = 5_000
RELATED_MAX = 100
"""Locations of one result that GitHub reads."""
SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.HINT: "note"}
_LINE_MAX = 200
"""Characters of a line that tell it from others."""

Plain = dict[str, Any]


def sarif(findings: Findings, *, version: str) -> Report:
    """One run: the driver with the rules that were met, and the results."""
    shown = gravest(findings.faults, RESULTS_MAX)
    shown = tuple(sorted(shown, key=lambda fault: RANK[fault.severity]))
    met = {fault.code for fault in shown}
    pages = [page for page in rules() if page.code in met]
    index = {page.code: number for number, page in enumerate(pages)}
    rest = left_out(findings.faults, shown)
    driver: Plain = {"name": "overspill", "version": version, "semanticVersion": version}
    run: Plain = {
        "tool": {"driver": {**driver, "rules": list(map(_rule, pages))}},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(rest)],
        "results": _results(shown, index, findings),
    }
    return Report(json_bytes({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}).decode() + "\n", rest)


def _rule(page: Rule) -> Plain:
    """The page, as the help that is shown beside a result."""
    return {
        "id": page.code,
        "shortDescription": {"text": page.title},
        "fullDescription": {"text": page.why},
        "help": {"text": page.text, "markdown": page.text},
        "defaultConfiguration": {"level": LEVELS[page.severity]},
    }


def _invocation(rest: str | None) -> Plain:
    if rest is None:
        return {"executionSuccessful": True}
    text = f"{rest} more are left out: {RESULTS_MAX} results are kept of a run"
    return {
        "executionSuccessful": True,
        "toolExecutionNotifications": [{"level": "warning", "message": {"text": text}}],
    }


def _results(faults: Iterable[Fault], index: dict[str, int], findings: Findings) -> list[Plain]:
    seen: Counter[str] = Counter()
    results = []
    for fault in faults:
        mark = _line_hash(fault, findings)
        seen[mark] += 1
        results.append(_result(fault, index, f"{mark}:{seen[mark]}", findings))
    return results


def _result(fault: Fault, index: dict[str, int], fingerprint: str, findings: Findings) -> Plain:
    help = "" if fault.help is None else f"\nhelp: {visible(fault.help)}"
    result: Plain = {
        "ruleId": fault.code,
        **({"ruleIndex": index[fault.code]} if fault.code in index else {}),
        "level": LEVELS[fault.severity],
        "message": {"text": visible(fault.message) + help},
        "locations": [_location(fault.span, findings)],
        "partialFingerprints": {"primaryLocationLineHash": fingerprint},
    }
    if fault.notes:
        result["relatedLocations"] = [
            {"id": number, "message": {"text": visible(note.text)}, **_location(note.span, findings)}
            for number, note in enumerate(fault.notes[: RELATED_MAX - 1])
        ]
    if fault.fix:
        replacements = [
            {"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.text}} for edit in fault.fix
        ]
        change = {"artifactLocation": _artifact(fault.span, findings), "replacements": replacements}
        description = {"text": "overspill check --fix"}
        result["fixes"] = [{"description": description, "artifactChanges": [change]}]
    return result


def _location(span: Span, findings: Findings) -> Plain:
    return {"physicalLocation": {"artifactLocation": _artifact(span, findings), "region": _region(span)}}


def _artifact(span: Span, findings: Findings) -> Plain:
    """Relative to the repository; what stands outside of it keeps its whole path."""
    path = findings.path_of(span.source.name)
    if path.startswith("/"):
        return {"uri": f"file://{quote(path)}"}
    return {"uri": quote(path), "uriBaseId": "%SRCROOT%"}


def _region(span: Span) -> Plain:
    line, column, end_line, end_column = region(span)
    return {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}


def _line_hash(fault: Fault, findings: Findings) -> str:
    """Of the line, or the part of it around the place where it is long."""
    text, start = fault.span.source.text, fault.span.start
    begin = max(text.rfind("\n", max(0, start - _LINE_MAX), start) + 1, start - _LINE_MAX, 0)
    line = text[begin : start + _LINE_MAX].split("\n", 1)[0].strip()
    parts = "\0".join((fault.code, findings.path_of(fault.span.source.name), line))
    return sha256(parts.encode("utf-8", "replace")).hexdigest()[:16]
