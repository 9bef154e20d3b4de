"""Safe fixes: edits after which the policy decides as before, and says what it left unsaid."""

from __future__ import annotations

import re

from overspill.syntax import tree
from overspill.syntax.read import is_yaml
from overspill.words.diagnostics import Edit
from overspill.words.spans import Span

_COMMENT = re.compile(r"//[^\r\n]*")


def stated_overshoot(pool: tree.Pool) -> tuple[Edit, ...]:
    """`on overshoot refund;` behind the pool's unit."""
    span = pool.unit.span
    if is_yaml(span.source.name):
        return (Edit(Span(span.source, span.end, span.end), _after_in_yaml(span)),)
    end = span.source.text.index(";", span.end) + 1
    line = span.source.text[span.source.text.rfind("\n", 0, span.start) + 1 : span.start]
    indent = line[: len(line) - len(line.lstrip())]
    own_line = line.strip() == "unit"
    return (
        Edit(Span(span.source, end, end), f"\n{indent}on overshoot refund;" if own_line else " on overshoot refund;"),
    )


def _after_in_yaml(span: Span) -> str:
    """A further key behind a value: in the same braces, or on a line of its own below the value's key."""
    line = span.source.text[span.source.text.rfind("\n", 0, span.start) + 1 : span.start]
    if "{" in line:
        return ", on_overshoot: refund"
    return "\n" + line[: len(line) - len(line.lstrip())] + "on_overshoot: refund"


def stated_reaction(draw: Span, when: Span, reaction: str) -> tuple[Edit, ...]:
    """`on error REACTION` before the draw's `when`; `on_error: REACTION` as the first key of its mapping in YAML."""
    text = draw.text
    if is_yaml(draw.source.name):
        if text.startswith("{"):
            return (Edit(Span(draw.source, draw.start + 1, draw.start + 1), f"on_error: {reaction}, "),)
        indent = " " * (draw.source.position(draw.start)[1] - 1)
        return (Edit(Span(draw.source, draw.start, draw.start), f"on_error: {reaction}\n{indent}"),)
    before = _COMMENT.sub(lambda match: " " * len(match[0]), text[: when.start - draw.start])
    at = draw.start + before.rindex("when")
    return (Edit(Span(draw.source, at, at), f"on error {reaction} "),)
