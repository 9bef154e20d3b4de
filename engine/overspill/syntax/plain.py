"""Parts of the tree → plain values in the shape of the YAML surface, by the table of constructs.

In normal form for the canonical JSON: defaults filled in, numbers, lengths, instants and expressions in one spelling,
units by their names, lists where order counts. Otherwise as the author wrote it, for the YAML writer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from overspill.cel.print import canonical_text
from overspill.cel.tree import Expr
from overspill.syntax import tree
from overspill.syntax.constructs import CONSTRUCTS
from overspill.syntax.shapes import INLINE, Listed, Named, OneOf, Record, Shape, Statement
from overspill.words.amounts import AmountError, decimal_from_text, text_from_steps
from overspill.words.codec import sorted_json_bytes
from overspill.words.instants import InstantError, instant_from_text, instant_text
from overspill.words.lengths import LengthError, length_from_text, length_text

Plain = str | bool | list["Plain"] | dict[str, "Plain"]

DEFAULT_ORDER = ("priority", "expires_at", "category", "granted_at", "id")
DEFAULTS: Mapping[type, Mapping[str, Plain]] = {
    tree.RateCard: {"round": "half_even"},
    tree.Pool: {
        "order": list(DEFAULT_ORDER),
        "free": False,
        "on_overshoot": "refund",
        "on_expired_in_hold": "honor",
    },
    tree.TopUp: {"on_top_up_cap": "partial"},
    tree.Cap: {"mode": "strict"},
    tree.Holds: {"late_capture": "1h"},
    tree.Waterfall: {
        "fill": "split",
        "admission": "hold",
        "holds": {"expire_after": "15min", "late_capture": "1h"},
        "on_error": "deny",
        "on_shortfall": "deny",
        "on_unavailable": "deny",
        "on_reversal": {"closed_window": "no_transfer", "expired_lot": "breakage"},
    },
}
"""What a construct that says nothing says (LANGUAGE.md section 2)."""


_THOUSANDS = re.compile(r"(?<=[0-9])(?=(?:[0-9]{3})+$)")


class Quoted(str):
    """Text that YAML quotes whatever it looks like: an expression."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Form:
    """`normal` form or as written; `singulars` are the units' names by their singulars.

    `grouped`: numbers with `_` between thousands, as the DSL writes them.
    """

    normal: bool
    singulars: Mapping[str, str]
    grouped: bool = False

    def unit(self, name: tree.Name) -> str:
        return self.singulars.get(name.text, name.text) if self.normal else name.text


def construct(item: tree.Item, form: Form) -> Plain:
    """One construct by its statements' keys; what it does not state is left out or defaulted."""
    found = CONSTRUCTS[type(item)]
    plain = _statements(found.statements, item, form)
    return plain[found.statements[0].key] if found.bare else plain


def _statements(statements: tuple[Statement, ...], item: object, form: Form) -> dict[str, Plain]:
    plain: dict[str, Plain] = {}
    for statement in statements:
        value = getattr(item, statement.field)
        if value is None or value == () or value is False:
            continue
        written = _written(statement.shape, value, form)
        if statement.key == INLINE:
            assert isinstance(written, dict)
            plain |= written
        else:
            plain[statement.key] = written
    return _defaulted(plain, DEFAULTS.get(type(item), {})) if form.normal else plain


def _defaulted(plain: dict[str, Plain], defaults: Mapping[str, Plain]) -> dict[str, Plain]:
    """With every default; one that has parts of its own, part by part."""
    for key, default in defaults.items():
        stated = plain.get(key)
        if stated is None:
            plain[key] = default
        elif isinstance(stated, dict) and isinstance(default, dict):
            plain[key] = {**default, **stated}
    return plain


def _written(shape: Shape, value: object, form: Form) -> Plain:
    match shape:
        case str():
            return SHAPES[shape](value, form)
        case Record():
            return _record(shape, value, form)
        case OneOf(records=records):
            return _record(next(record for record in records if record.kind is type(value)), value, form)
        case Named(record=record, word=word):
            assert isinstance(value, tuple)
            if word and form.normal:
                return [{word: item.name.text, **_statements(record.statements, item, form)} for item in value]
            return {item.name.text: _record(record, item, form) for item in value}
        case Listed(record=record, ordered=ordered):
            assert isinstance(value, tuple)
            found = [_record(record, item, form) for item in value]
            return found if ordered or not form.normal else sorted(found, key=sorted_json_bytes)
        case _:
            assert_never(shape)


def _record(record: Record, value: object, form: Form) -> Plain:
    plain = _statements(record.statements, value, form)
    key = record.statements[0].key
    return plain[key] if record.bare or (record.short and list(plain) == [key]) else plain


# ---- leaves


def number(value: tree.Number, form: Form) -> str:
    """A decimal without leading or trailing zeros; text that is none stays as it is, for the checker to name."""
    if form.grouped:
        whole, point, rest = value.text.partition(".")
        return _THOUSANDS.sub("_", whole) + point + rest
    if not form.normal:
        return value.text
    try:
        decimal = decimal_from_text(value.text)
    except AmountError:
        return value.text
    return text_from_steps(decimal.digits, decimal.scale)


def amount(value: tree.Amount | tree.Unlimited, form: Form) -> str:
    if isinstance(value, tree.Unlimited):
        return "unlimited"
    return f"{number(value.number, form)} {form.unit(value.unit)}"


def duration(value: tree.DurationText, form: Form) -> str:
    try:
        return length_text(length_from_text(value.text)) if form.normal else value.text
    except LengthError:
        return value.text


def instant(value: tree.InstantText, form: Form) -> str:
    try:
        return instant_text(instant_from_text(value.text)) if form.normal else value.text
    except InstantError:
        return value.text


def paths(value: Sequence[tree.Path], form: Form) -> Plain:
    return [path.text for path in value]


def names(value: Sequence[tree.Name], form: Form) -> Plain:
    return [name.text for name in value]


def percents(value: Sequence[tree.Percent], form: Form) -> Plain:
    """Ascending, without leading zeros."""
    if not form.normal:
        return [f"{one.text}%" for one in value]
    texts = [one.text.lstrip("0") or "0" for one in value]
    return [f"{text}%" for text in sorted(texts, key=lambda text: (len(text), text))]


def expressions(value: Sequence[Expr], form: Form) -> Plain:
    texts: list[str] = [_expr(expr, form) for expr in value]
    return texts[0] if len(texts) == 1 else [*(sorted(texts) if form.normal else texts)]


def _expr(value: Expr, form: Form) -> str:
    return canonical_text(value) if form.normal else Quoted(canonical_text(value))


def start(value: tree.InstantText | tree.Path, form: Form) -> str:
    return value.text if isinstance(value, tree.Path) else instant(value, form)


def source(value: tree.Source, form: Form) -> Plain:
    match value:
        case tree.Path():
            return value.text
        case tree.Choice(function=function, args=args):
            return {function.text: [source(arg, form) for arg in args]}
        case _:
            return amount(value, form)


def reaction(value: tree.Reaction, form: Form) -> str:
    up_to = "" if value.up_to is None else f" up to {amount(value.up_to, form)}"
    return value.word.text + up_to + ("" if value.length is None else f" {duration(value.length, form)}")


def exchange(at: tree.Exchange, form: Form) -> str:
    number_text = "" if at.per is None else number(at.per, form)
    per = "" if at.per is None or (form.normal and number_text == "1") else f"{number_text} "
    return f"{amount(at.amount, form)} per {per}{form.unit(at.unit)}"


# ---- fields and tables


def fields(value: Sequence[tree.Field], form: Form) -> Plain:
    return {field.name.text: _field(field, form) for field in value}


def _field(field: tree.Field, form: Form) -> Plain:
    kind = field.type.text + ("?" if field.optional else "")
    origin: dict[str, Plain] = {"from": "request"} if field.from_request else {}
    default: Plain
    match field.default:
        case None:
            return {"type": kind, **origin} if origin else kind
        case bool():
            default = "true" if field.default else "false"
        case tree.Text(text=text):
            default = text
        case tree.Number():
            default = number(field.default, form)
        case tree.InstantText():
            default = instant(field.default, form)
        case tree.Amount():
            default = amount(field.default, form)
    return {"type": kind, **origin, "default": default}


def prices(value: Sequence[tree.PriceTable], form: Form) -> Plain:
    return [{"from": instant(table.starts, form), "rows": _price_rows(table, form)} for table in value]


def _price_rows(table: tree.PriceTable, form: Form) -> dict[str, Plain]:
    rows: dict[str, Plain] = {}
    for row in table.rows:
        cells: Plain = "free"
        if not isinstance(row.cells, tree.Free):
            cells = {cell.meter.text: number(cell.price, form) for cell in row.cells}
        _put(rows, row.key, cells)
    return rows


def _put(rows: dict[str, Plain], key: tree.RowKey, value: Plain) -> None:
    """Sets the row of a key: one level of mapping for each value, `default` for a default."""
    level = rows
    words = ["default" if isinstance(part, tree.Default) else part.text for part in key]
    for word in words[:-1]:
        level = level.setdefault(word, {})  # type: ignore[assignment]
    level[words[-1]] = value


def _table(by: Sequence[tree.Path], rows: dict[str, Plain], form: Form) -> dict[str, Plain]:
    """`default` stands beside `rows`, not in it; as written, only where it is the whole key."""
    is_beside = "default" in rows and (form.normal or len(by) == 1)
    default = {"default": rows.pop("default")} if is_beside else {}
    return {"by": paths(by, form), "rows": rows, **default}


def capacity(value: tree.Capacity, form: Form) -> Plain:
    if not value.by:
        return _capacity_cells(value.rows[0], form)
    rows: dict[str, Plain] = {}
    for row in value.rows:
        _put(rows, row.key, _capacity_cells(row, form))
    return _table(value.by, rows, form)


def _capacity_cells(row: tree.CapacityRow, form: Form) -> Plain:
    if len(row.cells) == 1 and row.cells[0].window is None:
        return amount(row.cells[0].bound, form)
    return {"" if cell.window is None else cell.window.text: amount(cell.bound, form) for cell in row.cells}


def numbers(value: tree.Numbers, form: Form) -> Plain:
    if value.fixed is not None:
        return number(value.fixed, form)
    rows: dict[str, Plain] = {}
    for row in value.rows:
        _put(rows, row.key, number(row.number, form))
    return _table(value.by, rows, form)


SHAPES: Mapping[str, Callable[..., Plain]] = {
    "text": lambda value, form: value.text,
    "name": lambda value, form: value.text,
    "zone": lambda value, form: value.text,
    "calendar": lambda value, form: value.text,
    "flag": lambda value, form: value if form.normal else "true",
    "expr": _expr,
    "number": number,
    "amount": amount,
    "duration": duration,
    "instant": instant,
    "paths": paths,
    "names": names,
    "percents": percents,
    "exprs": expressions,
    "start": start,
    "source": source,
    "reaction": reaction,
    "exchange": exchange,
    "fields": fields,
    "prices": prices,
    "capacity": capacity,
    "numbers": numbers,
}
"""How a leaf is written."""
