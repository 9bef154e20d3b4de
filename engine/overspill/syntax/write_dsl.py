"""Trees → DSL text: declarations by kind in a fixed order, statements in the order of the table of constructs.

The words come from here, the layout from the formatter. What is read back is the same tree, spans aside, and comments
stand with what they belonged to.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, assert_never

from overspill.cel.print import canonical_text
from overspill.syntax import tree
from overspill.syntax.comments import Comments, Place, part_of, place_of
from overspill.syntax.constructs import CONSTRUCTS, TOP_UP
from overspill.syntax.plain import Form, amount, exchange, reaction
from overspill.syntax.print_dsl import format_text
from overspill.syntax.shapes import Statement

AS_WRITTEN = Form(False, {})
_HEADER: tuple[type, ...] = (tree.Policy, tree.Language, tree.Effective, tree.Owner, tree.Unit)
_PLACES = {kind: place for place, kind in enumerate((*_HEADER, *CONSTRUCTS))}


def write_dsl(items: Iterable[tree.Item], comments: Comments | None = None) -> str:
    """The text of one file. The comments are used up."""
    known = comments or Comments()
    texts = [_commented(_item(item, known), place_of(item), known, whole=True) for item in in_order(items)]
    texts += [f"// {text}" for text in known.last]
    return format_text("".join(map(_spaced, ["", *texts], texts)) + "\n")


def _spaced(before: str, text: str) -> str:
    """What has braces stands apart; lines stand together."""
    if not before:
        return text
    return f"\n\n{text}" if "{" in before or "{" in text or text.startswith("//") else f"\n{text}"


def _commented(text: str, place: Place, comments: Comments, *, whole: bool) -> str:
    """A declaration or statement with its comments: the one behind it behind its first line."""
    ahead, behind = comments.take(place, whole=whole)
    first, line_break, rest = text.partition("\n")
    lines = [f"// {comment}" for comment in ahead]
    return "\n".join([*lines, first + ("" if behind is None else f"  // {behind}") + line_break + rest])


def in_order(items: Iterable[tree.Item]) -> list[tree.Item]:
    """Declarations by kind, as both writers give them; among one kind as they were."""
    return sorted(items, key=lambda item: _PLACES[type(item)])


def _item(item: tree.Item, comments: Comments) -> str:
    match item:
        case tree.Policy():
            return f"policy {item.name.text} version {item.version.text};"
        case tree.Language():
            return f"language {item.version.text};"
        case tree.Effective():
            return f"effective {_from_until(item.starts, item.ends)};"
        case tree.Owner():
            return f"owner {_string(item.text)};"
        case tree.Unit():
            kind = "integer" if item.digits is None else f"decimal({item.digits.text})"
            singular = "" if item.singular is None else f", singular {item.singular.text}"
            return f"unit {item.name.text}: {kind}{singular};"
        case tree.Include():
            return f"include {item.name.text} version {item.version.text};"
        case tree.Let():
            return f"let {item.name.text} = {canonical_text(item.expr)};"
        case tree.Invariant():
            return f"invariant {item.name.text}: {canonical_text(item.expr)};"
        case tree.AccountKind():
            of = "" if item.of is None else f" of {item.of.text}{' many' if item.many else ''}"
            return f"account {item.name.text}{of} {_fields(item, comments)}"
        case tree.RequestInputs():
            return f"request {_fields(item, comments)}"
        case _:
            construct = CONSTRUCTS[type(item)]
            parts = _statements(construct.statements, item, place_of(item), comments)
            return f"{construct.word} {item.name.text} {_braces(parts)}"


def _fields(item: tree.AccountKind | tree.RequestInputs, comments: Comments) -> str:
    place = (*place_of(item), "fields")
    return _braces(_commented(_field(field), (*place, field.name.text), comments, whole=True) for field in item.fields)


def _braces(parts: Iterable[str]) -> str:
    return "{\n" + "\n".join(parts) + "\n}"


def _statements(statements: Sequence[Statement], item: object, place: Place, comments: Comments) -> Iterator[str]:
    for statement in statements:
        value = getattr(item, statement.field)
        if value is None or value == () or value is False:
            continue
        own = (*place, statement.key)
        if statement.many:
            for index, one in enumerate(value):
                text = WORDS[statement.field](one)
                yield _commented(text, (*own, part_of(statement, index, one)), comments, whole=True)
            continue
        if isinstance(value, tree.Reaction):
            text = f"{statement.field.replace('_', ' ', 1)} {reaction(value, AS_WRITTEN)};"
        else:
            text = WORDS[statement.field](value)
        yield _commented(text, own, comments, whole=True)


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
    return f"{field.name.text}: {field.type.text}{'?' if field.optional else ''}{origin}{shown};"


def _key(key: tree.RowKey) -> str:
    return ", ".join("default" if isinstance(part, tree.Default) else _string(part) for part in key)


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


def _numbers(word: str, after: str) -> Callable[[tree.Numbers], str]:
    def write(value: tree.Numbers) -> str:
        if value.fixed is not None:
            return f"{word} {value.fixed.text}{after};"
        rows = (f"{_key(row.key)}: {row.number.text}{after};" for row in value.rows)
        return f"{word} by {_names(value.by)} {_braces(rows)}"

    return write


def _capacity(value: tree.Capacity) -> str:
    if not value.by:
        return f"capacity {_cells(value.rows[0].cells)};"
    rows = (f"{_key(row.key)}: {_cells(row.cells)};" for row in value.rows)
    return f"capacity by {_names(value.by)} {_braces(rows)}"


def _cells(cells: Sequence[tree.CapacityCell]) -> str:
    return ", ".join(f"{'' if cell.window is None else cell.window.text + ' '}{_amount(cell.bound)}" for cell in cells)


def _price(value: tree.PriceKey | tree.UnitPrice) -> str:
    if isinstance(value, tree.UnitPrice):
        return f"price {_amount(value.amount)} per {_amount(value.per)};"
    return f"price in {value.unit.text} per {value.per.text} by {_names(value.by)};"


def _price_table(table: tree.PriceTable) -> str:
    return f"from {table.starts.text} {_braces(map(_price_row, table.rows))}"


def _price_row(row: tree.PriceRow) -> str:
    if isinstance(row.cells, tree.Free):
        return f"{_key(row.key)}: free;"
    return f"{_key(row.key)}: {', '.join(f'{cell.meter.text} {cell.price.text}' for cell in row.cells)};"


def _reset(value: tree.Reset) -> str:
    label = "" if value.label is None else f" {_string(value.label)}"
    of = f" of {_names(value.of)}" if value.of else ""
    return f"reset {value.name.text}{label}{of} at {value.at.text} {value.anchor.text}{_when(value.when)};"


def _top_up(value: tree.TopUp) -> str:
    return f"top_up {_braces(_statements(TOP_UP.statements, value, (), Comments()))}"


def _draw(value: tree.Draw) -> str:
    within = f" within {_names(value.within)}" if value.within else ""
    at = "" if value.at is None else f" at {exchange(value.at, AS_WRITTEN)}"
    on_error = "" if value.on_error is None else f" on error {value.on_error.text}"
    return f"draw {value.layer.text}{within}{at}{on_error}{_when(value.when)};"


def _otherwise(value: tree.Otherwise) -> str:
    offers = f" offer {_names(value.offers)}" if value.offers else ""
    return f"otherwise deny {value.code.text}{offers};"


def _holds(value: tree.Holds) -> str:
    late = "" if value.late_capture is None else f", late capture {value.late_capture.text}"
    return f"holds expire after {value.expire_after.text}{late};"


def _word(words: str) -> Callable[[Any], str]:
    """A statement of these words and one name or length."""
    return lambda value: f"{words} {value.text};"


WORDS: Mapping[str, Callable[[Any], str]] = {
    "label": lambda value: f"label {_string(value)};",
    "per": lambda value: f"per {_names(value)};",
    "unit": _word("unit"),
    "price": _price,
    "meters": lambda value: f"meter {value.name.text} = {canonical_text(value.expr)};",
    "round": _word("round"),
    "tables": _price_table,
    "windows": lambda value: f"window {value.name.text}: {_window_kind(value.kind)};",
    "capacity": _capacity,
    "capacity_times": lambda value: f"capacity times {value.times.text} {_from_until(value.starts, value.ends)};",
    "multiplier": _numbers("multiplier", ""),
    "resets": _reset,
    "banked_reset": lambda value: f"banked_reset valid {value.valid.text} {value.anchor.text};",
    "warn_at": lambda value: f"warn at {', '.join(f'{one.text}%' for one in value)};",
    "skips": lambda value: f"skip {value.name.text}{_when(value.when)};",
    "order": lambda value: f"order {_names(value)};",
    "lots_expire_after": _word("lots expire after"),
    "overage": lambda value: f"overage {_up_to(value)};",
    "free": lambda value: "free;",
    "top_up": _top_up,
    "settings": _word("settings"),
    "when": lambda value: f"{_when(value)};",
    "valid": lambda value: f"valid {_from_until(value.starts, value.ends)};",
    "allowance": lambda value: f"{_up_to(value)};",
    "billed": _word("billed"),
    "up_to": lambda value: f"up to {_source(value)};",
    "only_if": _word("only_if"),
    "mode": _word("mode"),
    "at_most": _numbers("at most", " holds"),
    "serves": lambda value: f"serves {canonical_text(value)};",
    "priced_by": _word("priced by"),
    "counts": _word("counts"),
    "guards": lambda value: f"deny {value.name.text}{_when(value.when)};",
    "draws": _draw,
    "occupies": lambda value: f"occupy {value.concurrency.text}{_when(value.when)};",
    "otherwise": _otherwise,
    "fill": _word("fill"),
    "admission": _word("admission"),
    "holds": _holds,
    "on_reversal": lambda value: f"on reversal {value.name.text} {reaction(value.reaction, AS_WRITTEN)};",
}
"""How a statement is written, by its field; reactions, `on EVENT …`, are written alike."""
