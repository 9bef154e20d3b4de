"""The normal form: fewest parentheses, one spacing, and the same tree again."""

from __future__ import annotations

import pytest
from cel_support import tree_of
from hypothesis import given
from hypothesis import strategies as st

from overspill.cel.print import canonical_text
from overspill.cel.tree import Literal
from overspill.words.names import hidden_character


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ('((user.plan))=="x"', 'user.plan == "x"'),
        ("(a||b)&&c", "(a || b) && c"),
        ("a||(b&&c)", "a || b && c"),
        ("a - (b - c)", "a - (b - c)"),
        ("(a - b) - c", "a - b - c"),
        ("a && (b && c)", "a && (b && c)"),
        ("!(a)", "!a"),
        ("!(a && b)", "!(a && b)"),
        ("(a ? b : c) ? d : (e ? f : g)", "(a ? b : c) ? d : e ? f : g"),
        ("-(5)", "-(5)"),
        ("--5", "-(-5)"),
        ("- 5", "-(5)"),
        ("(-5).size()", "(-5).size()"),
        ("-a.b", "-a.b"),
        ("(a + b)[0]", "(a + b)[0]"),
        ("[ 1,2, ]", "[1, 2]"),
        ("[ , ]", "[]"),
        ("{ , }", "{}"),
        ('{ "a":1 , "b":[ ] }', '{"a": 1, "b": []}'),
        ("0x10", "16"),
        ("7U", "7u"),
        ("1e2", "100.0"),
        ("'x'", '"x"'),
        (r"'\x41\u00e9'", '"Aé"'),
        (r'"\u202e\x7f\u2028"', r'"\u202e\u007f\u2028"'),
        (r'r"\d"', r'"\\d"'),
        ('b"é"', r'b"\xc3\xa9"'),
        (" . user . plan", ".user.plan"),
        ("[1].all( x ,x>0 )", "[1].all(x, x > 0)"),
        ("user.`in`", "user.`in`"),
        ("user.`plan`", "user.plan"),
        ("a // why\n== b", "a == b"),
    ],
)
def test_the_normal_form(text: str, normal: str) -> None:
    assert canonical_text(tree_of(text)) == normal
    assert canonical_text(tree_of(normal)) == normal


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_printed_string_hides_nothing_and_reads_back(value: str) -> None:
    plain = "".join(f"\\U{ord(char):08x}" for char in value)
    if len(plain) > 4000:
        return
    printed = canonical_text(tree_of(f'"{plain}"'))
    assert hidden_character(printed) is None
    assert canonical_text(tree_of(printed)) == printed
    literal = tree_of(printed)
    assert isinstance(literal, Literal) and literal.value == value
