"""Policies with comments wherever a comment may stand: behind words, between lines, in the middle of a statement."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from random import Random

import yaml
from hypothesis import strategies as st

BODIES = (" one", "", "two: {not} a; map", " 'quoted' and \"quoted\"", "/ three", " # four // five", "! é ∑", "\ttab")
"""What a comment may say."""
_WORDS = re.compile(r'"(?:\\.|[^"\\])*"|[^\s"]+')
_MOST = 12


@st.composite
def commented_dsl(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> str:
    """A text of the DSL with comments between its words, on lines of their own and behind what stands there."""
    text = draw(texts)
    ends = [match.end() for match in _WORDS.finditer(text)]
    chosen = sorted(draw(st.sets(st.sampled_from([0, *ends]), max_size=_MOST)), reverse=True)
    for number, at in enumerate(chosen):
        blocks = "".join(
            f"{draw(st.sampled_from(_BEFORE))}//{draw(st.sampled_from(BODIES))} {number}\n"
            for _ in range(draw(st.integers(1, 3)))
        )
        text = f"{text[:at]}{blocks}{draw(st.sampled_from(_BEHIND))}{text[at:]}"
    return text


_BEFORE = ("", " ", "\n", "\n  ", "\n\n", "\n\n      ")
_BEHIND = ("", "\n", "\n\n")


@st.composite
def commented_yaml(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> str:
    """A YAML text with comments behind its lines and between them, in any column."""
    lines = draw(texts).splitlines()
    for number in range(draw(st.integers(0, _MOST))):
        at = draw(st.integers(0, len(lines)))
        body = f"#{draw(st.sampled_from(BODIES))} {number}"
        if at < len(lines) and draw(st.booleans()) and lines[at] and " #" not in lines[at]:
            lines[at] = f"{lines[at]}  {body}"
        else:
            lines.insert(at, f"{' ' * draw(st.integers(0, 10))}{body}")
        if draw(st.booleans()):
            lines.insert(draw(st.integers(0, len(lines))), "")
    return "\n".join(lines) + draw(st.sampled_from(("", "\n", "\n\n")))


@st.composite
def any_yaml(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> str:
    """A YAML text as somebody else might have laid it out: other indents, flow and block, lists further out or in."""
    document = yaml.load(draw(texts), Loader=yaml.BaseLoader)
    return "\n".join(_block(document, "", Random(draw(st.integers(0, 2**32))), top=True))


def _block(value: object, indent: str, random: Random, *, top: bool = False) -> Iterator[str]:
    """The lines of a mapping or list, after its key's."""
    inner = indent if top else indent + " " * random.choice((1, 2, 4))
    if isinstance(value, list):
        inner = random.choice((inner, indent))
        for item in value:
            yield from _entry(f"{inner}-", item, inner, random)
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _entry(f"{inner}{json.dumps(key)}:", part, inner, random)


def _entry(head: str, value: object, indent: str, random: Random) -> Iterator[str]:
    if not isinstance(value, (dict, list)):
        yield f"{head} {_quoted(value)}"
    elif not value or random.randrange(4) == 0:
        yield f"{head} {_flow(value)}"
    elif random.randrange(4) == 0:
        opens, closes = "{}" if isinstance(value, dict) else "[]"
        parts = (
            [f"{json.dumps(key)}: {_flow(part)}" for key, part in value.items()] if opens == "{" else map(_flow, value)
        )
        yield f"{head} {opens}"
        yield from (f"{indent} {' ' * random.randrange(4)}{part}," for part in parts)
        yield f"{indent} {closes}"
    elif head.endswith("-"):
        first, *others = _block(value, f"{indent}  ", random, top=True)
        yield f"{head} {first.lstrip()}"
        yield from others
    else:
        yield head
        yield from _block(value, indent, random)


def _flow(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {_flow(part)}" for key, part in value.items()) + "}"
    return f"[{', '.join(map(_flow, value))}]" if isinstance(value, list) else _quoted(value)


def _quoted(value: object) -> str:
    text = str(value)
    return json.dumps(text) if "'" in text else f"'{text}'"
