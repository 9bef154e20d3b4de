"""Parser callbacks for the CEL part of the grammar: tokens and nodes in, `cel.tree` nodes out.

Lark calls these while it parses (a transformer over a finished tree would recurse as deep as the text is nested). The
grammar keeps all tokens, so that the first and the last child tell the span.
"""

from __future__ import annotations

from lark import Token

from overspill.cel.literals import LiteralFault, bytes_value, double_value, int_value, string_value, uint_value
from overspill.cel.tree import Call, Conditional, Expr, Ident, ListExpr, Literal, Logic, MapExpr, Not, Select
from overspill.words.codec import replace
from overspill.words.diagnostics import Fault
from overspill.words.spans import Source, Span

RESERVED = frozenset(
    [
        "as",
        "break",
        "const",
        "continue",
        "else",
        "false",
        "for",
        "function",
        "if",
        "import",
        "in",
        "let",
        "loop",
        "package",
        "namespace",
        "null",
        "return",
        "true",
        "var",
        "void",
        "while",
    ]
)
"""Words that CEL keeps for itself (langdef.md, "Syntax")."""
KEYWORDS = frozenset({"false", "in", "null", "true"})
"""The reserved words that cannot follow a point either (cel-spec, `tests/simple/testdata/parse.textproto`, "selectors")."""
DEPTH_MAX = 64
"""How deep a tree may be. langdef.md asks for 32; every later stage walks the tree recursively, and Python's own parser
takes at most 200 open parentheses of generated text."""


class SyntaxStop(Exception):
    """A fault found by a callback: the parse ends here."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class CelBuilder:
    """The callbacks, one for each rule or alias; `begin` before each parse."""

    def __init__(self) -> None:
        self.source = Source("", "")
        self.offset = 0
        self._depths: dict[int, tuple[Expr, int]] = {}

    def begin(self, source: Source, offset: int = 0) -> None:
        """Spans of the coming parse are in `source`, `offset` characters further on than the parsed text."""
        self.source, self.offset = source, offset
        self._depths = {}

    # ---- spans

    def token_span(self, token: Token) -> Span:
        start, end = token.start_pos or 0, token.end_pos or 0
        return Span(self.source, start + self.offset, end + self.offset)

    def span_of(self, child: object) -> Span:
        return self.token_span(child) if isinstance(child, Token) else child.span  # type: ignore[attr-defined]

    def whole(self, children: list[object]) -> Span:
        return self.span_of(children[0]).to(self.span_of(children[-1]))

    def stop(self, code: str, child: object, message: str, help: str | None = None) -> SyntaxStop:
        return SyntaxStop(Fault(code=code, span=self.span_of(child), message=message, help=help))

    def grown(self, node: Expr, *parts: object) -> Expr:
        """`node` over `parts`, unless the tree gets too deep: brackets are not all that nests, `!!x` and `a + b + c` do.

        The nodes are kept beside their depths, so that no other object can take their ids while the parse lasts.
        """
        depth = 1 + max((self._depths[id(part)][1] for part in parts if id(part) in self._depths), default=0)
        if depth > DEPTH_MAX:
            help = "write one of several values as `x in [...]`, or split the condition"
            raise self.stop("OSP103", node, f"the expression is nested or chained deeper than {DEPTH_MAX}", help)
        self._depths[id(node)] = node, depth
        return node

    # ---- operators

    def cond(self, c: list[Expr]) -> Expr:
        return self.grown(Conditional(c[0], c[2], c[4], self.whole(c)), *c)  # type: ignore[arg-type]

    def or_(self, c: list[Expr]) -> Expr:
        return self.grown(Logic("||", c[0], c[2], self.whole(c)), *c)  # type: ignore[arg-type]

    def and_(self, c: list[Expr]) -> Expr:
        return self.grown(Logic("&&", c[0], c[2], self.whole(c)), *c)  # type: ignore[arg-type]

    def binary(self, c: list[object]) -> Expr:
        left, operator, right = c
        return self.grown(Call(str(operator), None, (left, right), self.whole(c)), *c)  # type: ignore[arg-type]

    def not_(self, c: list[Expr]) -> Expr:
        return self.grown(Not(c[1], self.whole(c)), *c)  # type: ignore[arg-type]

    def neg(self, c: list[Expr]) -> Expr:
        """`-9223372036854775808` is one literal: its digits alone would not fit. `--5` and `-(5)` are negations."""
        operand, span = c[1], self.whole(c)  # type: ignore[arg-type]
        value = operand.value if isinstance(operand, Literal) else None
        digits_follow = operand.span.start == span.start + 1 and operand.span.text[0] not in "-("
        if type(value) in (int, float) and digits_follow:
            return Literal(-value, span)  # type: ignore[operator]
        return self.grown(Call("-", None, (operand,), span), operand)

    # ---- members and primaries

    def select(self, c: list[object]) -> Expr:
        operand, _, name = c
        field = str(name)
        if field in KEYWORDS:
            raise self.stop("OSP132", name, f"`{field}` is reserved in CEL", f"write it as .`{field}`")
        if field.startswith("`"):
            field = field[1:-1]
        return self.grown(Select(operand, field, self.span_of(name), self.whole(c)), operand)  # type: ignore[arg-type]

    def method(self, c: list[object]) -> Expr:
        if str(c[2]) in KEYWORDS:
            raise self.stop("OSP132", c[2], f"`{c[2]}` is reserved in CEL", "use another name")
        args = self._args(c[4:-1])
        return self.grown(Call(str(c[2]), c[0], args, self.whole(c)), c[0], *args)  # type: ignore[arg-type]

    def index(self, c: list[object]) -> Expr:
        return self.grown(Call("[]", None, (c[0], c[2]), self.whole(c)), *c)  # type: ignore[arg-type]

    def paren(self, c: list[object]) -> Expr:
        """The expression itself, as wide as its brackets: what stands around it spans them."""
        inner: Expr = c[1]  # type: ignore[assignment]
        outer = replace(inner, span=self.whole(c))
        if id(inner) in self._depths:
            self._depths[id(outer)] = outer, self._depths[id(inner)][1]
        return outer

    def ident(self, c: list[Token]) -> Expr:
        name = str(c[0])
        if name in RESERVED:
            raise self.stop("OSP132", c[0], f"`{name}` is reserved in CEL", "use another name")
        return Ident(name, self.token_span(c[0]))

    def root_ident(self, c: list[Token]) -> Expr:
        """`.y`: the name from the root of all namespaces keeps its point."""
        return Ident(f".{c[1]}", self.token_span(c[0]).to(self.token_span(c[1])))

    def call(self, c: list[object]) -> Expr:
        self.ident([c[0]])  # type: ignore[list-item]
        args = self._args(c[2:-1])
        return self.grown(Call(str(c[0]), None, args, self.whole(c)), *args)

    def list_(self, c: list[object]) -> Expr:
        items = self._args(c[1:-1])
        return self.grown(ListExpr(items, self.whole(c)), *items)

    def map_(self, c: list[object]) -> Expr:
        entries = [child for child in c[1:-1] if isinstance(child, tuple)]
        return self.grown(MapExpr(tuple(entries), self.whole(c)), *(part for entry in entries for part in entry))

    def entry(self, c: list[Expr]) -> tuple[Expr, Expr]:
        return c[0], c[2]

    def args(self, c: list[object]) -> list[object]:
        return c

    def _args(self, c: list[object]) -> tuple[Expr, ...]:
        found: list[object] = []
        for child in c:
            found.extend(child if isinstance(child, list) else [child])
        return tuple(child for child in found if not isinstance(child, Token))  # type: ignore[misc]

    # ---- literals

    def int_(self, c: list[Token]) -> Expr:
        return Literal(int_value(str(c[0])), self.token_span(c[0]))

    def uint(self, c: list[Token]) -> Expr:
        return self._literal(c[0], uint_value)

    def double(self, c: list[Token]) -> Expr:
        return self._literal(c[0], double_value)

    def string(self, c: list[Token]) -> Expr:
        return self._literal(c[0], string_value)

    def bytes_(self, c: list[Token]) -> Expr:
        return self._literal(c[0], bytes_value)

    def true(self, c: list[Token]) -> Expr:
        return Literal(True, self.token_span(c[0]))

    def false(self, c: list[Token]) -> Expr:
        return Literal(False, self.token_span(c[0]))

    def null(self, c: list[Token]) -> Expr:
        return Literal(None, self.token_span(c[0]))

    def _literal(self, token: Token, value_of: object) -> Expr:
        try:
            return Literal(value_of(str(token)), self.token_span(token))  # type: ignore[operator]
        except LiteralFault as error:
            raise self.stop("OSP131", token, str(error)) from None
