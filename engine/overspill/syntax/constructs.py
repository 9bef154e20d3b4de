"""The constructs of the language as one table: which statements each has, under which key, of which shape.

Both readers put constructs together through `assemble`, so both give the same faults; the YAML reader, the canonical
form and the JSON Schema read the keys and shapes from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from overspill.syntax import tree
from overspill.words.diagnostics import Fault, Note, did_you_mean
from overspill.words.spans import Span

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a construct. `field` is the tree's, `key` the YAML key, `shape` how a value reads and writes."""

    field: str
    key: str
    shape: str
    required: bool = False
    many: bool = False
    """Stated any number of times in the DSL; a mapping or list in YAML."""


@dataclass(frozen=True, slots=True)
class Construct:
    """`word` begins it in the DSL; `key` is the YAML mapping that holds all of its kind by name."""

    word: str
    key: str
    statements: tuple[Statement, ...]


_LABEL = Statement("label", "label", "text")
_PER = Statement("per", "per", "paths", required=True)
_UNIT = Statement("unit", "unit", "name", required=True)
_MULTIPLIER = Statement("multiplier", "multiplier", "multiplier")
_SKIPS = Statement("skips", "skips", "skips", many=True)

CONSTRUCTS: Mapping[type, Construct] = {
    tree.AccountKind: Construct(
        "account",
        "accounts",
        (Statement("of", "of", "name"), Statement("fields", "fields", "fields", many=True)),
    ),
    tree.RequestInputs: Construct("request", "request", (Statement("fields", "fields", "fields", many=True),)),
    tree.RateCard: Construct(
        "rate_card",
        "rate_cards",
        (
            _LABEL,
            Statement("price", "price", "price_key", required=True),
            Statement("meters", "meters", "meters", many=True),
            Statement("round", "round", "name"),
            Statement("tables", "prices", "prices", required=True, many=True),
        ),
    ),
    tree.Limit: Construct(
        "limit",
        "limits",
        (
            _LABEL,
            _PER,
            _UNIT,
            Statement("windows", "windows", "windows", required=True, many=True),
            Statement("capacity", "capacity", "capacity", required=True),
            _MULTIPLIER,
            _SKIPS,
        ),
    ),
    tree.Pool: Construct(
        "pool",
        "pools",
        (
            _LABEL,
            _PER,
            _UNIT,
            Statement("order", "order", "names"),
            Statement("lots_expire_after", "lots_expire_after", "duration"),
            _MULTIPLIER,
            Statement("free", "free", "flag"),
            _SKIPS,
            Statement("price", "price", "unit_price"),
        ),
    ),
    tree.Waterfall: Construct(
        "waterfall",
        "waterfalls",
        (
            _LABEL,
            Statement("serves", "serves", "expr", required=True),
            Statement("priced_by", "priced_by", "name"),
            Statement("counts", "counts", "name"),
            Statement("guards", "guards", "guards", many=True),
            Statement("draws", "draw", "draws", required=True, many=True),
            Statement("otherwise", "otherwise", "otherwise", required=True),
            Statement("fill", "fill", "name"),
            Statement("holds", "holds", "holds"),
            Statement("on_shortfall", "on_shortfall", "name"),
            Statement("on_error", "on_error", "name"),
        ),
    ),
}

HEADER_WORDS = ("policy", "language", "effective", "owner", "unit")
LATER_WORDS = (
    *("cap", "grace", "concurrency", "entitlement", "let", "invariant", "include"),
    *("reset", "banked_reset", "warn", "top_up", "overage", "occupy", "admission"),
)
"""Words of the language that this version does not read yet: named as such, never guessed at."""


@dataclass(frozen=True, slots=True)
class Stated:
    """One statement as read: which field it fills, with what, where."""

    field: str
    value: object
    span: Span


def assemble(kind: type[T], span: Span, items: Iterable[Stated], faults: list[Fault], **given: object) -> T | None:
    """The construct made of its statements, or None with the faults added: stated twice, missing."""
    values: dict[str, object] = dict(given)
    first: dict[str, Stated] = {}
    collected: dict[str, list[object]] = {}
    construct = CONSTRUCTS[kind]
    statements = {statement.field: statement for statement in construct.statements}
    for item in items:
        if statements[item.field].many:
            collected.setdefault(item.field, []).append(item.value)
        elif item.field in first:
            faults.append(twice(statements[item.field].key, item.span, first[item.field].span))
        else:
            first[item.field] = item
            values[item.field] = item.value
    complete = True
    for statement in construct.statements:
        if statement.many:
            values[statement.field] = tuple(collected.get(statement.field, ()))
        if statement.required and not values.get(statement.field):
            faults.append(missing(construct.word, statement.key, span))
            complete = False
        values.setdefault(statement.field, _nothing(statement.shape))
    return kind(span=span, **values) if complete else None  # type: ignore[call-arg]


def _nothing(shape: str) -> object:
    return {"names": (), "paths": (), "flag": False}.get(shape)


def twice(key: str, span: Span, first: Span) -> Fault:
    return Fault(
        code="OSP203",
        span=span,
        message=f"`{key}` is stated twice",
        label="here again",
        notes=(Note(first, "first stated here"),),
        help="keep one of them",
    )


def missing(word: str, key: str, span: Span) -> Fault:
    return Fault(
        code="OSP202",
        span=Span(span.source, span.start, min(span.end, span.start + len(word))),
        message=f"the {word} states no `{key}`",
        help=f"add a `{key}` statement",
    )


def unknown(what: str, word: str, span: Span, known: Iterable[str]) -> Fault:
    """A statement or key that the construct does not have."""
    known = sorted(known)
    if word in LATER_WORDS:
        return Fault(
            code="OSP201",
            span=span,
            message=f"`{word}` is not supported by this version",
            help="leave it out until a version that reads it",
        )
    help = did_you_mean(word, known) or f"it may state {', '.join(f'`{name}`' for name in known)}"
    return Fault(code="OSP201", span=span, message=f"unknown {what} `{word[:64]}`", help=help)
