"""Trees → YAML text: the shapes of `plain.py` as written, with everything quoted that YAML would type or read otherwise.

What the DSL writes on a line of its own has one here; what it writes in one line stands in braces where that fits. What
is read back is the same tree, spans aside.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from overspill.syntax import tree
from overspill.syntax.canonical import document
from overspill.syntax.comments import Comments, Path
from overspill.syntax.constructs import CONSTRUCTS
from overspill.syntax.layout import Entry, laid_out
from overspill.syntax.plain import Form, Plain, Quoted
from overspill.syntax.style import in_order

_PLAIN = re.compile(r"[A-Za-z_][\w.+/()-]*( [\w.+/-]+)*|[0-9]+(\.[0-9]+)? [a-z][\w./ ]*|[0-9]+[a-z]+", re.ASCII)
_TYPED = frozenset(["true", "false", "yes", "no", "on", "off", "y", "n", "null"])
"""What a YAML of some version takes for a boolean or for nothing."""
_SHORT = ("policy", "effective")
"""Top-level keys whose value stands on their line."""
_LONG = frozenset(["rows", *(one.key for construct in CONSTRUCTS.values() for one in construct.statements if one.many)])
"""Keys of what has a line for each of its parts."""


def write_yaml(items: Iterable[tree.Item], comments: Comments | None = None) -> str:
    """The text of one file."""
    plain = document(in_order(items), Form(False, {}))
    return laid_out(list(_entries(plain, ())), comments or {}, "#")


def _entries(value: dict[str, Plain], path: Path) -> Iterator[Entry]:
    for key, part in value.items():
        yield _entry((*path, key), f"{_scalar(key)}:", part)


def _entry(path: Path, head: str, part: Plain) -> Entry:
    if not isinstance(part, (dict, list)) or not part:
        wraps = len(head) + 2 if isinstance(part, Quoted) else None
        return Entry(path=path, text=f"{head} {_flow(part)}", wraps=wraps)
    flow = f"{head} {_flow(part)}" if _is_short(path, part) else None
    inside = tuple(_entries(part, path) if isinstance(part, dict) else _items(part, path))
    gap = len(path) == 1 and flow is None
    return Entry(path=path, text=head, inside=inside, flow=flow, gap=gap, wraps=None)


def _items(items: list[Plain], path: Path) -> Iterator[Entry]:
    for index, item in enumerate(items):
        inner = (*path, index)
        if not isinstance(item, dict):
            yield Entry(path=inner, text=f"- {_flow(item)}", wraps=2 if isinstance(item, Quoted) else None)
            continue
        flow = None if _LONG & item.keys() else f"- {_flow(item)}"
        yield Entry(path=inner, text="-", inside=tuple(_entries(item, inner)), flow=flow, hangs=True, wraps=None)


def _is_short(path: Path, part: dict[str, Plain] | list[Plain]) -> bool:
    """Whether a mapping or list stands on its key's line where it fits."""
    if len(path) == 1:
        return path[0] in _SHORT
    if (len(path) == 2 and path[0] != "units") or path[-1] in _LONG or (path[-1] == "capacity" and "by" in part):
        return False
    return "rows" not in path or _depth(part) == 1


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
    if text.isprintable() and "'" not in text and (isinstance(text, Quoted) or '"' in text or "\\" in text):
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=not text.isprintable())
