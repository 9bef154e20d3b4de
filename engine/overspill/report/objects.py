"""Findings as JSON objects; lines and columns from 1, in characters."""

from __future__ import annotations

from typing import Any

from overspill.report.findings import Findings, Report, region
from overspill.words.codec import json_bytes
from overspill.words.diagnostics import Edit, Fault
from overspill.words.spans import Span

FORMAT_VERSION = "1.0"
"""A reader takes any 1.x; keys may come, none goes."""


def json_report(findings: Findings) -> Report:
    """`{"format_version", "digest", "faults"}`, all of them."""
    faults = [fault_object(fault) for fault in findings.faults]
    whole = {"format_version": FORMAT_VERSION, "digest": findings.digest, "faults": faults}
    return Report(json_bytes(whole).decode() + "\n")


def fault_object(fault: Fault) -> dict[str, Any]:
    """One finding: what, where, why, and how it is fixed."""
    return {
        "code": fault.code,
        "severity": fault.severity.value,
        "message": fault.message,
        **place_object(fault.span),
        "label": fault.label,
        "help": fault.help,
        "notes": [{"place": note.span.place, **place_object(note.span), "text": note.text} for note in fault.notes],
        "fix": [edit_object(edit) for edit in fault.fix],
    }


def place_object(span: Span) -> dict[str, Any]:
    line, column, end_line, end_column = region(span)
    return {
        "file": span.source.name,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
    }


def edit_object(edit: Edit) -> dict[str, Any]:
    return {**place_object(edit.span), "text": edit.text}
