"""YAML nodes → the same tree as the DSL gives, every scalar typed by its place.

The keys and the shapes of their values come from the table of constructs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeVar, assert_never

from overspill.syntax import tree
from overspill.syntax.constructs import CONSTRUCTS, Stated, assemble, unknown
from overspill.syntax.shapes import INLINE, Listed, Named, OneOf, Record, Shape, nothing
from overspill.syntax.yaml_comments import comments
from overspill.syntax.yaml_leaves import Refused
from overspill.syntax.yaml_nodes import Mapping, Node, Scalar, read_nodes
from overspill.syntax.yaml_tables import TableReader
from overspill.words.diagnostics import Fault
from overspill.words.spans import Source, Span

T = TypeVar("T")

_DECIMAL = re.compile(r"decimal\(([0-9]{1,2})\)")
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


class _YamlReader(TableReader):
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
                self.faults.append(unknown("key", key.value, key.span, (*_TOP, *keys)))

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
        construct = CONSTRUCTS[kind]
        given = {} if name is None else {"name": name}
        if construct.bare:
            (only,) = construct.statements
            found = self.trying(lambda: self.shaped(only.shape, node, only.key))
            whole = Stated(only.field, found, node.span)
            return None if found is None else assemble(kind, at.to(node.span), [whole], self.faults, **given)
        entries = self.trying(lambda: self.entries(node, f"a {construct.word}"))
        if entries is None:
            return None
        by_key = {statement.key: statement for statement in construct.statements}
        stated: list[Stated] = []
        failed = False
        for key, value in entries:
            statement = by_key.get(key.value)
            if statement is None:
                self.faults.append(unknown("key", key.value, key.span, by_key))
                failed = True
                continue
            read = self.trying(
                lambda statement=statement, value=value: self.shaped(statement.shape, value, statement.key)  # type: ignore[misc]
            )
            failed = failed or read is None
            if read is not None and read is not False:
                values = read if statement.many and isinstance(read, tuple) else (read,)
                stated += [Stated(statement.field, part, key.span) for part in values]
        return None if failed else assemble(kind, at.to(node.span), stated, self.faults, **given)

    # ---- shapes

    def shaped(self, shape: Shape, node: Node, key: str) -> object:
        """A value by its shape; `key` is what it stands under."""
        match shape:
            case str():
                return READERS[shape](self, node)
            case Record():
                return self.record(shape, node, None)
            case OneOf():
                return self.record(self._told(shape, node), node, None)
            case Named(record=record):
                return self.each(self.entries(node, f"`{key}`"), lambda name, value: self.record(record, value, name))
            case Listed(record=record):
                items = [
                    self.trying(lambda item=item: self.record(record, item, None))  # type: ignore[misc]
                    for item in self.listing(node, f"`{key}`")
                ]
                if None in items:
                    raise Refused
                return tuple(items)
            case _:
                assert_never(shape)

    def _told(self, shape: OneOf, node: Node) -> Record:
        """The one of the records whose keys these are."""
        keys = {key.value for key, _ in self.entries(node, "this")}
        for record in shape.records:
            if keys == {statement.key for statement in record.statements}:
                return record
        raise self.refuse("OSP204", node.span, shape.help, "state the keys of one")

    def record(self, record: Record, node: Node, name: Scalar | None) -> object:
        """A record of the tree; `name` is the key it stands under, where it has one."""
        given: dict[str, object] = {} if name is None else {"name": self.name(name)}
        span = node.span if name is None else name.span.to(node.span)
        first = record.statements[0]
        if record.bare or (record.short and not isinstance(node, Mapping)):
            values = {first.field: self.shaped(first.shape, node, first.key)}
        else:
            values = self._values(record, node)
        for statement in record.statements:
            values.setdefault(statement.field, nothing(statement))
        return record.kind(span=span, **given, **values)

    def _values(self, record: Record, node: Node) -> dict[str, object]:
        stated = {statement.key: statement for statement in record.statements if statement.key != INLINE}
        inline = next((statement for statement in record.statements if statement.key == INLINE), None)
        entries = self.entries(node, record.what)
        rest = [(key, value) for key, value in entries if key.value not in stated]
        values: dict[str, object] = {}
        if inline is not None and (rest or inline.required):
            values[inline.field] = self.shaped(inline.shape, Mapping(rest, node.span), record.what)
        elif rest:
            key = rest[0][0]
            self.faults.append(unknown("key", key.value, key.span, stated))
            raise Refused
        found = {key.value: value for key, value in entries}
        for word, statement in stated.items():
            if word in found:
                values[statement.field] = self.shaped(statement.shape, found[word], word)
            elif statement.required:
                raise self.refuse("OSP202", node.span, f"{record.what} states no `{word}`", f"add `{word}`")
        return values


READERS: dict[str, Callable[[_YamlReader, Node], object]] = {
    name: getattr(_YamlReader, name)
    for name in (
        *("text", "name", "names", "paths", "flag", "duration", "instant", "expr", "exprs", "number", "amount"),
        *(
            "calendar",
            "zone",
            "percents",
            "start",
            "source",
            "reaction",
            "exchange",
            "fields",
            "prices",
            "capacity",
            "numbers",
        ),
    )
}
"""How a leaf is read."""
