"""A fault is a value: code, span, message, help. Stages collect them all; printers show the line.

Wording (rustc-dev-guide, "Diagnostics"): lower case, no final period, the author's text in backticks, the message
states the fault and `help` says what to change. Codes: OSP1xx text, OSP2xx shape, names, units and types, OSP3xx meaning,
OSP4xx style.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from overspill.words.codec import Struct
from overspill.words.spans import Span


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    HINT = "hint"


class Note(Struct, frozen=True):
    """A second place that explains the first: `declared here`."""

    span: Span
    text: str


class Fault(Struct, frozen=True, kw_only=True):
    """One finding about a policy text; `label` stands beside the caret and is short."""

    code: str
    span: Span
    message: str
    label: str = ""
    notes: tuple[Note, ...] = ()
    help: str | None = None
    severity: Severity = Severity.ERROR


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """`did you mean `limit`?` for the nearest known word, or None where none is near."""
    from difflib import get_close_matches  # only those who err pay for it

    near = get_close_matches(word, sorted(set(known)), n=1)
    return f"did you mean `{near[0]}`?" if near else None
