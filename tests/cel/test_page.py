"""The page on expressions is true: its rows come to what they say, its limits are the limits, no function is left out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cel_support import Error, outcome

from overspill.cel import build, limits, macros
from overspill.cel.cost import LIST_SIZE, SCANNED, TEXT_SIZE
from overspill.cel.functions import FUNCTIONS
from overspill.patterns import match, parse
from overspill.plan.values import equal

PAGE = (Path(__file__).parents[2] / "docs" / "expressions.md").read_text("utf-8")
ROW = re.compile(r"^\| `(.+)` \| `(.+)` \|$", re.MULTILINE)
ROWS = [(text.replace(r"\|", "|"), comes_to) for text, comes_to in ROW.findall(PAGE)]
LIMITS = re.findall(r"^\| ([a-z ,]+) \| (\d+) \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("text", "comes_to"), ROWS)
def test_a_row_comes_to_what_it_says(text: str, comes_to: str) -> None:
    found = outcome(text)
    if comes_to == "error":
        assert isinstance(found, Error)
    else:
        assert equal(found, outcome(comes_to)), found


def test_no_function_or_macro_is_left_out() -> None:
    assert len(ROWS) > 40
    shown = " ".join(text for text, _ in ROWS)
    assert [name for name in (*FUNCTIONS, *macros.NAMES, "has") if f"{name}(" not in shown] == []


def test_the_limits_are_those_of_the_code() -> None:
    code = [
        limits.TEXT_MAX,
        build.DEPTH_MAX,
        limits.NESTING_MAX,
        limits.ITEMS_MAX,
        parse.BYTES_MAX,
        match.STEPS_MAX,
        limits.COST_MAX,
    ]
    assert [int(number) for _, number in LIMITS] == code
    assert f"each {SCANNED} characters" in PAGE
    assert f"{TEXT_SIZE} characters" in PAGE and f"{LIST_SIZE} items" in PAGE
