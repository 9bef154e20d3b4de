"""YAML nodes → the same tree as the DSL gives, every scalar typed by its place.

The keys and the shapes of their values come from the table of constructs; one function below reads one shape.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeVar

from overspill.syntax import tree
from overspill.syntax.constructs import CONSTRUCTS, Stated, assemble, unknown
from overspill.syntax.yaml_comments import comments
from overspill.syntax.yaml_leaves import Leaves
from overspill.syntax.yaml_nodes import Listing, Mapping, Node, Scalar, read_nodes
from overspill.words.diagnostics import Fault
from overspill.words.spans import Source, Span

T = TypeVar("T")

_DECIMAL = re.compile(r"decimal\(([0-9]{1,2})\)")
_FIELD = re.compile(r"([a-z][a-z0-9_]*)(\?)?")
_EXCHANGE = re.compile(r"(\S+) +(\S+) +per +(?:(\S+) +)?(\S+)")
_TOP = ("policy", "language", "effective", "owner", "units")


def read_yaml(source: Source) -> tuple[tree.File | None, tuple[Fault, ...]]:
    """The tree of one `*.spill.yaml` file; None when there is any fault."""
    document, faults = read_nodes(source)
    if document is None:
        return None, faults
    reader = _YamlReader()
    items = tuple(reader.items(document))
    found = tuple(sorted(reader.faults, key=lambda fault: (fault.span.start, fault.code)))
    return (None if found else tree.File(source, items, comments(source, document))), found


class _YamlReader(Leaves):
    """Reads constructs by the table, and the file that holds them."""

    # ---- the file

    def items(self, document: Mapping) -> Iterator[tree.Item]:
        keys = {construct.key: kind for kind, construct in CONSTRUCTS.items()}
        for key, value in document.entries:
            if key.value in _TOP:
                yield from self.trying(lambda key=key, value=value: self.header(key, value)) or ()  # type: ignore[misc]
            elif key.value == "request":
                item = self.construct(tree.RequestInputs, key.span, value, None)
                yield from () if item is None else (item,)
            elif key.value in keys:
                yield from self.all_of(keys[key.value], key, value)
            else:
                word = key.value.removesuffix("s")
                self.faults.append(
                    unknown(
                        "key", word if word in ("cap", "grace", "invariant") else key.value, key.span, (*_TOP, *keys)
                    )
                )

    def all_of(self, kind: type, key: Scalar, node: Node) -> Iterator[tree.Item]:
        entries = self.trying(lambda: self.entries(node, f"`{key.value}`")) or []
        for name, value in entries:
            read = self.trying(lambda name=name: self.name(name))  # type: ignore[misc]
            item = None if read is None else self.construct(kind, name.span, value, read)
            if item is not None:
                yield item

    def header(self, key: Scalar, node: Node) -> tuple[tree.Item, ...]:
        span = key.span.to(node.span)
        match key.value:
            case "policy":
                parts = self.parts(node, "`policy`", required=("name", "version"))
                return (tree.Policy(span=span, name=self.name(parts["name"]), version=self.number(parts["version"])),)
            case "language":
                return (tree.Language(span=span, version=self.number(node)),)
            case "effective":
                parts = self.parts(node, "`effective`", required=("from",), optional=("until",))
                ends = self.instant(parts["until"]) if "until" in parts else None
                return (tree.Effective(span=span, starts=self.instant(parts["from"]), ends=ends),)
            case "owner":
                return (tree.Owner(span=span, text=self.text(node)),)
            case _:
                return self.each(self.entries(node, "`units`"), self.unit)

    def unit(self, key: Scalar, node: Node) -> tree.Unit:
        kind, singular = node, None
        if isinstance(node, Mapping):
            parts = self.parts(node, "a unit", required=("type",), optional=("singular",))
            kind = parts["type"]
            singular = self.name(parts["singular"]) if "singular" in parts else None
        scalar = self.scalar(kind, "a unit's type")
        match = _DECIMAL.fullmatch(scalar.value)
        if match is None and scalar.value != "integer":
            raise self.refuse(
                "OSP205", scalar.span, f"`{scalar.value[:40]}` is no type of unit", "integer or decimal(6)"
            )
        digits = None if match is None else tree.Number(match[1], scalar.span)
        return tree.Unit(span=key.span.to(node.span), name=self.name(key), digits=digits, singular=singular)

    def construct(self, kind: type[T], at: Span, node: Node, name: tree.Name | None) -> T | None:
        """One construct by the table's keys and shapes."""
        entries = self.trying(lambda: self.entries(node, f"a {CONSTRUCTS[kind].word}"))
        if entries is None:
            return None
        by_key = {statement.key: statement for statement in CONSTRUCTS[kind].statements}
        stated: list[Stated] = []
        failed = False
        for key, value in entries:
            statement = by_key.get(key.value)
            if statement is None:
                self.faults.append(unknown("key", key.value, key.span, by_key))
                failed = True
                continue
            read = self.trying(lambda statement=statement, value=value: READERS[statement.shape](self, value))  # type: ignore[misc]
            failed = failed or read is None
            if read is not None:
                values = read if statement.many and isinstance(read, tuple) else (read,)
                stated += [Stated(statement.field, part, key.span) for part in values]
        if failed:
            return None
        given = {} if name is None else {"name": name}
        return assemble(kind, at.to(node.span), stated, self.faults, **given)

    # ---- shapes of statements

    def fields(self, node: Node) -> tuple[tree.Field, ...]:
        return self.each(self.entries(node, "`fields`"), self.field)

    def field(self, key: Scalar, node: Node) -> tree.Field:
        kind, default = node, None
        if isinstance(node, Mapping):
            parts = self.parts(node, "a field", required=("type",), optional=("default",))
            kind, default = parts["type"], parts.get("default")
        scalar = self.scalar(kind, "a field's type")
        match = _FIELD.fullmatch(scalar.value)
        if match is None:
            raise self.refuse(
                "OSP205", scalar.span, f"`{scalar.value[:40]}` is no type", "such as string, bool? or credits"
            )
        return tree.Field(
            span=key.span.to(node.span),
            name=self.name(key),
            type=tree.Name(match[1], scalar.inner),
            optional=match[2] is not None,
            default=None if default is None else self.default(match[1], default),
        )

    def default(self, kind: str, node: Node) -> tree.Text | tree.Number | tree.Amount | bool:
        match kind:
            case "string":
                return self.text(node)
            case "bool":
                return self.flag(node)
            case "int" | "meter":
                return self.number(node)
            case _:
                return self.amount(node)

    def price_key(self, node: Node) -> tree.PriceKey:
        parts = self.parts(node, "`price`", required=("in", "per", "by"))
        return tree.PriceKey(
            span=node.span, unit=self.name(parts["in"]), per=self.number(parts["per"]), by=self.paths(parts["by"])
        )

    def meters(self, node: Node) -> tuple[tree.DerivedMeter, ...]:
        return self.each(
            self.entries(node, "`meters`"),
            lambda key, value: tree.DerivedMeter(
                span=key.span.to(value.span), name=self.name(key), expr=self.expr(value)
            ),
        )

    def prices(self, node: Node) -> tuple[tree.PriceTable, ...]:
        return tuple(self.price_table(item) for item in self.listing(node, "`prices`"))

    def price_table(self, node: Node) -> tree.PriceTable:
        parts = self.parts(node, "a price table", required=("from", "rows"))
        rows = self.each(
            self.rows(parts["rows"], lambda value: isinstance(value, Mapping) and self._nested(value)), self._price_row
        )
        return tree.PriceTable(span=node.span, starts=self.instant(parts["from"]), rows=rows)

    def _nested(self, node: Mapping) -> bool:
        """Whether a mapping holds further keys rather than cells."""
        return any(
            isinstance(value, Mapping) or value.value == "free"
            for _, value in node.entries
            if not isinstance(value, Listing)
        )

    def _price_row(self, key: Scalar, node: Node) -> tree.PriceRow:
        cells: tuple[tree.PriceCell, ...] | tree.Free
        if isinstance(node, Scalar) and node.value == "free":
            cells = tree.Free(node.span)
        else:
            cells = self.each(
                self.entries(node, "a row of prices"),
                lambda meter, price: tree.PriceCell(
                    span=meter.span.to(price.span), meter=self.name(meter), price=self.number(price)
                ),
            )
        return tree.PriceRow(span=key.span.to(node.span), key=self._keys[key.span.start], cells=cells)

    # ---- tables: one level of mapping for each path of `by`

    _keys: dict[int, tree.RowKey]

    def rows(
        self, node: Node, is_nested: Callable[[Node], bool], default: Node | None = None
    ) -> list[tuple[Scalar, Node]]:
        """The rows as (last key, value); the whole key of each is kept by the last key's place."""
        if not hasattr(self, "_keys"):
            self._keys = {}
        found: list[tuple[Scalar, Node]] = []
        self._collect(node, (), is_nested, found)
        if default is not None:
            place = Scalar("default", True, default.span, default.span)
            width = max([len(self._keys[key.span.start]) for key, _ in found], default=1)
            self._keys[place.span.start] = (tree.Default(default.span),) * width
            found.append((place, default))
        return found

    def _collect(
        self, node: Node, prefix: tree.RowKey, is_nested: Callable[[Node], bool], found: list[tuple[Scalar, Node]]
    ) -> None:
        for key, value in self.entries(node, "`rows`"):
            part = tree.Default(key.span) if key.value == "default" else tree.Text(key.value, key.span)
            if is_nested(value):
                self._collect(value, (*prefix, part), is_nested, found)
            else:
                self._keys[key.span.start] = (*prefix, part)
                found.append((key, value))

    def capacity(self, node: Node) -> tree.Capacity:
        if not (isinstance(node, Mapping) and any(key.value == "by" for key, _ in node.entries)):
            cells = self._cells(node)
            return tree.Capacity(span=node.span, by=(), rows=(tree.CapacityRow(span=node.span, key=(), cells=cells),))
        parts = self.parts(node, "`capacity`", required=("by", "rows"), optional=("default",))
        by = self.paths(parts["by"])
        rows = self.rows(parts["rows"], self._deeper(parts["rows"], len(by)), parts.get("default"))
        read = self.each(
            rows,
            lambda key, value: tree.CapacityRow(
                span=key.span.to(value.span), key=self._keys[key.span.start], cells=self._cells(value)
            ),
        )
        return tree.Capacity(span=node.span, by=by, rows=read)

    def _deeper(self, rows: Node, width: int) -> Callable[[Node], bool]:
        """Whether a value is a further level of keys: by its depth below `rows`, of which there are `width`."""
        inner: set[int] = set()
        level = [rows]
        for _ in range(width - 1):
            level = [value for node in level if isinstance(node, Mapping) for _, value in node.entries]
            inner |= {id(node) for node in level if isinstance(node, Mapping)}
        return lambda node: id(node) in inner

    def _cells(self, node: Node) -> tuple[tree.CapacityCell, ...]:
        if isinstance(node, Scalar):
            return (tree.CapacityCell(span=node.span, window=None, bound=self.bound(node)),)
        return self.each(
            self.entries(node, "a row of bounds"),
            lambda key, value: tree.CapacityCell(
                span=key.span.to(value.span), window=self.name(key), bound=self.bound(value)
            ),
        )

    def multiplier(self, node: Node) -> tree.Multiplier:
        if isinstance(node, Scalar):
            return tree.Multiplier(span=node.span, fixed=self.number(node), by=(), rows=())
        parts = self.parts(node, "`multiplier`", required=("by", "rows"), optional=("default",))
        by = self.paths(parts["by"])
        rows = self.rows(parts["rows"], self._deeper(parts["rows"], len(by)), parts.get("default"))
        read = self.each(
            rows,
            lambda key, value: tree.MultiplierRow(
                span=key.span.to(value.span), key=self._keys[key.span.start], factor=self.number(value)
            ),
        )
        return tree.Multiplier(span=node.span, fixed=None, by=by, rows=read)

    def windows(self, node: Node) -> tuple[tree.Window, ...]:
        return self.each(
            self.entries(node, "`windows`"),
            lambda key, value: tree.Window(span=key.span.to(value.span), name=self.name(key), kind=self._window(value)),
        )

    def _window(self, node: Node) -> tree.FirstUse | tree.CalendarPeriod:
        parts = self.parts(node, "a window", optional=("length", "from", "calendar", "in"))
        if set(parts) == {"length", "from"}:
            start = self.scalar(parts["from"], "`from`")
            if start.value != "first_use":
                raise self.refuse("OSP205", start.span, f"`{start.value[:40]}` is no start of a window", "first_use")
            return tree.FirstUse(span=node.span, length=self.duration(parts["length"]))
        if set(parts) == {"calendar", "in"}:
            return tree.CalendarPeriod(span=node.span, period=self.name(parts["calendar"]), zone=self.text(parts["in"]))
        raise self.refuse(
            "OSP204", node.span, "a window is {length, from: first_use} or {calendar, in}", "state the two keys of one"
        )

    def skips(self, node: Node) -> tuple[tree.Skip, ...]:
        return self.each(
            self.entries(node, "`skips`"),
            lambda key, value: tree.Skip(span=key.span.to(value.span), name=self.name(key), when=self.expr(value)),
        )

    def unit_price(self, node: Node) -> tree.UnitPrice:
        parts = self.parts(node, "`price`", required=("amount", "per"))
        return tree.UnitPrice(span=node.span, amount=self.amount(parts["amount"]), per=self.amount(parts["per"]))

    def guards(self, node: Node) -> tuple[tree.Guard, ...]:
        found = []
        for item in self.listing(node, "`guards`"):
            parts = self.parts(item, "a guard", required=("deny", "when"))
            found.append(tree.Guard(span=item.span, name=self.name(parts["deny"]), when=self.expr(parts["when"])))
        return tuple(found)

    def draws(self, node: Node) -> tuple[tree.Draw, ...]:
        return tuple(self.draw(item) for item in self.listing(node, "`draw`"))

    def draw(self, node: Node) -> tree.Draw:
        if isinstance(node, Scalar):
            return tree.Draw(span=node.span, layer=self.name(node), at=None, on_error=None, when=None)
        parts = self.parts(node, "a draw", required=("layer",), optional=("at", "on_error", "when"))
        return tree.Draw(
            span=node.span,
            layer=self.name(parts["layer"]),
            at=self.exchange(parts["at"]) if "at" in parts else None,
            on_error=self.name(parts["on_error"]) if "on_error" in parts else None,
            when=self.expr(parts["when"]) if "when" in parts else None,
        )

    def exchange(self, node: Node) -> tree.Exchange:
        scalar = self.scalar(node, "`at`")
        match = _EXCHANGE.fullmatch(scalar.value)
        if match is None:
            raise self.refuse("OSP205", scalar.span, f"`{scalar.value[:60]}` is no rate", "10 credits per generation")
        inside = self._inside(scalar.inner, scalar.value)
        amount = self.amount_text(f"{match[1]} {match[2]}", inside(match.start(1), match.end(2)))
        per = None if match[3] is None else self.number_text(match[3], inside(*match.span(3)))
        return tree.Exchange(
            span=scalar.inner, amount=amount, per=per, unit=tree.Name(match[4], inside(*match.span(4)))
        )

    def otherwise(self, node: Node) -> tree.Otherwise:
        parts = self.parts(node, "`otherwise`", required=("deny",), optional=("offer",))
        offers = self.names(parts["offer"]) if "offer" in parts else ()
        return tree.Otherwise(span=node.span, code=self.name(parts["deny"]), offers=offers)

    def holds(self, node: Node) -> tree.Holds:
        parts = self.parts(node, "`holds`", required=("expire_after",), optional=("late_capture",))
        late = self.duration(parts["late_capture"]) if "late_capture" in parts else None
        return tree.Holds(span=node.span, expire_after=self.duration(parts["expire_after"]), late_capture=late)


READERS: dict[str, Callable[[_YamlReader, Node], object]] = {
    name: getattr(_YamlReader, name)
    for name in (
        *("text", "name", "names", "paths", "flag", "duration", "expr", "fields", "price_key", "meters", "prices"),
        *("capacity", "multiplier", "windows", "skips", "unit_price", "guards", "draws", "otherwise", "holds"),
    )
}
"""How a statement's value is read, by its shape."""
