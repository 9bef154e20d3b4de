"""Trees → YAML text: the shapes of `plain.py` as written, with everything quoted that YAML would type or read otherwise.

Small mappings and lists stand on one line. What is read back is the same tree, spans aside, and comments stand with what
they belonged to.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from overspill.syntax import tree
from overspill.syntax.canonical import document
from overspill.syntax.comments import Comments, Place
from overspill.syntax.plain import Form, Plain, Quoted
from overspill.syntax.write_dsl import in_order

WIDTH = 110
_PLAIN = re.compile(r"[A-Za-z_][\w.+/()-]*( [\w.+/-]+)*|[0-9]+(\.[0-9]+)? [a-z][\w./ ]*|[0-9]+[a-z]+", re.ASCII)
_TYPED = frozenset(["true", "false", "yes", "no", "on", "off", "y", "n", "null"])
"""What a YAML of some version takes for a boolean or for nothing."""


def write_yaml(items: Iterable[tree.Item], comments: Comments | None = None) -> str:
    """The text of one file. The comments are used up."""
    known = comments or Comments()
    lines = list(_block(document(in_order(items), Form(False, {})), 0, (), known))
    return "\n".join((*lines, *(f"# {text}" for text in known.last))) + "\n"


def _block(value: dict[str, Plain], indent: int, place: Place, comments: Comments) -> Iterator[str]:
    for key, part in value.items():
        own = (*place, str(key))
        head = f"{' ' * indent}{_scalar(key)}:"
        line = f"{head} {_flow(part)}"
        room = 1 if indent else 0
        if not isinstance(part, (dict, list)) or not part or (_depth(part) <= room and len(line) <= WIDTH):
            yield from _commented(line, indent, own, comments, whole=True)
            continue
        yield from _commented(head, indent, own, comments, whole=False)
        if isinstance(part, dict):
            yield from _block(part, indent + 2, own, comments)
        else:
            for index, item in enumerate(part):
                yield from _item(item, indent + 2, (*own, str(index)), comments)


def _item(item: Plain, indent: int, place: Place, comments: Comments) -> Iterator[str]:
    """One item of a list, on one line where it fits."""
    dash = f"{' ' * indent}- "
    if not isinstance(item, dict) or (_depth(item) <= 2 and len(dash) + len(_flow(item)) <= WIDTH):
        yield from _commented(dash + _flow(item), indent, place, comments, whole=True)
        return
    ahead, behind = comments.take(place, whole=True)
    yield from (f"{' ' * indent}# {text}" for text in (*ahead, *(() if behind is None else (behind,))))
    first, *others = _block(item, indent + 2, place, comments)
    yield dash + first.lstrip()
    yield from others


def _commented(line: str, indent: int, place: Place, comments: Comments, *, whole: bool) -> Iterator[str]:
    ahead, behind = comments.take(place, whole=whole)
    yield from (f"{' ' * indent}# {text}" for text in ahead)
    yield line if behind is None else f"{line}  # {behind}"


def _depth(value: Plain) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


def _flow(value: Plain) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value if isinstance(value, str) else "true")


def _scalar(text: str) -> str:
    if not isinstance(text, Quoted) and _PLAIN.fullmatch(text) and text.lower() not in _TYPED:
        return text
    if text.isprintable() and "'" not in text:
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=not text.isprintable())
