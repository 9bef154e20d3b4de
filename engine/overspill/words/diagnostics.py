"""A fault is a value: code, span, message, help. Stages collect them all; printers show the line.

Wording (rustc-dev-guide, "Diagnostics"): lower case, no final period, the author's text in backticks, the message
states the fault and `help` says what to change. Codes: OSP1xx text, OSP2xx shape, names, units and types, OSP3xx meaning,
OSP4xx style.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
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


class Edit(Struct, frozen=True):
    """One part of a fix: the characters of `span` become `text`. An empty span inserts."""

    span: Span
    text: str


class Fault(Struct, frozen=True, kw_only=True):
    """One finding about a policy text; `label` stands beside the caret and is short.

    `fix`, where there is one, is applied whole or not at all, and only stated where the meaning surely stays or the
    intent is sure: a near name is a guess, and belongs into `help`.
    """

    code: str
    span: Span
    message: str
    label: str = ""
    notes: tuple[Note, ...] = ()
    help: str | None = None
    severity: Severity = Severity.ERROR
    fix: tuple[Edit, ...] = ()


RANK: Mapping[Severity, int] = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.HINT: 2}
"""The gravest first."""
NAMES_COMPARED_MAX = 200
NEIGHBOURS = 12
NAMES_LISTED_MAX = 12


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """`did you mean `limit`?` for the nearest known word, or None where none is near.

    Among very many words only the neighbours in their order are compared, those that begin most alike: a bundle of
    thousands of names with as many slips would take minutes otherwise.
    """
    from difflib import get_close_matches  # only those who err pay for it

    words = sorted(set(known))
    if len(words) > NAMES_COMPARED_MAX:
        place = bisect_left(words, word)
        words = words[max(0, place - NEIGHBOURS) : place + NEIGHBOURS]
    near = get_close_matches(word[:80], words, n=1)
    return f"did you mean `{near[0]}`?" if near else None


def listed(names: Iterable[str]) -> str:
    """`a, b, c`; of very many the first, and how many more; `none` for none."""
    shown = list(names)
    more = len(shown) - NAMES_LISTED_MAX
    tail = f" and {more} more" if more > 1 else ""
    return (", ".join(shown[:NAMES_LISTED_MAX] if tail else shown) + tail) or "none"
