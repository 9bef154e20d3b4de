"""Policies with comments wherever a comment may stand: behind words, between lines, in the middle of a statement."""

from __future__ import annotations

import re

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
