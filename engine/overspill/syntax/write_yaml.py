"""Trees → YAML text: the shapes of `plain.py` as written, with everything quoted that YAML would type or read otherwise.

Small mappings and lists stand on one line. What is read back is the same tree, spans aside.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from overspill.syntax import tree
from overspill.syntax.canonical import document
from overspill.syntax.plain import Form, Plain, Quoted
from overspill.syntax.write_dsl import in_order

WIDTH = 110
_PLAIN = re.compile(r"[A-Za-z_][\w.+/()-]*( [\w.+/-]+)*|[0-9]+(\.[0-9]+)? [a-z][\w./ ]*|[0-9]+[a-z]+", re.ASCII)
_TYPED = frozenset(["true", "false", "yes", "no", "on", "off", "y", "n", "null"])
"""What a YAML of some version takes for a boolean or for nothing."""


def write_yaml(items: Iterable[tree.Item]) -> str:
    """The text of one file."""
    return "\n".join(_block(document(in_order(items), Form(False, {})), 0)) + "\n"


def _block(value: dict[str, Plain], indent: int) -> Iterator[str]:
    for key, part in value.items():
        head = f"{' ' * indent}{_scalar(key)}:"
        line = f"{head} {_flow(part)}"
        if (
            not isinstance(part, (dict, list))
            or not part
            or (_depth(part) <= (1 if indent else 0) and len(line) <= WIDTH)
        ):
            yield line
        elif isinstance(part, dict):
            yield head
            yield from _block(part, indent + 2)
        else:
            yield head
            for item in part:
                yield from _item(item, indent + 2)


def _item(item: Plain, indent: int) -> Iterator[str]:
    """One item of a list, on one line where it fits."""
    dash = f"{' ' * indent}- "
    if not isinstance(item, dict) or (_depth(item) <= 2 and len(dash) + len(_flow(item)) <= WIDTH):
        yield dash + _flow(item)
        return
    first, *others = _block(item, indent + 2)
    yield dash + first.lstrip()
    yield from others


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
