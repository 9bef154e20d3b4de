"""Patterns: what matches, what is refused, and that time is linear where backtracking would not end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill.patterns.match import Matcher
from overspill.patterns.nodes import folded
from overspill.patterns.parse import PatternFault


@pytest.mark.parametrize(
    ("pattern", "texts", "others"),
    [
        ("", ["", "a"], []),
        ("bc", ["abcd"], ["acb", "b", ""]),
        ("^bc", ["bcd"], ["abc", "\nbc"]),
        ("bc$", ["abc"], ["bcd", "bc\n"]),
        ("(?m)^b$", ["a\nb\nc", "b"], ["ab", "b c"]),
        (r"\Aab\z", ["ab"], ["ab\n", "xab"]),
        ("a.c", ["abc", "a😀c"], ["a\nc", "ac"]),
        ("(?s)a.c", ["a\nc"], ["ac"]),
        ("gr(a|e)y", ["grey", "gray"], ["gry"]),
        ("^(|b)$", ["", "b"], ["c"]),
        ("^ab*c$", ["ac", "abbbc"], ["adc"]),
        ("^ab+?c$", ["abc", "abbbc"], ["ac"]),
        ("^ab?c$", ["ac", "abc"], ["abbc"]),
        ("^a{2,3}$", ["aa", "aaa"], ["a", "aaaa"]),
        ("^a{2,}$", ["aa", "aaaaa"], ["a"]),
        ("^a{0}b$", ["b"], ["ab"]),
        ("^a{,2}$", ["a{,2}"], ["aa"]),
        ("^(a*)*b$", ["aab", "b"], ["aac"]),
        ("^[a-c]+$", ["abc"], ["abd"]),
        ("^[^a-c]$", ["d", "\n", "é"], ["a"]),
        ("^[]a]+$", ["]a"], ["b"]),
        ("^[a-]+$", ["a-"], ["b"]),
        (r"^[\d\-x]+$", ["1-x"], ["y"]),
        ("^[[:alpha:]_]+$", ["a_Z"], ["a1"]),
        ("^[[:^digit:]]$", ["a"], ["1"]),
        (r"^\d\D\s\S\w\W$", ["1a b_!"], ["aa b_!"]),
        (r"^\w$", ["a", "_"], ["é"]),
        (r"\bfoo\b", ["a foo.", "foo"], ["afoo", "foo1"]),
        (r"o\Bo", ["foo"], ["o o"]),
        (r"^\pL+$", ["éÀü", "漢"], ["a1"]),
        (r"^\p{Lu}\P{Lu}$", ["Éa"], ["aa"]),
        (r"^[\pN\pP]+$", ["1!"], ["a"]),
        ("(?i)straße", ["STRAßE"], ["strasse"]),
        ("(?i)^k$", ["k", "K", "\u212a"], ["q"]),
        ("(?i)^[a-c]$", ["B"], ["D"]),
        ("(?i)^[^b]$", ["a"], ["b", "B"]),
        ("(?i:a)b", ["Ab"], ["AB"]),
        ("a(?i)b|c", ["aB", "C"], ["AB"]),
        ("(?i)a(?-i)b", ["Ab"], ["AB"]),
        ("^(?P<n>a)(?<m>b)$", ["ab"], ["a"]),
        (r"^\Qa.b\E$", ["a.b"], ["axb"]),
        (r"^\x41\x{1F600}\101\n\.\-$", ["A😀A\n.-"], ["A"]),
        ("😀{2}", ["😀😀"], ["😀"]),
    ],
)
def test_what_matches(pattern: str, texts: list[str], others: list[str]) -> None:
    matcher = Matcher(pattern)
    assert [text for text in texts if not matcher.matches(text)] == []
    assert [text for text in others if matcher.matches(text)] == []


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        ("(", "a `(` has no `)`"),
        ("a)", "a `)` has no `(`"),
        ("[a", "a `[` has no `]`"),
        ("*a", "a repetition has nothing to repeat"),
        ("a|+", "a repetition has nothing to repeat"),
        ("{2}", "a repetition has nothing to repeat"),
        ("a**", "a repetition is itself repeated without a group"),
        ("a{2}{3}", "a repetition is itself repeated without a group"),
        ("a{3,2}", "`{3,2}` counts from less to more, up to 1000"),
        ("a{1001}", "`{1001}` counts from less to more, up to 1000"),
        ("(a{100}){11}", "it repeats something more than 1000 times"),
        ("[b-a]", "the range `b-a` is backwards"),
        ("[[:nope:]]", "`[:nope:]` is no class"),
        (r"\1", r"`\1` is no escape that is read here"),
        (r"\Z", r"`\Z` is no escape that is read here"),
        (r"\C", r"`\C` is no escape that is read here"),
        (r"\p{Greek}", r"`\p` takes a general category such as `L` or `Lu`, not `Greek`"),
        (r"\x4", r"`\x` takes two digits, or up to 10FFFF in braces"),
        ("a\\", "it ends with a backslash"),
        ("(?=a)", "`(?=` begins no group of RE2"),
        ("(?<=a)", "`(?<` begins no group of RE2"),
        ("(?P=n)", "`(?P` begins no group of RE2"),
        ("(?x)a", "`(?x` begins no group of RE2"),
        ("(?P<n-a>a)", "`n-a` is no name of a group"),
        ("é" * 129, "it is longer than 256 bytes"),
        ("(" * 33 + ")" * 33, "its groups are nested deeper than 32"),
        (r"(\pL{500}|b{500}){2}", "it comes to more than 2000 steps; repeat less"),
    ],
)
def test_what_is_no_pattern_is_refused(pattern: str, fault: str) -> None:
    with pytest.raises(PatternFault) as found:
        Matcher(pattern)
    assert str(found.value) == fault


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "^(a|a)*$", "^(a*)*(a*)*$", "(.*)*x", "^(a?){30}a{30}$", "([a-z]+)*[0-9]"]
)
def test_each_character_is_looked_at_once(pattern: str) -> None:
    """The steps of a run are counted, not timed: no state is made more than once."""
    matcher = Matcher(pattern)
    assert not matcher.matches("a" * 20_000 + "!")
    assert len(matcher._nodes) <= 70


def test_what_a_matcher_keeps_is_bounded() -> None:
    matcher = Matcher(r"(a|b)*a(a|b){9}$")
    words = ("".join("ab"[number >> bit & 1] for bit in range(11)) for number in range(2048))
    assert all(matcher.matches(word) is (word[-10] == "a") for word in words)
    assert len(matcher._nodes) <= 200
    anything = Matcher("^[^x]*$")
    assert anything.matches("".join(map(chr, range(0x4E00, 0x4E00 + 2000))))
    assert all(len(state.successors) <= 300 for node in anything._nodes.values() for state in node.states.values())


def test_characters_of_one_letter_know_each_other() -> None:
    assert set(map(chr, folded("s"))) == {"s", "S", "ſ"}
    assert set(map(chr, folded("Σ"))) == {"σ", "Σ", "ς"}
    assert folded("ı") == (ord("ı"),)


@given(st.text(alphabet="ab|*+?()[]^$\\.{}1,-é", max_size=12), st.text(alphabet="abé\n1-", max_size=8))
def test_any_text_is_a_pattern_or_a_fault(pattern: str, text: str) -> None:
    try:
        matcher = Matcher(pattern)
    except PatternFault as fault:
        assert str(fault)
    else:
        assert isinstance(matcher.matches(text), bool)


@given(st.text(max_size=20), st.text(max_size=40))
def test_a_quoted_text_is_found_where_it_is(part: str, text: str) -> None:
    quoted = "".join(f"\\x{{{ord(char):x}}}" for char in part)
    if len(quoted) <= 256:
        assert Matcher(quoted).matches(text) is (part in text)
        assert Matcher(quoted).matches(text + part)
