"""Safe fixes: edits after which the policy decides as before, and says what it left unsaid."""

from __future__ import annotations

import re

from overspill.syntax.read import is_yaml
from overspill.words.diagnostics import Edit
from overspill.words.spans import Span

_COMMENT = re.compile(r"//[^\r\n]*")


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
