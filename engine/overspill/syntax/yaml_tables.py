"""YAML nodes → declared fields, and tables: one level of mapping for each path of `by`."""

from __future__ import annotations

import re
from collections.abc import Callable

from overspill.syntax import tree
from overspill.syntax.yaml_leaves import Leaves
from overspill.syntax.yaml_nodes import Listing, Mapping, Node, Scalar

_FIELD = re.compile(r"([a-z][a-z0-9_]*)(\?)?")


class TableReader(Leaves):
    """Leaves, and what is built of them by rows."""

    def fields(self, node: Node) -> tuple[tree.Field, ...]:
        return self.each(self.entries(node, "`fields`"), self.field)

    def field(self, key: Scalar, node: Node) -> tree.Field:
        kind, origin, default = node, None, None
        if isinstance(node, Mapping):
            parts = self.parts(node, "a field", required=("type",), optional=("from", "default"))
            kind, origin, default = parts["type"], parts.get("from"), parts.get("default")
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
            from_request=origin is not None and self._is_request(origin),
            default=None if default is None else self.default(match[1], default),
        )

    def _is_request(self, node: Node) -> bool:
        scalar = self.scalar(node, "`from`")
        if scalar.value != "request":
            raise self.refuse("OSP205", scalar.span, f"`{scalar.value[:40]}` is no origin of a field", "write request")
        return True

    def default(self, kind: str, node: Node) -> tree.Text | tree.Number | tree.Amount | tree.InstantText | bool:
        match kind:
            case "string":
                return self.text(node)
            case "bool":
                return self.flag(node)
            case "timestamp":
                return self.instant(node)
            case "int" | "meter":
                return self.number(node)
            case _:
                return self.amount(node)

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

    def numbers(self, node: Node) -> tree.Numbers:
        if isinstance(node, Scalar):
            return tree.Numbers(span=node.span, fixed=self.number(node), by=(), rows=())
        parts = self.parts(node, "a table of numbers", required=("by", "rows"), optional=("default",))
        by = self.paths(parts["by"])
        rows = self.rows(parts["rows"], self._deeper(parts["rows"], len(by)), parts.get("default"))
        read = self.each(
            rows,
            lambda key, value: tree.NumberRow(
                span=key.span.to(value.span), key=self._keys[key.span.start], number=self.number(value)
            ),
        )
        return tree.Numbers(span=node.span, fixed=None, by=by, rows=read)
