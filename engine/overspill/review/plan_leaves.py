"""YAML scalars → values typed by the plan: names that it declares, amounts in a unit, attributes, instants, lengths."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from overspill.plan.plan import AccountKind, Input, Instant
from overspill.plan.shapes import Scalar
from overspill.review.vocabulary import Vocabulary
from overspill.syntax.yaml_leaves import Leaves, Refused
from overspill.syntax.yaml_nodes import Node
from overspill.syntax.yaml_nodes import Scalar as Text
from overspill.words.amounts import AmountError, Unit, decimal_from_text, steps_from_text, text_from_steps
from overspill.words.diagnostics import did_you_mean
from overspill.words.instants import InstantError, instant_from_text
from overspill.words.lengths import Length, LengthError, length_from_text
from overspill.words.names import IDENTIFIER, IDENTIFIER_HELP
from overspill.words.spans import Span

T = TypeVar("T")

LIST_MAX = 12
"""So many known names a help lists."""


class PlanLeaves(Leaves):
    """Reads values against the names of one plan; a value that does not fit adds a fault and raises, as `Leaves` does."""

    def __init__(self, words: Vocabulary) -> None:
        super().__init__()
        self.words = words

    def unknown(self, what: str, name: str, span: Span, known: Iterable[str], code: str = "OSP210") -> Refused:
        """A name that is not one of `known`."""
        names = sorted(known)
        listed = ", ".join(names[:LIST_MAX]) + (" …" if len(names) > LIST_MAX else "")
        help = did_you_mean(name, names) or (f"known: {listed}" if names else None)
        return self.refuse(code, span, f"unknown {what} `{name[:64]}`", help)

    def unknown_key(self, what: str, key: Text, known: Iterable[str]) -> Refused:
        """A key that its place does not have."""
        return self.unknown(what, key.value, key.span, known, "OSP201")

    def several(self, nodes: Iterable[Node], read: Callable[[Node], T]) -> tuple[T, ...]:
        """Reads every node, so that all faults are found; those that were refused are left out."""
        found: list[T] = []
        for node in nodes:
            try:
                found.append(read(node))
            except Refused:
                continue
        return tuple(found)

    def one_of(self, node: Node, what: str, known: Iterable[str]) -> str:
        text = self.scalar(node, f"a {what}")
        if text.value not in known:
            raise self.unknown(what, text.value, text.inner, known)
        return text.value

    def plain(self, node: Node, what: str) -> str:
        return self.scalar(node, what).value

    def texts(self, node: Node, what: str) -> dict[str, str]:
        """A mapping of scalars."""
        return {key.value: self.scalar(value, f"`{key.value}`").value for key, value in self.entries(node, what)}

    def identifier(self, node: Node, what: str) -> str:
        text = self.scalar(node, what)
        if IDENTIFIER.fullmatch(text.value) is None:
            help = IDENTIFIER_HELP
            raise self.refuse("OSP205", text.inner, f"`{text.value[:60]}` is no identifier", help)
        return text.value

    def count(self, node: Node, what: str) -> int:
        text = self.scalar(node, what)
        if not (text.value.isascii() and text.value.isdigit() and len(text.value) <= 9):
            raise self.refuse("OSP205", text.inner, f"`{text.value[:40]}` is no whole number", "write digits")
        return int(text.value)

    def moment(self, node: Node) -> int:
        """An instant, in microseconds."""
        text = self.scalar(node, "an instant")
        try:
            return instant_from_text(text.value)
        except InstantError as error:
            raise self.refuse("OSP223", text.inner, str(error), error.help) from None

    def length(self, node: Node) -> Length:
        text = self.scalar(node, "a length of time")
        try:
            return length_from_text(text.value)
        except LengthError as error:
            raise self.refuse("OSP223", text.inner, str(error), error.help) from None

    # ---- amounts

    def steps(self, node: Node, unit: Unit) -> int:
        """An amount with its unit, in steps."""
        amount = self.amount(node)
        if self.words.units.get(amount.unit.text) != unit:
            message = f"expected an amount in {unit.name}, found {amount.unit.text[:64]}"
            raise self.refuse("OSP220", amount.unit.span, message, f"write it in {unit.name}")
        return self._steps(amount.number.text, unit, amount.number.span)

    def _steps(self, text: str, unit: Unit, span: Span) -> int:
        try:
            return steps_from_text(text, unit)
        except AmountError as error:
            raise self.refuse("OSP221" if "finer" in str(error) else "OSP222", span, str(error), error.help) from None

    def expected_amount(self, node: Node) -> str:
        """`20.0` → `20`, `1 generation` → `1 generations`: canonical digits, with the unit where one is written."""
        text = self.scalar(node, "an amount")
        number, space, unit = text.value.partition(" ")
        try:
            decimal = decimal_from_text(number)
        except AmountError as error:
            raise self.refuse("OSP205", text.inner, str(error), error.help) from None
        digits = text_from_steps(decimal.digits, decimal.scale)
        if not space:
            return digits
        known = self.words.units.get(unit)
        if known is None:
            raise self.unknown("unit", unit, text.inner, self.words.units)
        return f"{digits} {known.name}"

    # ---- accounts

    def account(self, node: Node) -> Mapping[str, str]:
        """`{user: u_ana}`: ids by kind, each kind declared."""
        found: dict[str, str] = {}
        for key, value in self.entries(node, "an account"):
            if self.words.kind(key.value) is None:
                raise self.unknown("account", key.value, key.span, self.words.plan.kind_names)
            found[key.value] = self.identifier(value, f"a {key.value}'s id")
        return found

    def owner(self, key: Text) -> tuple[str, str]:
        """`plan` is the first kind's, `workspace.frozen` another kind's → (kind, attribute)."""
        owner, _, name = key.value.rpartition(".")
        return owner or self.words.plan.kind_names[0], name

    def attribute(self, key: Text, node: Node) -> tuple[tuple[str, str], Scalar]:
        """One declared attribute with a value of its type, amounts in steps."""
        kind, name = self.owner(key)
        found = self.words.kind(kind)
        if found is None:
            raise self.unknown("account", kind, key.span, self.words.plan.kind_names)
        return (kind, name), self.attribute_of(found, key, name, node)[1]

    def attribute_of(self, kind: AccountKind, key: Text, name: str, node: Node) -> tuple[str, Scalar]:
        """The same of one kind, a many-valued one too."""
        declared = kind.attributes.get(name)
        if declared is None:
            raise self.unknown(f"attribute of `{kind.name}`", name, key.span, kind.attributes)
        return name, self._typed(declared, node)

    def _typed(self, declared: Input, node: Node) -> Scalar:
        text = self.scalar(node, f"`{declared.name}`")
        if declared.unit is not None:
            return self.steps(node, declared.unit)
        if declared.type is str:
            return text.value
        if declared.type is bool:
            return self.flag(node)
        if declared.type is Instant:
            return self.moment(node)
        if not text.value.removeprefix("-").isdigit() or len(text.value) > 19:
            raise self.refuse("OSP205", text.inner, f"`{text.value[:40]}` is no whole number", "write digits")
        return int(text.value)
