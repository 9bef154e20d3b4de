"""The formatter and the converter: one style, the same meaning, every comment once and where it belongs."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill.review.diff import read_side
from overspill.syntax import tree
from overspill.syntax.format import Surface, formatted
from overspill.syntax.read import read
from overspill.syntax.style import in_style
from overspill.syntax.write_yaml import write_yaml
from support.comments import commented_dsl, commented_yaml
from support.everything import any_policies, without_spans

DSL, YAML = Surface.DSL, Surface.YAML


def written(text: str, own: Surface, to: Surface) -> str:
    """The text of a file of one surface, formatted in the same or the other one."""
    found, faults = formatted(f"t{own.ending}", text.encode(), to)
    assert faults == ()
    assert found is not None
    return found


def file_of(text: str, surface: Surface) -> tree.File:
    file, faults = read(f"t{surface.ending}", text.encode())
    assert faults == ()
    assert file is not None
    return file


def comments(text: str, surface: Surface) -> Counter[str]:
    mark = "//" if surface is DSL else "#"
    return Counter(comment.text.removeprefix(mark).rstrip() for comment in file_of(text, surface).comments)


def digest(text: str, surface: Surface) -> str:
    return read_side({f"t{surface.ending}": text.encode()}).digest


def yaml_policies() -> st.SearchStrategy[str]:
    return any_policies().map(lambda text: write_yaml(file_of(text, DSL).items))


GENERATED = [(DSL, commented_dsl(any_policies())), (YAML, commented_yaml(yaml_policies()))]
EACH = pytest.mark.parametrize(("own", "texts"), GENERATED, ids=["dsl", "yaml"])


@EACH
@given(data=st.data())
def test_formatting_again_changes_nothing(own: Surface, texts: st.SearchStrategy[str], data: st.DataObject) -> None:
    once = written(data.draw(texts), own, own)
    assert written(once, own, own) == once


@EACH
@pytest.mark.parametrize("to", [DSL, YAML])
@given(data=st.data())
def test_what_is_written_says_the_same_with_the_same_comments(
    own: Surface, texts: st.SearchStrategy[str], to: Surface, data: st.DataObject
) -> None:
    text = data.draw(texts)
    result = written(text, own, to)
    assert digest(result, to) == digest(text, own)
    assert comments(result, to) == comments(text, own)
    said = without_spans(tuple(in_style(file_of(text, own).items)))
    assert without_spans(tuple(in_style(file_of(result, to).items))) == said
    assert written(result, to, to) == result


@EACH
@given(data=st.data())
def test_from_dsl_to_yaml_and_back_is_the_same_text(
    own: Surface, texts: st.SearchStrategy[str], data: st.DataObject
) -> None:
    once = written(data.draw(texts), own, DSL)
    assert written(written(once, DSL, YAML), YAML, DSL) == once
