"""Parser callbacks for what all constructs share, for the header, declared inputs and prices."""

from __future__ import annotations

import json
from typing import TypeVar

from lark import Token

from overspill.cel.build import CelBuilder
from overspill.syntax import tree
from overspill.syntax.constructs import Stated, assemble
from overspill.words.diagnostics import Fault
from overspill.words.names import NAME
from overspill.words.spans import Source, Span

T = TypeVar("T")
Children = list[object]


class BaseBuilder(CelBuilder):
    """The callbacks, one for each rule or alias; faults that do not stop the parse are collected."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[Fault] = []
        self.comments: list[tree.Comment] = []
        self.statements: list[tree.Statement] = []

    def begin(self, source: Source, offset: int = 0) -> None:
        super().begin(source, offset)
        self.faults = []
        self.comments = []
        self.statements = []

    def comment(self, token: Token) -> Token:
        self.comments.append(tree.Comment(str(token), self.token_span(token)))
        return token

    # ---- leaves

    def name_of(self, child: object) -> tree.Name:
        text, span = str(child), self.span_of(child)
        if NAME.fullmatch(text) is None:
            self.faults.append(
                Fault(
                    code="OSP205",
                    span=span,
                    message=f"`{text[:70]}` is no name",
                    help="use lower-case letters, digits and `_`, starting with a letter, at most 64 in all",
                )
            )
        return tree.Name(text, span)

    def text_of(self, child: object) -> tree.Text:
        try:
            value = json.loads(str(child))
        except json.JSONDecodeError:
            raise self.stop(
                "OSP205", child, "the string has an unknown escape", 'use \\" \\\\ \\n \\t or \\uXXXX'
            ) from None
        return tree.Text(value, self.span_of(child))

    def number_of(self, child: object) -> tree.Number:
        """`6_000` → 6000, and `007` → 7, which YAML would take for something else."""
        text = str(child).replace("_", "")
        if text[0] == "0" and text[1:2].isdigit():
            text = text.lstrip("0")
            text = text if text[:1].isdigit() else f"0{text}"
        return tree.Number(text, self.span_of(child))

    def duration_of(self, child: object) -> tree.DurationText:
        return tree.DurationText(str(child), self.span_of(child))

    def instant_of(self, child: object) -> tree.InstantText:
        return tree.InstantText(str(child), self.span_of(child))

    def of(self, children: Children, kind: type[T]) -> tuple[T, ...]:
        return tuple(child for child in children if isinstance(child, kind))

    def tokens(self, children: Children, kind: str) -> list[Token]:
        return [child for child in children if isinstance(child, Token) and child.type == kind]

    def stated(self, field: str, value: object, children: Children) -> Stated:
        span = self.whole(children)
        self.statements.append((field, value, span))
        return Stated(field, value, span)

    def whole(self, children: Children) -> Span:  # type: ignore[override]
        first, last = children[0], children[-1]
        start = self.span_of(first[0] if isinstance(first, tuple) else first)
        return start.to(self.span_of(last[-1] if isinstance(last, tuple) else last))

    def amount(self, c: Children) -> tree.Amount:
        return tree.Amount(self.number_of(c[0]), self.name_of(c[1]), self.whole(c))

    def unlimited(self, c: Children) -> tree.Unlimited:
        return tree.Unlimited(self.whole(c))

    def text(self, c: Children) -> tree.Text:
        return self.text_of(c[0])

    def number(self, c: Children) -> tree.Number:
        return self.number_of(c[0])

    def instant(self, c: Children) -> tree.InstantText:
        return self.instant_of(c[0])

    def boolean(self, c: Children) -> bool:
        return str(c[0]) == "true"

    def names(self, c: Children) -> tuple[tree.Name, ...]:
        return tuple(self.name_of(token) for token in self.tokens(c, "NAME"))

    def paths(self, c: Children) -> tuple[tree.Path, ...]:
        return self.of(c, tree.Path)

    def path(self, c: Children) -> tree.Path:
        return tree.Path(tuple(self.name_of(token) for token in self.tokens(c, "NAME")), self.whole(c))

    def key(self, c: Children) -> tree.Text | tree.Default:
        token = c[0]
        assert isinstance(token, Token)
        return self.text_of(token) if token.type == "STRING" else tree.Default(self.token_span(token))

    def row_key(self, c: Children) -> tree.RowKey:
        return tuple(child for child in c if isinstance(child, (tree.Text, tree.Default)))

    def numbers(self, c: Children) -> tree.Numbers:
        """`… NUMBER …;`"""
        return tree.Numbers(span=self.whole(c), fixed=self.number_of(self.tokens(c, "NUMBER")[0]), by=(), rows=())

    def numbers_by(self, c: Children, by: object) -> tree.Numbers:
        """`… by paths { rows }`."""
        rows = self.of(c, tree.NumberRow)
        return tree.Numbers(span=self.whole(c), fixed=None, by=by, rows=rows)  # type: ignore[arg-type]

    def number_row(self, c: Children) -> tree.NumberRow:
        return tree.NumberRow(span=self.whole(c), key=c[0], number=self.number_of(c[2]))  # type: ignore[arg-type]

    def when(self, c: Children) -> Stated:
        return self.stated("when", c[1], c)

    # ---- header, named expressions and inputs

    def start(self, c: Children) -> Children:
        return c

    def policy(self, c: Children) -> tree.Policy:
        return tree.Policy(span=self.whole(c), name=self.name_of(c[1]), version=self.number_of(c[3]))

    def language(self, c: Children) -> tree.Language:
        return tree.Language(span=self.whole(c), version=self.number_of(c[1]))

    def effective(self, c: Children) -> tree.Effective:
        ends = self.instant_of(c[4]) if len(c) > 4 else None
        return tree.Effective(span=self.whole(c), starts=self.instant_of(c[2]), ends=ends)

    def owner(self, c: Children) -> tree.Owner:
        return tree.Owner(span=self.whole(c), text=self.text_of(c[1]))

    def include(self, c: Children) -> tree.Include:
        return tree.Include(span=self.whole(c), name=self.name_of(c[1]), version=self.number_of(c[3]))

    def let(self, c: Children) -> tree.Let:
        return tree.Let(span=self.whole(c), name=self.name_of(c[1]), expr=c[3])  # type: ignore[arg-type]

    def invariant(self, c: Children) -> tree.Invariant:
        return tree.Invariant(span=self.whole(c), name=self.name_of(c[1]), expr=c[3])  # type: ignore[arg-type]

    def integer_unit(self, c: Children) -> tree.Unit:
        return self._unit(c, None)

    def decimal_unit(self, c: Children) -> tree.Unit:
        return self._unit(c, self.number_of(c[5]))

    def _unit(self, c: Children, digits: tree.Number | None) -> tree.Unit:
        names = self.tokens(c, "NAME")
        singular = self.name_of(names[1]) if len(names) > 1 else None
        return tree.Unit(span=self.whole(c), name=self.name_of(names[0]), digits=digits, singular=singular)

    def account(self, c: Children) -> tree.AccountKind | None:
        names = self.tokens(c, "NAME")
        items = [Stated("fields", field, field.span) for field in self.of(c, tree.Field)]
        if len(names) > 1:
            items.append(Stated("of", self.name_of(names[1]), self.token_span(names[1])))
        items += [Stated("many", True, self.token_span(token)) for token in self.tokens(c, "MANY")]
        return assemble(tree.AccountKind, self.whole(c), items, self.faults, name=self.name_of(names[0]))

    def request(self, c: Children) -> tree.RequestInputs | None:
        items = [Stated("fields", field, field.span) for field in self.of(c, tree.Field)]
        return assemble(tree.RequestInputs, self.whole(c), items, self.faults)

    def field(self, c: Children) -> tree.Field:
        marks = [child.type for child in c[3:] if isinstance(child, Token)]
        values = [child for child in c[3:] if not isinstance(child, Token)]
        return tree.Field(
            span=self.whole(c),
            name=self.name_of(c[0]),
            type=self.name_of(c[2]),
            optional="QMARK" in marks,
            from_request="FROM" in marks,
            default=values[0] if values else None,  # type: ignore[arg-type]
        )

    # ---- prices

    def rate_card(self, c: Children) -> tree.RateCard | None:
        return self.named(tree.RateCard, c)

    def named(self, kind: type[T], c: Children) -> T | None:
        return assemble(kind, self.whole(c), self.of(c, Stated), self.faults, name=self.name_of(c[1]))

    def label(self, c: Children) -> Stated:
        return self.stated("label", self.text_of(c[1]), c)

    def derived_meter(self, c: Children) -> Stated:
        meter = tree.DerivedMeter(span=self.whole(c), name=self.name_of(c[1]), expr=c[3])  # type: ignore[arg-type]
        return self.stated("meters", meter, c)

    def price_key(self, c: Children) -> Stated:
        key = tree.PriceKey(
            span=self.whole(c),
            unit=self.name_of(c[2]),
            per=self.number_of(c[4]),
            by=c[6],  # type: ignore[arg-type]
        )
        return self.stated("price", key, c)

    def round(self, c: Children) -> Stated:
        return self.stated("round", self.name_of(c[1]), c)

    def price_table(self, c: Children) -> Stated:
        rows = self.of(c, tree.PriceRow)
        return self.stated("tables", tree.PriceTable(span=self.whole(c), starts=self.instant_of(c[1]), rows=rows), c)

    def price_row(self, c: Children) -> tree.PriceRow:
        return tree.PriceRow(span=self.whole(c), key=c[0], cells=self.of(c, tree.PriceCell))  # type: ignore[arg-type]

    def free_row(self, c: Children) -> tree.PriceRow:
        return tree.PriceRow(span=self.whole(c), key=c[0], cells=tree.Free(self.span_of(c[2])))  # type: ignore[arg-type]

    def price_cell(self, c: Children) -> tree.PriceCell:
        return tree.PriceCell(span=self.whole(c), meter=self.name_of(c[0]), price=self.number_of(c[1]))
