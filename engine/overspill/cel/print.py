"""An expression in its one normal form: the least parentheses, one style of spacing and of literals.

Two texts that parse to the same tree print the same; the policy digest and the formatter use it.
"""

from __future__ import annotations

import re
from typing import assert_never

from overspill.cel.build import KEYWORDS
from overspill.cel.tree import (
    Call,
    Conditional,
    Expr,
    Ident,
    ListExpr,
    Literal,
    LiteralValue,
    Logic,
    MapExpr,
    Not,
    Select,
    UInt,
)

_OPERATORS = {"||": 1, "&&": 2, "==": 3, "!=": 3, "<": 3, "<=": 3, ">": 3, ">=": 3, "in": 3, "+": 4, "-": 4}
_OPERATORS |= {"*": 5, "/": 5, "%": 5}
_TERNARY, _UNARY, _MEMBER = 0, 6, 7
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def canonical_text(expr: Expr) -> str:
    """The normal form; parsing it gives the same tree, spans aside."""
    return _text(expr)[0]


def _text(expr: Expr) -> tuple[str, int]:
    """(text, how tightly it binds)."""
    match expr:
        case Literal(value=value):
            negative = isinstance(value, (int, float)) and not isinstance(value, bool) and str(value).startswith("-")
            return literal_text(value), _UNARY if negative else _MEMBER
        case Ident(name=name):
            return name, _MEMBER
        case Select(operand=operand, field=field):
            is_word = _WORD.fullmatch(field) is not None and field not in KEYWORDS
            return f"{_at(operand, _MEMBER)}.{field if is_word else f'`{field}`'}", _MEMBER
        case Logic(operator=operator, left=left, right=right):
            return _infix(operator, left, right)
        case Not(operand=operand):
            return f"!{_at(operand, _UNARY)}", _UNARY
        case Conditional(condition=condition, then=then, otherwise=otherwise):
            parts = _at(condition, 1), _at(then, 1), _at(otherwise, _TERNARY)
            return f"{parts[0]} ? {parts[1]} : {parts[2]}", _TERNARY
        case ListExpr(items=items):
            return f"[{_list(items)}]", _MEMBER
        case MapExpr(entries=entries):
            pairs = ", ".join(f"{_at(key, _TERNARY)}: {_at(value, _TERNARY)}" for key, value in entries)
            return f"{{{pairs}}}", _MEMBER
        case Call():
            return _call(expr)
        case _:
            assert_never(expr)


def _call(call: Call) -> tuple[str, int]:
    args = call.args
    if call.target is not None:
        return f"{_at(call.target, _MEMBER)}.{call.function}({_list(args)})", _MEMBER
    if call.function == "[]":
        return f"{_at(args[0], _MEMBER)}[{_at(args[1], _TERNARY)}]", _MEMBER
    if call.function in _OPERATORS and len(args) == 2:
        return _infix(call.function, *args)
    if call.function == "-":
        # `-5` is a literal; the negation of a literal keeps its parentheses to stay one.
        text, level = _text(args[0])
        return (f"-({text})" if level < _UNARY or isinstance(args[0], Literal) else f"-{text}"), _UNARY
    return f"{call.function}({_list(args)})", _MEMBER


def _infix(operator: str, left: Expr, right: Expr) -> tuple[str, int]:
    """Operators of one level group to the left."""
    level = _OPERATORS[operator]
    return f"{_at(left, level)} {operator} {_at(right, level + 1)}", level


def _at(expr: Expr, level: int) -> str:
    text, own = _text(expr)
    return text if own >= level else f"({text})"


def _list(items: tuple[Expr, ...]) -> str:
    return ", ".join(_at(item, _TERNARY) for item in items)


def literal_text(value: LiteralValue) -> str:
    """A literal as CEL text."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case UInt(value=number):
            return f"{number}u"
        case str():
            return f'"{"".join(map(_character, value))}"'
        case bytes():
            return 'b"' + "".join(f"\\x{octet:02x}" for octet in value) + '"'
        case int() | float():
            return repr(value)
        case _:
            assert_never(value)


def _character(char: str) -> str:
    """A character of a string literal; one that shows nothing, or turns the reading direction, as its escape."""
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char == " " or char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if char < "\U00010000" else f"\\U{ord(char):08x}"
