"""A YAML file → the same file tidied: no trailing white space, one blank line at most, a line break at the end.

Line by line, a block scalar's own lines but for their ends untouched; keys, order and indentation are the
author's. Formatting the result again changes nothing.
"""

from __future__ import annotations

import re

from overspill.syntax import tree

_BLOCK = re.compile(r"^( *)(?:[^#'\"]*[:\-] +)[|>][+\-0-9]*\s*(?:#.*)?$")


def format_yaml(file: tree.File) -> str:
    """The file's text, tidied."""
    return format_text(file.source.text)


def format_text(text: str) -> str:
    """The same of text that is known to parse."""
    lines: list[str] = []
    block: int | None = None
    for raw in text.splitlines():
        indent = len(raw) - len(raw.lstrip(" "))
        if block is not None and (not raw.strip() or indent > block):
            lines.append(raw.rstrip())
            continue
        block = None
        line = raw.rstrip()
        if not line and (not lines or not lines[-1]):
            continue
        found = _BLOCK.match(line)
        if found is not None:
            block = len(found[1])
        lines.append(line)
    while lines and not lines[-1]:
        lines.pop()
    return "\n".join(lines) + "\n"
