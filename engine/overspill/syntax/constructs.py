"""The constructs of the language as one table: which statements each has, under which key, of which shape.

Both readers put constructs together through `assemble`, so both give the same faults; the YAML reader, the canonical
form and the JSON Schema read the keys and shapes from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from overspill.syntax import tree
from overspill.syntax.shapes import INLINE, Listed, Named, OneOf, Record, Statement, nothing
from overspill.words.codec import Struct
from overspill.words.diagnostics import Fault, Note, did_you_mean
from overspill.words.spans import Span

T = TypeVar("T")


class Construct(Struct, frozen=True):
    """`word` begins it in the DSL; `key` is the YAML mapping that holds all of its kind by name."""

    word: str
    key: str
    statements: tuple[Statement, ...]
    bare: bool = False
    """Its only value stands for it: `lets: {is_paid: '…'}`."""


# ---- records inside statements

_WHEN = Statement("when", "when", "expr")
_LENGTH_FROM = Record(
    tree.LengthFrom,
    "a window",
    (Statement("length", "length", "duration", required=True), Statement("start", "from", "start", required=True)),
)
_CALENDAR = Record(
    tree.CalendarPeriod,
    "a window",
    (Statement("period", "calendar", "calendar", required=True), Statement("zone", "in", "zone", required=True)),
)
_SLIDING = Record(tree.Sliding, "a window", (Statement("length", "sliding", "duration", required=True),))
_BUCKET = Record(
    tree.Bucket,
    "a window",
    (
        Statement("refill", "bucket", "amount", required=True),
        Statement("per", "per", "duration", required=True),
        Statement("burst", "burst", "amount", required=True),
    ),
)
PERIOD = OneOf((_LENGTH_FROM, _CALENDAR), "a period is {length, from} or {calendar, in}")
WINDOW_KIND = OneOf(
    (_LENGTH_FROM, _CALENDAR, _SLIDING, _BUCKET),
    "a window is {length, from}, {calendar, in}, {sliding} or {bucket, per, burst}",
)
_WINDOWS = Named(Record(tree.Window, "a window", (Statement("kind", INLINE, WINDOW_KIND, required=True),)), "window")
_ALLOWANCE = Record(
    tree.Allowance,
    "an allowance",
    (Statement("up_to", "up_to", "source", required=True), Statement("period", INLINE, PERIOD)),
    short=True,
)
_PRICE_KEY = Record(
    tree.PriceKey,
    "`price`",
    (
        Statement("unit", "in", "name", required=True),
        Statement("per", "per", "number", required=True),
        Statement("by", "by", "paths", required=True),
    ),
)
_METERS = Named(Record(tree.DerivedMeter, "a meter", (Statement("expr", "expr", "expr", required=True),), bare=True))
_CAPACITY_TIMES = Listed(
    Record(
        tree.CapacityTimes,
        "`capacity_times`",
        (
            Statement("times", "times", "number", required=True),
            Statement("starts", "from", "instant", required=True),
            Statement("ends", "until", "instant", required=True),
        ),
    ),
    ordered=False,
)
_RESETS = Named(
    Record(
        tree.Reset,
        "a reset",
        (
            Statement("label", "label", "text"),
            Statement("of", "of", "names"),
            Statement("at", "at", "instant", required=True),
            Statement("anchor", "anchor", "name", required=True),
            _WHEN,
        ),
    )
)
_BANKED_RESET = Record(
    tree.BankedReset,
    "`banked_reset`",
    (Statement("valid", "valid", "duration", required=True), Statement("anchor", "anchor", "name", required=True)),
)
_UNIT_PRICE = Record(
    tree.UnitPrice,
    "`price`",
    (Statement("amount", "amount", "amount", required=True), Statement("per", "per", "amount", required=True)),
)
TOP_UP = Record(
    tree.TopUp,
    "top_up",
    (
        Statement("settings", "settings", "name", required=True),
        Statement("on_top_up_cap", "on_top_up_cap", "reaction"),
        _WHEN,
    ),
)
_VALID = Record(
    tree.Validity,
    "`valid`",
    (Statement("starts", "from", "instant", required=True), Statement("ends", "until", "instant")),
)
_GUARDS = Listed(
    Record(
        tree.Guard,
        "a guard",
        (Statement("name", "deny", "name", required=True), Statement("when", "when", "expr", required=True)),
    )
)
_DRAWS = Listed(
    Record(
        tree.Draw,
        "a draw",
        (
            Statement("layer", "layer", "name", required=True),
            Statement("within", "within", "names"),
            Statement("at", "at", "exchange"),
            Statement("on_error", "on_error", "name"),
            _WHEN,
        ),
        short=True,
    )
)
_OCCUPIES = Listed(
    Record(
        tree.Occupy, "`occupy`", (Statement("concurrency", "concurrency", "name", required=True), _WHEN), short=True
    ),
    ordered=False,
)
_OTHERWISE = Record(
    tree.Otherwise,
    "`otherwise`",
    (Statement("code", "deny", "name", required=True), Statement("offers", "offer", "names")),
)
_HOLDS = Record(
    tree.Holds,
    "`holds`",
    (
        Statement("expire_after", "expire_after", "duration", required=True),
        Statement("late_capture", "late_capture", "duration"),
    ),
)
_REVERSALS = Named(
    Record(tree.OnReversal, "a reversal", (Statement("reaction", "reaction", "reaction", required=True),), bare=True)
)

# ---- statements that several constructs share

_LABEL = Statement("label", "label", "text")
_PER = Statement("per", "per", "paths", required=True)
_UNIT = Statement("unit", "unit", "name", required=True)
_MULTIPLIER = Statement("multiplier", "multiplier", "numbers")
_UP_TO = Statement("up_to", "up_to", "source", required=True)
_SKIPS = Statement(
    "skips",
    "skips",
    Named(Record(tree.Skip, "a skip", (Statement("when", "when", "expr", required=True),), bare=True), "skip"),
    many=True,
)
_FIELDS = Statement("fields", "fields", "fields", many=True)
_EXPR = Statement("expr", "expr", "expr", required=True)

CONSTRUCTS: Mapping[type, Construct] = {
    tree.Include: Construct(
        "include", "includes", (Statement("version", "version", "number", required=True),), bare=True
    ),
    tree.AccountKind: Construct(
        "account", "accounts", (Statement("of", "of", "name"), Statement("many", "many", "flag"), _FIELDS)
    ),
    tree.RequestInputs: Construct("request", "request", (_FIELDS,)),
    tree.Let: Construct("let", "lets", (_EXPR,), bare=True),
    tree.RateCard: Construct(
        "rate_card",
        "rate_cards",
        (
            _LABEL,
            Statement("price", "price", _PRICE_KEY, required=True),
            Statement("meters", "meters", _METERS, many=True),
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
            Statement("windows", "windows", _WINDOWS, required=True, many=True),
            Statement("capacity", "capacity", "capacity"),
            Statement("capacity_times", "capacity_times", _CAPACITY_TIMES, many=True),
            _MULTIPLIER,
            Statement("resets", "resets", _RESETS, many=True),
            Statement("banked_reset", "banked_reset", _BANKED_RESET),
            Statement("warn_at", "warn_at", "percents"),
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
            Statement("overage", "overage", _ALLOWANCE),
            _MULTIPLIER,
            Statement("on_overshoot", "on_overshoot", "reaction"),
            Statement("on_expired_in_hold", "on_expired_in_hold", "reaction"),
            Statement("free", "free", "flag"),
            _SKIPS,
            Statement("price", "price", _UNIT_PRICE),
            Statement("top_up", "top_up", TOP_UP),
        ),
    ),
    tree.Entitlement: Construct(
        "entitlement",
        "entitlements",
        (
            _LABEL,
            _PER,
            _UNIT,
            Statement("valid", "valid", _VALID),
            Statement("allowance", "allowance", _ALLOWANCE, required=True),
            _MULTIPLIER,
            Statement("billed", "billed", "name"),
            _SKIPS,
        ),
    ),
    tree.Grace: Construct("grace", "graces", (_LABEL, _PER, _UNIT, _UP_TO, Statement("only_if", "only_if", "name"))),
    tree.Cap: Construct(
        "cap",
        "caps",
        (
            _LABEL,
            _PER,
            _UNIT,
            Statement("windows", "windows", _WINDOWS, required=True, many=True),
            _UP_TO,
            Statement("mode", "mode", "name"),
        ),
    ),
    tree.Concurrency: Construct(
        "concurrency", "concurrencies", (_LABEL, _PER, Statement("at_most", "at_most", "numbers", required=True))
    ),
    tree.Waterfall: Construct(
        "waterfall",
        "waterfalls",
        (
            _LABEL,
            Statement("serves", "serves", "exprs", required=True, many=True),
            Statement("priced_by", "priced_by", "name"),
            Statement("counts", "counts", "name"),
            Statement("guards", "guards", _GUARDS, many=True),
            Statement("draws", "draw", _DRAWS, required=True, many=True),
            Statement("occupies", "occupy", _OCCUPIES, many=True),
            Statement("otherwise", "otherwise", _OTHERWISE, required=True),
            Statement("fill", "fill", "name"),
            Statement("admission", "admission", "name"),
            Statement("holds", "holds", _HOLDS),
            Statement("on_shortfall", "on_shortfall", "reaction"),
            Statement("on_error", "on_error", "reaction"),
            Statement("on_unavailable", "on_unavailable", "reaction"),
            Statement("on_reversal", "on_reversal", _REVERSALS, many=True),
        ),
    ),
    tree.Invariant: Construct("invariant", "invariants", (_EXPR,), bare=True),
}

HEADER_WORDS = ("policy", "language", "effective", "owner", "unit")


class Stated(Struct, frozen=True):
    """One statement as read: which field it fills, with what, where."""

    field: str
    value: object
    span: Span


def assemble(kind: type[T], span: Span, items: Iterable[Stated], faults: list[Fault], **given: object) -> T | None:
    """The construct made of its statements, or None with the faults added: stated twice, missing."""
    values: dict[str, object] = dict(given)
    first: dict[str, Stated] = {}
    collected: dict[str, list[object]] = {}
    word, parts = _parts(kind)
    statements = {statement.field: statement for statement in parts}
    complete = True
    for item in items:
        if item.field not in statements:
            faults.append(unknown("statement", _stated(item.field), item.span, map(_stated, statements)))
            complete = False
        elif statements[item.field].many:
            collected.setdefault(item.field, []).append(item.value)
        elif item.field in first:
            faults.append(twice(statements[item.field].key, item.span, first[item.field].span))
        else:
            first[item.field] = item
            values[item.field] = item.value
    for statement in parts:
        if statement.many:
            values[statement.field] = tuple(collected.get(statement.field, ()))
        if statement.required and not values.get(statement.field):
            faults.append(missing(word, statement.key, span))
            complete = False
        values.setdefault(statement.field, nothing(statement))
    return kind(span=span, **values) if complete else None  # type: ignore[call-arg]


def _parts(kind: type) -> tuple[str, tuple[Statement, ...]]:
    """(word, statements) of a construct, or of the one record whose statements stand in braces of their own."""
    construct = CONSTRUCTS.get(kind)
    return (TOP_UP.what, TOP_UP.statements) if construct is None else (construct.word, construct.statements)


def _stated(field: str) -> str:
    """`on_overshoot` as the DSL writes it."""
    return field.replace("_", " ") if field.startswith("on_") else field


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
    help = did_you_mean(word, known) or f"it may state {', '.join(f'`{name}`' for name in known)}"
    return Fault(code="OSP201", span=span, message=f"unknown {what} `{word[:64]}`", help=help)
