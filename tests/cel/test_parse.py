"""Text → tree: precedence, spans, reserved words, limits, ranges of a larger text."""

from __future__ import annotations

import pytest
from cel_support import faults_of, tree_of

from overspill.cel.parse import parse
from overspill.cel.tree import Call, Conditional, Ident, Literal, Logic, Not, Select, UInt
from overspill.words.diagnostics import Fault
from overspill.words.spans import Source


def shape(expr: object) -> object:
    """The tree as nested tuples, to be read at a glance."""
    match expr:
        case Literal(value=value):
            return value
        case Ident(name=name):
            return name
        case Select(operand=operand, field=field):
            return (".", shape(operand), field)
        case Call(function=function, target=None, args=args):
            return (function, *map(shape, args))
        case Call(function=function, target=target, args=args):
            return (f".{function}", shape(target), *map(shape, args))
        case Logic(operator=operator, left=left, right=right):
            return (operator, shape(left), shape(right))
        case Not(operand=operand):
            return ("!", shape(operand))
        case Conditional(condition=condition, then=then, otherwise=otherwise):
            return ("?", shape(condition), shape(then), shape(otherwise))
    raise AssertionError(expr)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a || b && c", ("||", "a", ("&&", "b", "c"))),
        ("a && b == c + d * e", ("&&", "a", ("==", "b", ("+", "c", ("*", "d", "e"))))),
        ("a - b - c", ("-", ("-", "a", "b"), "c")),
        ("a - (b - c)", ("-", "a", ("-", "b", "c"))),
        ("!a.b", ("!", (".", "a", "b"))),
        ("-a * b", ("*", ("-", "a"), "b")),
        ("a ? b : c ? d : e", ("?", "a", "b", ("?", "c", "d", "e"))),
        ("a in b == c", ("==", ("in", "a", "b"), "c")),
        ("a.size() + size(a)", ("+", (".size", "a"), ("size", "a"))),
        ("a[1].b", (".", ("[]", "a", 1), "b")),
        ("-5", -5),
        ("-9223372036854775808", -(2**63)),
        ("--5", ("-", -5)),
        ("-(5)", ("-", 5)),
        ("0x1F", 31),
        ("3u", UInt(3)),
        ("1.5e3", 1500.0),
        ("when && limit && pool", ("&&", ("&&", "when", "limit"), "pool")),
        ("user.for", (".", "user", "for")),
        ("user.`in`", (".", "user", "in")),
        ("-0x10", -16),
        ("0000000000000000000000000000001", 1),
        (".5 + 1.5e-3", ("+", 0.5, 0.0015)),
        (".a.b", (".", ".a", "b")),
        ("!.a && .b", ("&&", ("!", ".a"), ".b")),
        ("a // a comment\n && b", ("&&", "a", "b")),
    ],
)
def test_operators_bind_as_cel_says(text: str, tree: object) -> None:
    assert shape(tree_of(text)) == tree


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"a\n\t\"\\"', 'a\n\t"\\'),
        ("'it\"s'", 'it"s'),
        (r'r"\d"', r"\d"),
        ('"""two\nlines"""', "two\nlines"),
        (r'"\u00e9\x41\101\U0001F600"', "éAA\U0001f600"),
        (r'br"\x"', rb"\x"),
        (r'"\x41\101\u0041\U00000041\`\?"', "AAAA`?"),
        ("r'''a\n'b'''", "a\n'b"),
        (r'b"\xff\377a"', b"\xff\xffa"),
        ('b"ÿ"', b"\xc3\xbf"),
    ],
)
def test_escapes_give_the_characters_that_they_name(text: str, value: object) -> None:
    assert shape(tree_of(text)) == value


def test_every_node_spans_its_own_text() -> None:
    expr = tree_of(' a.b == "x" && !(has(c.d) || 1 in [2])')
    assert isinstance(expr, Logic) and isinstance(expr.right, Not) and isinstance(expr.left, Call)
    assert expr.span.text == 'a.b == "x" && !(has(c.d) || 1 in [2])'
    assert [arg.span.text for arg in expr.left.args] == ["a.b", '"x"']
    assert expr.right.span.text == "!(has(c.d) || 1 in [2])"
    assert expr.right.operand.span.text == "(has(c.d) || 1 in [2])"
    selected = expr.left.args[0]
    assert isinstance(selected, Select) and selected.name_span.text == "b"


def test_spans_of_a_part_are_places_of_the_whole() -> None:
    source = Source("f.yaml", 'when: user.plan == "x"\n')
    expr = parse(source, 6, 22)
    assert not isinstance(expr, Fault)
    assert (expr.span.start, expr.span.end, expr.span.place) == (6, 22, "f.yaml:1:7")
    fault = parse(Source("f.yaml", "when: user. ==\n"), 6, 14)
    assert isinstance(fault, Fault) and fault.span.place == "f.yaml:1:13"


@pytest.mark.parametrize(
    "text",
    [
        "(" * 2000 + "1" + ")" * 2000,
        "!" * 2000 + "true",
        "-" * 2000 + "input_tokens",
        " && ".join(["true"] * 500),
        "+".join(["1"] * 1000),
        "true ? 1 : " * 200 + "1",
        "[" * 1000 + "]" * 1000,
        "a" + ".b" * 1000,
    ],
)
def test_what_nests_too_deep_is_one_fault(text: str) -> None:
    assert [fault.code for fault in faults_of(text)] == ["OSP103"]


def test_an_expression_longer_than_four_kibibytes_is_refused() -> None:
    assert [fault.code for fault in faults_of('"' + "x" * 5000 + '"')] == ["OSP102"]


@pytest.mark.parametrize(
    "text",
    [
        " && ".join(["user.suspended"] * 32),
        " || ".join(["user.suspended"] * 32),
        " + ".join(["1"] * 33) + " > 0",
        "(" * 32 + "user.suspended" + ")" * 32,
        "!" * 32 + "user.suspended",
        "user.plan in [" + ", ".join(['"p"'] * 32) + "]",
    ],
)
def test_what_cel_asks_every_implementation_to_take_is_taken(text: str) -> None:
    assert faults_of(text) == ()


@pytest.mark.parametrize(
    "word",
    [
        "as",
        "break",
        "const",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "return",
        "var",
        "void",
        "while",
    ],
)
def test_reserved_words_are_no_names(word: str) -> None:
    assert [fault.code for fault in faults_of(word)] == ["OSP132"]
