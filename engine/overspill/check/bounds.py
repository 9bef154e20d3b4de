"""Bounds that are amounts, written out or found among the inputs, and what follows which event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from overspill.cel.types import AmountType
from overspill.check.inputs import Inputs
from overspill.check.names import Faults, Names
from overspill.check.periods import Periods
from overspill.check.rules import Allowance, Choice, InputPath, Members, Reaction, Source
from overspill.syntax import tree
from overspill.words.amounts import UNLIMITED, Unit
from overspill.words.spans import Span

CHOICES = ("first_set", "max")
NOTHING, AMOUNT, LENGTH = "nothing", "an amount", "a length of time"
REACTIONS: Mapping[str, Mapping[str, str]] = {
    "on_shortfall": {"deny": NOTHING, "partial": NOTHING},
    "on_error": {"deny": NOTHING, "skip": NOTHING, "stop": NOTHING},
    "on_unavailable": {"deny": NOTHING, "allow": AMOUNT},
    "on_overshoot": {"refund": NOTHING, "debt": AMOUNT},
    "on_expired_in_hold": {"honor": NOTHING, "lapse": NOTHING, "reissue": LENGTH},
    "on_top_up_cap": {"partial": NOTHING, "none": NOTHING},
    "closed_window": {"no_transfer": NOTHING, "transfer": NOTHING},
    "expired_lot": {"breakage": NOTHING, "reissue": LENGTH},
}
"""Event → what may follow it and with what: the first is the default (LANGUAGE.md section 2)."""
_SHAPES = {AMOUNT: "up to N", LENGTH: "7d"}


class Bounds:
    """Checks one bundle's bounds and reactions."""

    def __init__(self, names: Names, inputs: Inputs, periods: Periods, faults: Faults) -> None:
        self.names, self.inputs, self.periods, self.faults = names, inputs, periods, faults

    # ---- amounts

    def source(self, source: tree.Source, unit: Unit, declared: Span) -> Source | None:
        match source:
            case tree.Unlimited():
                return UNLIMITED
            case tree.Amount():
                return self.names.steps(source, unit, declared)
            case tree.Path():
                return self._path(source, unit, declared)
            case tree.Choice():
                return self._choice(source, unit, declared)
            case _:
                assert_never(source)

    def _choice(self, choice: tree.Choice, unit: Unit, declared: Span) -> Source | None:
        if choice.function.text not in CHOICES:
            self.faults.unknown("choice of amounts", choice.function, CHOICES)
            return None
        is_max = choice.function.text == "max"
        args: list[Source] = []
        complete = True
        for index, arg in enumerate(choice.args):
            if is_max and isinstance(arg, tree.Path) and len(arg.parts) == 3:
                found: Source | None = self._members(arg, unit, declared)
            else:
                found = self.source(arg, unit, declared)
            if not is_max and index + 1 < len(choice.args) and isinstance(arg, (tree.Amount, tree.Unlimited)):
                self._unreached(arg, choice.args[index + 1])
                complete = False
            if found is None:
                complete = False
            else:
                args.append(found)
        return Choice(choice.function.text, tuple(args)) if complete else None

    def _unreached(self, arg: tree.Amount | tree.Unlimited, after: tree.Source) -> None:
        self.faults.add(
            "OSP312",
            after.span,
            "this is never reached: what stands before it is always set",
            note=(arg.span, "always set"),
            help="put what is written out last",
        )

    def _path(self, path: tree.Path, unit: Unit, declared: Span) -> InputPath | None:
        if len(path.parts) == 3:
            self.faults.add(
                "OSP212",
                path.span,
                f"`{path.text}` may be many amounts",
                help=f"say which of them counts: max({path.text})",
            )
            return None
        found = self.inputs.path(path)
        return found if found is not None and self._is_amount(found, path, unit, declared) else None

    def _members(self, path: tree.Path, unit: Unit, declared: Span) -> Members | None:
        """`user.groups.spend_limit`: an attribute of the many accounts of one."""
        owner, many, field = path.parts
        kind = self.inputs.accounts.get(many.text)
        if kind is None or not kind.many or kind.of != owner.text:
            known = [f"{kind.of}.{name}" for name, kind in self.inputs.accounts.items() if kind.many]
            name = tree.Name(f"{owner.text}.{many.text}", owner.span.to(many.span))
            self.faults.unknown("many-valued account", name, known)
            return None
        found = InputPath(many.text, field.text, path.span)
        if self.inputs.declared(found) is None:
            self.faults.unknown(f"field of `{many.text}`", field, [one.name for one in kind.fields])
            return None
        return Members(found) if self._is_amount(found, path, unit, declared) else None

    def _is_amount(self, found: InputPath, path: tree.Path, unit: Unit, declared: Span) -> bool:
        field = self.inputs.declared(found)
        if field is not None and field.unit is unit and isinstance(field.type, AmountType):
            return True
        kind = "string" if field is None else "meter" if field.is_meter else str(field.type)
        is_amount = field is not None and isinstance(field.type, AmountType)
        self.faults.add(
            "OSP220" if is_amount else "OSP212",
            path.span,
            f"expected an amount in {unit.name}, `{path.text}` is {'in' if is_amount else 'a'} {kind}",
            note=(declared, f"the unit is {unit.name}") if field is None else (field.span, "declared here"),
            help=f"declare it as `{found.field}: {unit.name}?` in its account",
        )
        return False

    def allowance(self, item: tree.Allowance, unit: Unit, declared: Span) -> Allowance | None:
        """`up to N per PERIOD`, or `unlimited`."""
        up_to = self.source(item.up_to, unit, declared)
        if item.period is None:
            if up_to != UNLIMITED:
                help = "add a period, such as `per calendar month in UTC`"
                self.faults.add("OSP202", item.span, "the allowance states no period", help=help)
                return None
            return Allowance(span=item.span, up_to=UNLIMITED, period=None)
        period = self.periods.period(item.period)
        return None if up_to is None or period is None else Allowance(span=item.span, up_to=up_to, period=period)

    # ---- reactions

    def reaction(self, event: str, item: tree.Reaction | None, unit: Unit | None, declared: Span) -> Reaction | None:
        """What follows `event`; the default where nothing is stated. `unit` is that of its amount."""
        known = REACTIONS[event]
        if item is None:
            return Reaction(word=next(iter(known)), up_to=None, length=None, span=None)
        wanted = known.get(item.word.text)
        if wanted is None:
            self.faults.unknown(f"`{event.replace('_', ' ')}`", item.word, known)
            return None
        has = AMOUNT if item.up_to is not None else LENGTH if item.length is not None else NOTHING
        if has != wanted:
            shape = _SHAPES.get(wanted)
            self.faults.add(
                "OSP204",
                item.span,
                f"`{item.word.text}` takes {wanted}, not {has}",
                help=f"write `{item.word.text}{f' {shape}' if shape else ''}`",
            )
            return None
        up_to = None if item.up_to is None or unit is None else self.names.steps(item.up_to, unit, declared)
        length = None if item.length is None else self.names.length(item.length)
        if (wanted == AMOUNT and up_to is None) or (wanted == LENGTH and length is None):
            return None
        return Reaction(word=item.word.text, up_to=up_to, length=length, span=item.span)
