"""Who is who: the declarations of a bundle by name, and the faults of naming."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from overspill.syntax import tree
from overspill.words.amounts import SCALE_MAX, AmountError, Unit, steps_from_text
from overspill.words.diagnostics import Edit, Fault, Note, Severity, did_you_mean, listed
from overspill.words.instants import InstantError, instant_from_text
from overspill.words.lengths import Length, LengthError, length_from_text
from overspill.words.spans import Span

T = TypeVar("T")
PROPOSALS_MAX = 500
"""Findings after which no near name is looked for any more: thousands of slips among thousands of names take minutes."""
TAKEN: Mapping[str, str] = {"account": "unlimited", "meter": "free", "window": "unlimited"}
"""Kind of name → the reserved word it cannot be, because the DSL reads a value where the name would stand. YAML could
say it, and is refused too, for both surfaces say the same (LANGUAGE.md principle 2)."""


class Faults:
    """The findings so far; every part of the checker adds to one of these."""

    def __init__(self) -> None:
        self.found: list[Fault] = []

    def add(
        self,
        code: str,
        span: Span,
        message: str,
        *,
        label: str = "",
        note: tuple[Span, str] | None = None,
        help: str | None = None,
        severity: Severity = Severity.ERROR,
        fix: tuple[Edit, ...] = (),
    ) -> None:
        notes = () if note is None else (Note(*note),)
        self.found.append(
            Fault(
                code=code,
                span=span,
                message=message,
                label=label,
                notes=notes,
                help=help,
                severity=severity,
                fix=fix,
            )
        )

    def unknown(self, what: str, name: tree.Name, known: Iterable[str]) -> None:
        help: str | None = None
        if len(self.found) < PROPOSALS_MAX:
            known = sorted(known)
            help = did_you_mean(name.text, known) or f"declared: {listed(known)}"
        self.add("OSP210", name.span, f"unknown {what} `{name.text}`", help=help)

    def in_order(self) -> tuple[Fault, ...]:
        """By place; what was found once for each use of a let, only once."""
        ordered = sorted(self.found, key=lambda fault: (fault.span.source.name, fault.span.start, fault.code))
        return tuple(fault for before, fault in zip([None, *ordered], ordered, strict=False) if fault != before)


class Names:
    """All declarations of a bundle. Layers share one namespace: a draw names any kind."""

    def __init__(self, bundle: tree.Bundle, faults: Faults) -> None:
        self.faults = faults
        items = [item for file in bundle.files for item in file.items]
        self.units = self._by_name([item for item in items if isinstance(item, tree.Unit)], "unit")
        self.accounts = self._by_name([item for item in items if isinstance(item, tree.AccountKind)], "account")
        self.cards = self._by_name([item for item in items if isinstance(item, tree.RateCard)], "rate card")
        self.lets = self._by_name([item for item in items if isinstance(item, tree.Let)], "let")
        layers: list[tree.Layer] = [item for item in items if isinstance(item, tree.Layer)]
        self.layers = self._by_name(layers, "layer")
        self.caps = self._by_name([item for item in items if isinstance(item, tree.Cap)], "cap")
        self.concurrencies = self._by_name(
            [item for item in items if isinstance(item, tree.Concurrency)], "concurrency"
        )
        self.invariants = self._by_name([item for item in items if isinstance(item, tree.Invariant)], "invariant")
        self.waterfalls = self._by_name([item for item in items if isinstance(item, tree.Waterfall)], "waterfall")
        self.request = self._single([item for item in items if isinstance(item, tree.RequestInputs)], "request")
        for account in self.accounts.values():
            self.may_be("account", account.name)
        self.unit_of: dict[str, Unit] = {}
        for unit in self.units.values():
            self._unit(unit)

    def _by_name(self, items: list[T], what: str) -> dict[str, T]:
        found: dict[str, T] = {}
        for item in items:
            name: tree.Name = item.name  # type: ignore[attr-defined]
            first = found.setdefault(name.text, item)
            if first is not item:
                where = first.name.span  # type: ignore[attr-defined]
                self.faults.add(
                    "OSP211",
                    name.span,
                    f"{what} `{name.text}` is declared twice",
                    label="declared again",
                    note=(where, "declared here"),
                    help="rename one of them",
                )
        return found

    def _single(self, items: list[T], what: str) -> T | None:
        for item in items[1:]:
            self.faults.add(
                "OSP211",
                item.span,  # type: ignore[attr-defined]
                f"`{what}` is declared twice",
                note=(items[0].span, "declared here"),  # type: ignore[attr-defined]
                help="put all of its fields into one",
            )
        return items[0] if items else None

    def _unit(self, item: tree.Unit) -> None:
        digits = "0" if item.digits is None else item.digits.text
        if not (digits.isdigit() and len(digits) <= 2 and int(digits) <= SCALE_MAX):
            assert item.digits is not None
            self.faults.add("OSP222", item.digits.span, f"a unit has at most {SCALE_MAX} digits after the point")
            return
        unit = Unit(item.name.text, int(digits), None if item.singular is None else item.singular.text)
        for name in (item.name, item.singular):
            if name is None:
                continue
            other = self.unit_of.setdefault(name.text, unit)
            if other is not unit and name is item.singular:
                self.faults.add(
                    "OSP211", name.span, f"`{name.text}` already names a unit", help="choose another singular"
                )

    # ---- units and amounts

    def unit(self, name: tree.Name) -> Unit | None:
        """The unit of that name or singular."""
        found = self.unit_of.get(name.text)
        if found is None and name.text not in self.units:
            self.faults.unknown("unit", name, self.unit_of)
        return found

    def steps(self, amount: tree.Amount, unit: Unit | None, declared: Span | None) -> int | None:
        """The amount in steps of `unit`; any of the declared units where that is None."""
        own = self.unit(amount.unit)
        if own is None:
            return None
        if unit is not None and own is not unit:
            self.faults.add(
                "OSP220",
                amount.span,
                f"expected an amount in {unit.name}, found {own.name}",
                label=f"this is {own.name}",
                note=None if declared is None else (declared, f"the unit is {unit.name}"),
                help=f"write it in {unit.name}",
            )
            return None
        try:
            return steps_from_text(amount.number.text, own)
        except AmountError as error:
            code = "OSP221" if "finer" in str(error) else "OSP222"
            self.faults.add(code, amount.number.span, str(error), help=error.help)
            return None

    def instant(self, text: tree.InstantText) -> int | None:
        """The instant in microseconds."""
        try:
            return instant_from_text(text.text)
        except InstantError as error:
            self.faults.add("OSP223", text.span, str(error), help=error.help)
            return None

    def length(self, text: tree.DurationText) -> Length | None:
        try:
            return length_from_text(text.text)
        except LengthError as error:
            self.faults.add("OSP223", text.span, str(error), help=error.help)
            return None

    def word(self, what: str, name: tree.Name | None, known: tuple[str, ...]) -> str | None:
        """One of a few words, the first where none is stated."""
        if name is None:
            return known[0]
        if name.text in known:
            return name.text
        self.faults.unknown(what, name, known)
        return None

    def others(self) -> dict[str, tree.Name]:
        """Whatever has a name of its own, for those who name the wrong thing."""
        kinds = (self.layers, self.waterfalls, self.accounts, self.cards, self.caps, self.concurrencies)
        return {name: item.name for kind in kinds for name, item in kind.items()}

    def not_a(self, what: str, name: tree.Name, known: Iterable[str]) -> None:
        """An unknown name, or the name of something else."""
        other = self.others().get(name.text)
        if other is None:
            self.faults.unknown(what, name, known)
            return
        self.faults.add(
            "OSP212",
            name.span,
            f"`{name.text}` is no {what}",
            note=(other.span, "declared here"),
            help=f"name a {what}: {', '.join(sorted(known)) or 'none is declared'}",
        )

    def may_be(self, kind: str, name: tree.Name) -> bool:
        """Whether a thing of this kind may have the name; a fault where it may not."""
        if name.text != TAKEN[kind]:
            return True
        message = f"no {kind} can be called `{name.text}`: that word is a value where the name would stand"
        self.faults.add("OSP205", name.span, message, help="use another name")
        return False

    def once(self, name: tree.Name, first: tree.Name, what: str, help: str = "rename one of them") -> bool:
        """Whether `first` is `name` itself; a fault where the name stands twice."""
        if first is name:
            return True
        self.faults.add(
            "OSP211",
            name.span,
            f"{what} `{name.text}` is declared twice",
            note=(first.span, "declared here"),
            help=help,
        )
        return False
