"""YAML scalars → leaves of the tree: names, numbers, amounts, paths, expressions, each typed by its place."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from overspill.cel.parse import parse_text
from overspill.cel.tree import Expr
from overspill.syntax import tree
from overspill.syntax.constructs import unknown
from overspill.syntax.yaml_nodes import Listing, Mapping, Node, Scalar
from overspill.words.diagnostics import Edit, Fault
from overspill.words.instants import InstantError, instant_from_text
from overspill.words.lengths import LengthError, length_from_text
from overspill.words.names import NAME
from overspill.words.spans import Span

T = TypeVar("T")

_NUMBER = re.compile(r"0|[1-9][0-9]*|(?:0|[1-9][0-9]*)\.[0-9]+")
_AMOUNT = re.compile(r"(\S+) +(\S+)")
_ZONE = re.compile(r"UTC|[A-Za-z]+(?:/[A-Za-z0-9_+-]+)+")
_PERCENT = re.compile(r"([0-9]+)%")
_EXCHANGE = re.compile(r"(\S+) +(\S+) +per +(?:(\S+) +)?(\S+)")
_REACTION = re.compile(r"(\S+)(?: +up +to +(\S+ +\S+)| +([0-9]\S*))?")


class Refused(Exception):
    """A value that cannot be read; its fault has been added."""


class Leaves:
    """Reads values; a value that is not what its place wants adds a fault and raises, and the caller reads on."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def refuse(
        self, code: str, span: Span, message: str, help: str | None = None, *, fix: str | None = None
    ) -> Refused:
        """`fix` is what the whole span surely means."""
        edits = () if fix is None else (Edit(span, fix),)
        self.faults.append(Fault(code=code, span=span, message=message, help=help, fix=edits))
        return Refused()

    def trying(self, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except Refused:
            return None

    # ---- kinds of nodes

    def entries(self, node: Node, what: str) -> list[tuple[Scalar, Node]]:
        if not isinstance(node, Mapping):
            raise self.refuse("OSP204", node.span, f"{what} is a mapping", "write `key: value` lines")
        return node.entries

    def listing(self, node: Node, what: str) -> list[Node]:
        if not isinstance(node, Listing):
            raise self.refuse("OSP204", node.span, f"{what} is a list", "write it with `- ` or in brackets")
        return node.items

    def scalar(self, node: Node, what: str) -> Scalar:
        if not isinstance(node, Scalar):
            raise self.refuse(
                "OSP204", node.span, f"{what} is one value, not a {'list' if isinstance(node, Listing) else 'mapping'}"
            )
        return node

    def each(self, entries: list[tuple[Scalar, Node]], read: Callable[[Scalar, Node], T]) -> tuple[T, ...]:
        """Reads every entry, so that all faults are found; raises when any was refused."""
        found = [self.trying(lambda key=key, value=value: read(key, value)) for key, value in entries]  # type: ignore[misc]
        if any(part is None for part in found):
            raise Refused
        return tuple(part for part in found if part is not None)

    def parts(
        self, node: Node, what: str, *, required: tuple[str, ...] = (), optional: tuple[str, ...] = ()
    ) -> dict[str, Node]:
        """A small mapping with fixed keys."""
        found: dict[str, Node] = {}
        for key, value in self.entries(node, what):
            if key.value not in (*required, *optional):
                self.faults.append(unknown("key", key.value, key.span, (*required, *optional)))
                raise Refused
            found[key.value] = value
        for name in required:
            if name not in found:
                raise self.refuse("OSP202", node.span, f"{what} states no `{name}`", f"add `{name}`")
        return found

    # ---- leaves

    def name(self, node: Node, what: str = "a name") -> tree.Name:
        scalar = self.scalar(node, what)
        if NAME.fullmatch(scalar.value) is None:
            raise self.refuse(
                "OSP205",
                scalar.span,
                f"`{scalar.value[:70]}` is no name",
                "use lower-case letters, digits and `_`, starting with a letter, at most 64 in all",
            )
        return tree.Name(scalar.value, scalar.inner)

    def calendar(self, node: Node) -> tree.Name:
        return self.name(node, "a calendar period")

    def text(self, node: Node) -> tree.Text:
        scalar = self.scalar(node, "text")
        return tree.Text(scalar.value, scalar.span)

    def number_text(self, text: str, span: Span) -> tree.Number:
        if _NUMBER.fullmatch(text) is None:
            raise self.refuse(
                "OSP205", span, f"`{text[:40]}` is no plain number", "write digits, with a point where needed: 12.5"
            )
        return tree.Number(text, span)

    def number(self, node: Node) -> tree.Number:
        scalar = self.scalar(node, "a number")
        return self.number_text(scalar.value, scalar.inner)

    def flag(self, node: Node) -> bool:
        scalar = self.scalar(node, "a flag")
        if scalar.value not in ("true", "false"):
            raise self.refuse("OSP205", scalar.span, f"`{scalar.value[:40]}` is neither true nor false", 'write "true"')
        return scalar.value == "true"

    def amount(self, node: Node) -> tree.Amount:
        scalar = self.scalar(node, "an amount")
        return self.amount_text(scalar.value, scalar.inner)

    def amount_text(self, text: str, span: Span) -> tree.Amount:
        match = _AMOUNT.fullmatch(text)
        if match is None:
            raise self.refuse("OSP205", span, f"`{text[:40]}` is no amount", "write a number and its unit: 60 credits")
        whole = self._inside(span, text)
        number = self.number_text(match[1], whole(match.start(1), match.end(1)))
        return tree.Amount(number, tree.Name(match[2], whole(match.start(2), match.end(2))), span)

    def _inside(self, span: Span, text: str) -> Callable[[int, int], Span]:
        """Spans of parts of a scalar, where its text stands in the file as it is."""
        literal = span.text == text
        return lambda start, end: Span(span.source, span.start + start, span.start + end) if literal else span

    def bound(self, node: Node) -> tree.Amount | tree.Unlimited:
        scalar = self.scalar(node, "a bound")
        return tree.Unlimited(scalar.span) if scalar.value == "unlimited" else self.amount(node)

    def duration(self, node: Node) -> tree.DurationText:
        scalar = self.scalar(node, "a length of time")
        return self.duration_text(scalar.value, scalar.inner)

    def duration_text(self, text: str, span: Span) -> tree.DurationText:
        try:
            length_from_text(text)
        except LengthError as error:
            raise self.refuse("OSP223", span, str(error), error.help) from None
        return tree.DurationText(text, span)

    def instant(self, node: Node) -> tree.InstantText:
        scalar = self.scalar(node, "an instant")
        try:
            instant_from_text(scalar.value)
        except InstantError as error:
            raise self.refuse("OSP223", scalar.inner, str(error), error.help) from None
        return tree.InstantText(scalar.value, scalar.inner)

    def zone(self, node: Node) -> tree.Text:
        scalar = self.scalar(node, "a time zone")
        if _ZONE.fullmatch(scalar.value) is None:
            help = "write it as UTC or Europe/Berlin"
            raise self.refuse("OSP205", scalar.span, f"`{scalar.value[:40]}` is no time zone", help)
        return tree.Text(scalar.value, scalar.inner)

    def names(self, node: Node) -> tuple[tree.Name, ...]:
        return tuple(self.name(item) for item in self.listing(node, "a list of names"))

    def path(self, node: Node) -> tree.Path:
        scalar = self.scalar(node, "a path")
        parts, start = [], 0
        inside = self._inside(scalar.inner, scalar.value)
        for word in scalar.value.split("."):
            span = inside(start, start + len(word))
            if NAME.fullmatch(word) is None:
                raise self.refuse("OSP205", span, f"`{scalar.value[:70]}` is no path", "write it as user.plan")
            parts.append(tree.Name(word, span))
            start += len(word) + 1
        return tree.Path(tuple(parts), scalar.inner)

    def paths(self, node: Node) -> tuple[tree.Path, ...]:
        return tuple(self.path(item) for item in self.listing(node, "a list of paths"))

    def expr(self, node: Node) -> Expr:
        scalar = self.scalar(node, "an expression")
        if scalar.plain:
            quoted = "'" + scalar.value.replace("'", "''") + "'"
            fix = quoted if scalar.span.text == scalar.value else None  # on one line, and all of it
            raise self.refuse("OSP205", scalar.span, "an expression stands in quotes", f"write {quoted[:60]}", fix=fix)
        literal = scalar.inner is not scalar.span
        found = parse_text(scalar.value, scalar.span.source, scalar.inner.start, None if literal else scalar.span)
        if isinstance(found, Fault):
            self.faults.append(found)
            raise Refused
        return found

    def exprs(self, node: Node) -> tuple[Expr, ...]:
        if not isinstance(node, Listing):
            return (self.expr(node),)
        return tuple(self.expr(item) for item in node.items)

    # ---- what the DSL writes in several words, here one scalar

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

    def reaction(self, node: Node) -> tree.Reaction:
        scalar = self.scalar(node, "a reaction")
        match = _REACTION.fullmatch(scalar.value)
        if match is None or NAME.fullmatch(match[1]) is None:
            help = "write deny, `debt up to 50 credits`, `reissue 7d` or the like"
            raise self.refuse("OSP205", scalar.span, f"`{scalar.value[:60]}` is no reaction", help)
        inside = self._inside(scalar.inner, scalar.value)
        return tree.Reaction(
            span=scalar.inner,
            word=tree.Name(match[1], inside(*match.span(1))),
            up_to=None if match[2] is None else self.amount_text(match[2], inside(*match.span(2))),
            length=None if match[3] is None else self.duration_text(match[3], inside(*match.span(3))),
        )

    def percents(self, node: Node) -> tuple[tree.Percent, ...]:
        return tuple(self.percent(item) for item in self.listing(node, "`warn_at`"))

    def percent(self, node: Node) -> tree.Percent:
        scalar = self.scalar(node, "a percentage")
        match = _PERCENT.fullmatch(scalar.value)
        if match is None:
            raise self.refuse("OSP205", scalar.span, f"`{scalar.value[:40]}` is no percentage", 'write "80%"')
        return tree.Percent(match[1], scalar.inner)

    def start(self, node: Node) -> tree.InstantText | tree.Path:
        """An instant, or the path of one; what begins like a date is meant as an instant."""
        scalar = self.scalar(node, "`from`")
        return self.instant(node) if scalar.value[:1].isdigit() else self.path(node)

    def source(self, node: Node) -> tree.Source:
        """A bound, the path of an amount, or `{max: [ … ]}`."""
        if isinstance(node, Mapping):
            if len(node.entries) != 1:
                raise self.refuse("OSP204", node.span, "a choice of amounts has one key", "write {max: [ … ]}")
            ((key, args),) = node.entries
            sources = tuple(self.source(arg) for arg in self.listing(args, "a choice's amounts"))
            return tree.Choice(span=node.span, function=self.name(key), args=sources)
        scalar = self.scalar(node, "a bound")
        return self.bound(node) if scalar.value == "unlimited" or " " in scalar.value else self.path(node)
