"""Trees → DSL text: an entry for each construct, statement and row, laid out with their comments.

The words come from here, lines and columns from the layout. What is read back is the same tree, spans aside.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, assert_never

from overspill.cel.print import canonical_text
from overspill.syntax import tree
from overspill.syntax.comments import Comments, Path
from overspill.syntax.constructs import CONSTRUCTS
from overspill.syntax.layout import Entry, laid_out
from overspill.syntax.paths import HEADER, Part, Row, is_table, item_path, parts, rows, statements_of
from overspill.syntax.plain import Form, amount, exchange, number, reaction
from overspill.syntax.style import in_order

AS_WRITTEN = Form(False, {}, grouped=True)
_ON_HEAD = ("of", "many")
"""Statements that stand on the first line of their construct."""


def write_dsl(items: Iterable[tree.Item], comments: Comments | None = None) -> str:
    """The text of one file."""
    return laid_out(list(_entries(in_order(items))), comments or {}, "//")


def _entries(items: Sequence[tree.Item]) -> Iterator[Entry]:
    """One for each item; lines of one kind, and those of the header, follow each other without a blank line."""
    before: tree.Item | None = None
    for item in items:
        is_next = type(item) is type(before) or (type(item) in HEADER and type(before) in HEADER)
        yield _entry(item, gap=bool(statements_of(item)) or not is_next)
        before = item


def _entry(item: tree.Item, gap: bool) -> Entry:
    path = item_path(item)
    match item:
        case tree.Policy():
            text = f"policy {item.name.text} version {item.version.text};"
        case tree.Language():
            text = f"language {item.version.text};"
        case tree.Effective():
            text = f"effective {_from_until(item.starts, item.ends)};"
        case tree.Owner():
            text = f"owner {_string(item.text)};"
        case tree.Unit():
            kind = "integer" if item.digits is None else f"decimal({item.digits.text})"
            singular = "" if item.singular is None else f", singular {item.singular.text}"
            return Entry(path=path, lead=f"unit {item.name.text}:", text=f"{kind}{singular};", gap=gap)
        case tree.Include():
            text = f"include {item.name.text} version {item.version.text};"
        case tree.Let():
            text = f"let {item.name.text} = {canonical_text(item.expr)};"
        case tree.Invariant():
            text = f"invariant {item.name.text}: {canonical_text(item.expr)};"
        case tree.AccountKind():
            of = "" if item.of is None else f" of {item.of.text}{' many' if item.many else ''}"
            return _block(path, f"account {item.name.text}{of}", _statements(item, path), gap=gap)
        case tree.RequestInputs():
            return _block(path, "request", _statements(item, path), gap=gap)
        case _:
            head = f"{CONSTRUCTS[type(item)].word} {item.name.text}"
            return _block(path, head, _statements(item, path), gap=gap)
    return Entry(path=path, text=text, gap=gap)


def _block(path: Path, head: str, inside: Iterable[Entry], *, gap: bool = False, folds: bool = False) -> Entry:
    """A block in braces. One that folds, or holds nothing, stands on one line where it can."""
    entries = tuple(inside)
    words = " ".join(f"{entry.lead} {entry.text}" for entry in entries)
    flow = f"{head} {{}}" if not entries else f"{head} {{ {words} }}" if folds else None
    return Entry(path=path, text=f"{head} {{", inside=entries, close="}", flow=flow, gap=gap)


def _statements(node: tree.Item | tree.TopUp, path: Path) -> Iterator[Entry]:
    return (_statement(part) for part in parts(node, path) if part.statement.field not in _ON_HEAD)


def _statement(part: Part) -> Entry:
    statement, value, path = part
    match value:
        case tree.TopUp():
            return _block(path, "top_up", _statements(value, path))
        case tree.Reaction():
            return Entry(path=path, text=f"{statement.field.replace('_', ' ', 1)} {reaction(value, AS_WRITTEN)};")
        case tree.Window():
            return Entry(path=path, lead=f"window {value.name.text}:", text=f"{_window_kind(value.kind)};")
        case _ if is_table(value):
            return _table(statement.field, value, path)
        case _:
            return Entry(path=path, text=f"{WORDS[statement.field](value)};")


def _table(field: str, value: Any, path: Path) -> Entry:
    """A block of rows, whose keys are one column. Tables of numbers are short enough for one line."""
    head = (
        f"from {value.starts.text}" if isinstance(value, tree.PriceTable) else f"{_TABLES[field]} by {_names(value.by)}"
    )
    entries = (
        Entry(path=inner, lead=f"{_key(row.key)}:", text=f"{_row(row)}{_AFTER.get(field, '')};")
        for row, inner in rows(value, path)
    )
    return _block(path, head, entries, folds=isinstance(value, tree.Numbers))


def _row(row: Row) -> str:
    match row:
        case tree.NumberRow():
            return number(row.number, AS_WRITTEN)
        case tree.CapacityRow():
            return _cells(row.cells)
        case tree.PriceRow(cells=tree.Free()):
            return "free"
        case tree.PriceRow(cells=cells):
            assert not isinstance(cells, tree.Free)
            return ", ".join(f"{cell.meter.text} {number(cell.price, AS_WRITTEN)}" for cell in cells)
        case _:
            assert_never(row)


# ---- leaves


def _string(value: tree.Text) -> str:
    return json.dumps(value.text, ensure_ascii=not value.text.isprintable())


def _names(value: Sequence[tree.Name | tree.Path]) -> str:
    return ", ".join(name.text for name in value)


def _amount(value: tree.Amount | tree.Unlimited) -> str:
    return amount(value, AS_WRITTEN)


def _from_until(starts: tree.InstantText, ends: tree.InstantText | None) -> str:
    return f"from {starts.text}" + ("" if ends is None else f" until {ends.text}")


def _when(expr: object) -> str:
    return "" if expr is None else f" when {canonical_text(expr)}"  # type: ignore[arg-type]


def _field(field: tree.Field) -> str:
    origin = " from request" if field.from_request else ""
    default = field.default
    shown = ""
    match default:
        case None:
            pass
        case bool():
            shown = f" = {'true' if default else 'false'}"
        case tree.Text():
            shown = f" = {_string(default)}"
        case tree.Amount():
            shown = f" = {_amount(default)}"
        case _:
            shown = f" = {default.text}"
    return f"{field.name.text}: {field.type.text}{'?' if field.optional else ''}{origin}{shown}"


def _key(key: tree.RowKey) -> str:
    return ", ".join("default" if isinstance(part, tree.Default) else _string(part) for part in key)


def _cells(cells: Sequence[tree.CapacityCell]) -> str:
    return ", ".join(f"{'' if cell.window is None else cell.window.text + ' '}{_amount(cell.bound)}" for cell in cells)


def _source(source: tree.Source) -> str:
    match source:
        case tree.Path():
            return source.text
        case tree.Choice(function=function, args=args):
            return f"{function.text}({', '.join(map(_source, args))})"
        case _:
            return _amount(source)


def _window_kind(kind: tree.WindowKind) -> str:
    match kind:
        case tree.LengthFrom(length=length, start=start):
            return f"{length.text} from {start.text}"
        case tree.CalendarPeriod(period=period, zone=zone):
            return f"calendar {period.text} in {zone.text}"
        case tree.Sliding(length=length):
            return f"sliding {length.text}"
        case tree.Bucket(refill=refill, per=per, burst=burst):
            return f"bucket {_amount(refill)} per {per.text} burst {_amount(burst)}"
        case _:
            assert_never(kind)


def _up_to(allowance: tree.Allowance) -> str:
    if allowance.period is None:
        return _source(allowance.up_to)
    return f"up to {_source(allowance.up_to)} per {_window_kind(allowance.period)}"


# ---- statements


def _price(value: tree.PriceKey | tree.UnitPrice) -> str:
    if isinstance(value, tree.UnitPrice):
        return f"price {_amount(value.amount)} per {_amount(value.per)}"
    return f"price in {value.unit.text} per {number(value.per, AS_WRITTEN)} by {_names(value.by)}"


def _reset(value: tree.Reset) -> str:
    label = "" if value.label is None else f" {_string(value.label)}"
    of = f" of {_names(value.of)}" if value.of else ""
    return f"reset {value.name.text}{label}{of} at {value.at.text} {value.anchor.text}{_when(value.when)}"


def _draw(value: tree.Draw) -> str:
    within = f" within {_names(value.within)}" if value.within else ""
    at = "" if value.at is None else f" at {exchange(value.at, AS_WRITTEN)}"
    on_error = "" if value.on_error is None else f" on error {value.on_error.text}"
    return f"draw {value.layer.text}{within}{at}{on_error}{_when(value.when)}"


def _otherwise(value: tree.Otherwise) -> str:
    offers = f" offer {_names(value.offers)}" if value.offers else ""
    return f"otherwise deny {value.code.text}{offers}"


def _holds(value: tree.Holds) -> str:
    late = "" if value.late_capture is None else f", late capture {value.late_capture.text}"
    return f"holds expire after {value.expire_after.text}{late}"


def _word(words: str) -> Callable[[Any], str]:
    """A statement of these words and one name or length."""
    return lambda value: f"{words} {value.text}"


WORDS: Mapping[str, Callable[[Any], str]] = {
    "label": lambda value: f"label {_string(value)}",
    "per": lambda value: f"per {_names(value)}",
    "unit": _word("unit"),
    "price": _price,
    "fields": _field,
    "meters": lambda value: f"meter {value.name.text} = {canonical_text(value.expr)}",
    "round": _word("round"),
    "capacity": lambda value: f"capacity {_cells(value.rows[0].cells)}",
    "capacity_times": lambda value: f"capacity times {value.times.text} {_from_until(value.starts, value.ends)}",
    "multiplier": lambda value: f"multiplier {number(value.fixed, AS_WRITTEN)}",
    "resets": _reset,
    "banked_reset": lambda value: f"banked_reset valid {value.valid.text} {value.anchor.text}",
    "warn_at": lambda value: f"warn at {', '.join(f'{one.text}%' for one in value)}",
    "skips": lambda value: f"skip {value.name.text}{_when(value.when)}",
    "order": lambda value: f"order {_names(value)}",
    "lots_expire_after": _word("lots expire after"),
    "overage": lambda value: f"overage {_up_to(value)}",
    "free": lambda value: "free",
    "settings": _word("settings"),
    "when": lambda value: f"when {canonical_text(value)}",
    "valid": lambda value: f"valid {_from_until(value.starts, value.ends)}",
    "allowance": _up_to,
    "billed": _word("billed"),
    "up_to": lambda value: f"up to {_source(value)}",
    "only_if": _word("only_if"),
    "mode": _word("mode"),
    "at_most": lambda value: f"at most {number(value.fixed, AS_WRITTEN)} holds",
    "serves": lambda value: f"serves {canonical_text(value)}",
    "priced_by": _word("priced by"),
    "counts": _word("counts"),
    "guards": lambda value: f"deny {value.name.text}{_when(value.when)}",
    "draws": _draw,
    "occupies": lambda value: f"occupy {value.concurrency.text}{_when(value.when)}",
    "otherwise": _otherwise,
    "fill": _word("fill"),
    "admission": _word("admission"),
    "holds": _holds,
    "on_reversal": lambda value: f"on reversal {value.name.text} {reaction(value.reaction, AS_WRITTEN)}",
}
"""How a statement of one line is written, by its field; reactions, `on EVENT …`, are written alike."""
_TABLES = {"capacity": "capacity", "multiplier": "multiplier", "at_most": "at most"}
_AFTER = {"at_most": " holds"}
"""What begins a table by its field, and what stands behind each of its numbers."""
