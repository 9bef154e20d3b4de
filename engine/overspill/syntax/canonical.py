"""A bundle's tree → its canonical JSON and digest: what a policy says, and nothing of how it is written.

The shape is that of the YAML surface with every default filled in, every number, length, instant and expression in its
normal form, declarations and rows by name. Comments, layout, surface, the order of declarations and the split into
files never change it (LANGUAGE.md principle 2). Strings, booleans, lists and objects only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass, replace
from hashlib import sha256
from typing import TypeVar

from overspill.cel.print import canonical_text
from overspill.syntax import tree
from overspill.syntax.constructs import CONSTRUCTS
from overspill.words.amounts import AmountError, decimal_from_text, text_from_steps
from overspill.words.codec import sorted_json_bytes
from overspill.words.instants import InstantError, instant_from_text, instant_text
from overspill.words.lengths import LengthError, length_from_text, length_text

T = TypeVar("T")
Plain = str | bool | list["Plain"] | dict[str, "Plain"]

DEFAULT_ORDER = ("priority", "expires_at", "category", "granted_at", "id")
DEFAULTS: Mapping[type, Mapping[str, Plain]] = {
    tree.RateCard: {"round": "half_even"},
    tree.Pool: {"order": list(DEFAULT_ORDER), "free": False},
    tree.Waterfall: {
        "fill": "split",
        "holds": {"expire_after": "15min", "late_capture": "1h"},
        "on_error": "deny",
        "on_shortfall": "deny",
    },
}
"""What a construct that says nothing says (LANGUAGE.md section 2)."""


def canonical(bundle: tree.Bundle) -> dict[str, Plain]:
    """The canonical form of all files together."""
    items = [item for file in bundle.files for item in file.items]
    singulars = {item.singular.text: item.name for item in items if isinstance(item, tree.Unit) and item.singular}
    result: dict[str, Plain] = {}
    for item in items:
        _add(result, _in_plural(item, singulars))
    return result


def _in_plural(node: T, singulars: Mapping[str, tree.Name]) -> T:
    """The same tree with units by their names where the author wrote the singular."""
    if isinstance(node, tuple):
        return tuple(_in_plural(part, singulars) for part in node)  # type: ignore[return-value]
    if isinstance(node, (tree.Amount, tree.Exchange)) and node.unit.text in singulars:
        node = replace(node, unit=singulars[node.unit.text])
    if singulars and is_dataclass(node) and type(node).__module__ == tree.__name__:
        parts = {field.name: getattr(node, field.name) for field in dataclass_fields(node)}
        return replace(node, **{name: _in_plural(part, singulars) for name, part in parts.items()})  # type: ignore[type-var]
    return node


def canonical_bytes(bundle: tree.Bundle) -> bytes:
    """Compact JSON with sorted keys."""
    return sorted_json_bytes(canonical(bundle))


def digest(bundle: tree.Bundle) -> str:
    """`sha256:` and the hex digest of the canonical bytes."""
    return f"sha256:{sha256(canonical_bytes(bundle)).hexdigest()}"


def _add(result: dict[str, Plain], item: tree.Item) -> None:
    match item:
        case tree.Policy():
            result["policy"] = {"name": item.name.text, "version": number(item.version)}
        case tree.Language():
            result["language"] = number(item.version)
        case tree.Effective():
            result["effective"] = effective(item)
        case tree.Owner():
            result["owner"] = item.text.text
        case tree.Unit():
            _named(result, "units")[item.name.text] = unit(item)
        case tree.RequestInputs():
            result["request"] = construct(item, with_defaults=True)
        case _:
            found = construct(item, with_defaults=True)
            _named(result, CONSTRUCTS[type(item)].key)[item.name.text] = found


def _named(result: dict[str, Plain], key: str) -> dict[str, Plain]:
    found = result.setdefault(key, {})
    assert isinstance(found, dict)
    return found


def construct(item: object, *, with_defaults: bool) -> dict[str, Plain]:
    """One construct by its statements' keys; what it does not state is left out or defaulted."""
    plain: dict[str, Plain] = dict(DEFAULTS.get(type(item), {})) if with_defaults else {}
    for statement in CONSTRUCTS[type(item)].statements:
        value = getattr(item, statement.field)
        if value is None or value == () or value is False:
            continue
        plain[statement.key] = SHAPES[statement.shape](value)
    return plain


# ---- leaves


def number(value: tree.Number) -> str:
    """A decimal without leading or trailing zeros; text that is none stays as it is, for the checker to name."""
    try:
        decimal = decimal_from_text(value.text)
    except AmountError:
        return value.text
    return text_from_steps(decimal.digits, decimal.scale)


def amount(value: tree.Amount | tree.Unlimited) -> str:
    return "unlimited" if isinstance(value, tree.Unlimited) else f"{number(value.number)} {value.unit.text}"


def duration(value: tree.DurationText) -> str:
    try:
        return length_text(length_from_text(value.text))
    except LengthError:
        return value.text


def instant(value: tree.InstantText) -> str:
    try:
        return instant_text(instant_from_text(value.text))
    except InstantError:
        return value.text


def effective(item: tree.Effective) -> Plain:
    ends: dict[str, Plain] = {} if item.ends is None else {"until": instant(item.ends)}
    return {"from": instant(item.starts), **ends}


def unit(item: tree.Unit) -> Plain:
    kind = "integer" if item.digits is None else f"decimal({number(item.digits)})"
    return kind if item.singular is None else {"type": kind, "singular": item.singular.text}


def paths(value: Sequence[tree.Path]) -> Plain:
    return [path.text for path in value]


def names(value: Sequence[tree.Name]) -> Plain:
    return [name.text for name in value]


# ---- shapes of statements


def fields(value: Sequence[tree.Field]) -> Plain:
    return {field.name.text: _field(field) for field in value}


def _field(field: tree.Field) -> Plain:
    kind = field.type.text + ("?" if field.optional else "")
    default: Plain
    match field.default:
        case None:
            return kind
        case bool():
            default = "true" if field.default else "false"
        case tree.Text(text=text):
            default = text
        case tree.Number():
            default = number(field.default)
        case tree.Amount():
            default = amount(field.default)
    return {"type": kind, "default": default}


def price_key(value: tree.PriceKey) -> Plain:
    return {"in": value.unit.text, "per": number(value.per), "by": paths(value.by)}


def meters(value: Sequence[tree.DerivedMeter]) -> Plain:
    return {meter.name.text: canonical_text(meter.expr) for meter in value}


def prices(value: Sequence[tree.PriceTable]) -> Plain:
    return [{"from": instant(table.starts), "rows": _price_rows(table)} for table in value]


def _price_rows(table: tree.PriceTable) -> dict[str, Plain]:
    rows: dict[str, Plain] = {}
    for row in table.rows:
        cells: Plain = "free"
        if not isinstance(row.cells, tree.Free):
            cells = {cell.meter.text: number(cell.price) for cell in row.cells}
        _put(rows, row.key, cells)
    return rows


def _put(rows: dict[str, Plain], key: tree.RowKey, value: Plain) -> None:
    """Sets the row of a key: one level of mapping for each value, `default` for a default."""
    level = rows
    words = ["default" if isinstance(part, tree.Default) else part.text for part in key]
    for word in words[:-1]:
        level = level.setdefault(word, {})  # type: ignore[assignment]
    level[words[-1]] = value


def _table(by: Sequence[tree.Path], rows: dict[str, Plain]) -> dict[str, Plain]:
    """`default` stands beside `rows`, not in it, at the top level."""
    default = {"default": rows.pop("default")} if "default" in rows else {}
    return {"by": paths(by), "rows": rows, **default}


def capacity(value: tree.Capacity) -> Plain:
    if not value.by:
        return _capacity_cells(value.rows[0])
    rows: dict[str, Plain] = {}
    for row in value.rows:
        _put(rows, row.key, _capacity_cells(row))
    return _table(value.by, rows)


def _capacity_cells(row: tree.CapacityRow) -> Plain:
    if len(row.cells) == 1 and row.cells[0].window is None:
        return amount(row.cells[0].bound)
    return {"" if cell.window is None else cell.window.text: amount(cell.bound) for cell in row.cells}


def multiplier(value: tree.Multiplier) -> Plain:
    if value.fixed is not None:
        return number(value.fixed)
    rows: dict[str, Plain] = {}
    for row in value.rows:
        _put(rows, row.key, number(row.factor))
    return _table(value.by, rows)


def windows(value: Sequence[tree.Window]) -> Plain:
    """A list, since of windows that end together the first written binds (LANGUAGE.md L6)."""
    return [{"window": window.name.text, **window_kind(window.kind)} for window in value]


def window_kind(kind: tree.FirstUse | tree.CalendarPeriod) -> dict[str, Plain]:
    match kind:
        case tree.FirstUse(length=length):
            return {"length": duration(length), "from": "first_use"}
        case tree.CalendarPeriod(period=period, zone=zone):
            return {"calendar": period.text, "in": zone.text}


def skips(value: Sequence[tree.Skip]) -> Plain:
    """A list, since the first that holds names the cause."""
    return [{"skip": skip.name.text, "when": canonical_text(skip.when)} for skip in value]


def unit_price(value: tree.UnitPrice) -> Plain:
    return {"amount": amount(value.amount), "per": amount(value.per)}


def guards(value: Sequence[tree.Guard]) -> Plain:
    return [{"deny": guard.name.text, "when": canonical_text(guard.when)} for guard in value]


def draws(value: Sequence[tree.Draw]) -> Plain:
    return [_draw(draw) for draw in value]


def _draw(draw: tree.Draw) -> Plain:
    plain: dict[str, Plain] = {"layer": draw.layer.text}
    if draw.at is not None:
        plain["at"] = exchange(draw.at)
    if draw.on_error is not None:
        plain["on_error"] = draw.on_error.text
    if draw.when is not None:
        plain["when"] = canonical_text(draw.when)
    return plain["layer"] if len(plain) == 1 else plain


def exchange(at: tree.Exchange) -> str:
    per = "" if at.per is None or number(at.per) == "1" else f"{number(at.per)} "
    return f"{amount(at.amount)} per {per}{at.unit.text}"


def otherwise(value: tree.Otherwise) -> Plain:
    offers: dict[str, Plain] = {"offer": names(value.offers)} if value.offers else {}
    return {"deny": value.code.text, **offers}


def holds(value: tree.Holds) -> Plain:
    late = "1h" if value.late_capture is None else duration(value.late_capture)
    return {"expire_after": duration(value.expire_after), "late_capture": late}


SHAPES: Mapping[str, Callable[..., Plain]] = {
    "text": lambda value: value.text,
    "name": lambda value: value.text,
    "names": names,
    "paths": paths,
    "flag": bool,
    "duration": duration,
    "expr": canonical_text,
    "fields": fields,
    "price_key": price_key,
    "meters": meters,
    "prices": prices,
    "capacity": capacity,
    "multiplier": multiplier,
    "windows": windows,
    "skips": skips,
    "unit_price": unit_price,
    "guards": guards,
    "draws": draws,
    "otherwise": otherwise,
    "holds": holds,
}
"""How a statement's value is written, by its shape."""
