"""DSL text → a file's tree, or all of its faults at once.

After a syntax fault the statement it stands in is blanked out and the text is parsed again: places stay true, and one
slip does not hide the others.
"""

from __future__ import annotations

import threading
from functools import lru_cache

from lark import UnexpectedInput

from overspill.cel.build import SyntaxStop
from overspill.cel.drive import Driver
from overspill.cel.parse import bracket_below, nesting, syntax_fault
from overspill.cel.tables import load
from overspill.syntax import tree
from overspill.syntax.builder import PolicyBuilder
from overspill.syntax.constructs import CONSTRUCTS, HEADER_WORDS, unknown
from overspill.words.diagnostics import Fault
from overspill.words.spans import Source, Span

DEPTH_MAX = 64
FAULTS_MAX = 20
_LOCK = threading.Lock()
_STATEMENT_WORDS = frozenset(
    [
        *HEADER_WORDS,
        *(construct.word for construct in CONSTRUCTS.values()),
        *("label", "per", "meter", "price", "round", "from", "multiplier", "skip", "window", "capacity"),
        *("reset", "banked_reset", "warn", "lots", "order", "overage", "free", "top_up", "settings", "when"),
        *("valid", "unlimited", "up", "billed", "only_if", "mode", "at", "serves", "priced", "counts", "deny"),
        *("draw", "occupy", "otherwise", "fill", "admission", "holds", "on"),
    ]
)
"""The words that begin a statement somewhere."""


@lru_cache(maxsize=1)
def _parser() -> tuple[Driver, PolicyBuilder]:
    builder = PolicyBuilder()
    return Driver(load(builder, builder.comment), builder.comment), builder


def read_dsl(source: Source) -> tuple[tree.File | None, tuple[Fault, ...]]:
    """The tree of one `*.spill` file; None when there is any fault."""
    text = source.text
    if nesting(text) > DEPTH_MAX:
        deep = bracket_below(text, DEPTH_MAX)
        return None, (
            Fault(
                code="OSP103",
                span=Span(source, deep, deep + 1),
                message=f"the file is nested deeper than {DEPTH_MAX}",
                help="close what should be closed before, or split it",
            ),
        )
    faults: list[Fault] = []
    with _LOCK:
        parser, builder = _parser()
        while True:
            try:
                items = parser.parse(text, "start", lambda: builder.begin(source))
            except UnexpectedInput as error:
                fault = _named_fault(syntax_fault(error, text, source, 0, "OSP110"), source, text)
            except SyntaxStop as stop:
                fault = stop.fault
            else:
                comments, statements = tuple(builder.comments), tuple(builder.statements)
                # What was blanked out is missing for no fault of its own.
                found = [*faults, *(fault for fault in builder.faults if not (faults and fault.code == "OSP202"))]
                kept = tuple(item for item in items if item is not None)  # type: ignore[attr-defined]
                return (None if found else tree.File(source, kept, comments, statements)), in_order(found)
            if len(faults) == FAULTS_MAX:
                faults.append(_too_many(fault.span))
                break
            faults.append(fault)
            if fault.span.start >= len(text.rstrip()):  # nothing comes behind the end
                break
            text = _without_statement(text, fault.span.start)
    return None, in_order(faults)


def _too_many(span: Span) -> Fault:
    """Stands for the fault at `span`, and for all that are found once those before it are mended."""
    return Fault(
        code="OSP111",
        span=span,
        message=f"the file has more than {FAULTS_MAX} faults of its grammar",
        label="and more",
        help=f"mend the {FAULTS_MAX} that are shown, then check again",
    )


def in_order(faults: list[Fault]) -> tuple[Fault, ...]:
    return tuple(sorted(faults, key=lambda fault: (fault.span.start, fault.code)))


def _named_fault(fault: Fault, source: Source, text: str) -> Fault:
    """A word that begins a statement but is none of the language is named as such."""
    start = fault.span.start
    word = text[start : fault.span.end]
    before = text[:start].rstrip()
    begins = not before or before[-1] in ";{}"
    if begins and word.isidentifier() and word not in _STATEMENT_WORDS:
        top = before.count("{") == before.count("}")
        known = [construct.word for construct in CONSTRUCTS.values()] if top else sorted(_STATEMENT_WORDS)
        return unknown("statement", word, fault.span, [*known, *HEADER_WORDS] if top else known)
    return fault


def _without_statement(text: str, offset: int) -> str:
    """The text with the statement around `offset` blanked: from the last `;`, `{` or `}` before it to its own end."""
    start = max(text.rfind(mark, 0, offset) for mark in ";{}") + 1
    end, depth = offset, 0
    while end < len(text):
        char = text[end]
        end += 1
        if char == "{":
            depth += 1
        elif char == "}":
            if depth == 0:
                end -= 1 if end - 1 > offset else 0
                break
            depth -= 1
            if depth == 0:
                break
        elif char == ";" and depth == 0:
            break
    blank = "".join(char if char in "\r\n" else " " for char in text[start:end])
    return text[:start] + blank + text[end:]
