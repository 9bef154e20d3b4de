"""Waterfalls: what they draw, in which units, within which caps, and what follows which event."""

from __future__ import annotations

from overspill.check.bounds import REACTIONS, Bounds
from overspill.check.fixes import stated_reaction
from overspill.check.inputs import Inputs
from overspill.check.names import Faults, Names
from overspill.check.rules import (
    Cap,
    Concurrency,
    Draw,
    Guard,
    Layer,
    Occupy,
    RateCard,
    Ratio,
    Reaction,
    Table,
    Waterfall,
)
from overspill.check.tables import ratio_of
from overspill.syntax import tree
from overspill.syntax.constructs import twice
from overspill.words.amounts import AmountError, Unit, decimal_from_text
from overspill.words.diagnostics import Severity
from overspill.words.instants import HOUR, MINUTE
from overspill.words.lengths import Length

FILLS, ADMISSIONS = ("split", "whole"), ("hold", "verify_only")
EVENTS = ("on_shortfall", "on_error", "on_unavailable")
REVERSALS = ("closed_window", "expired_lot")
HOLD_LENGTH = Length(15 * MINUTE, 0)
LATE_LENGTH = Length(HOUR, 0)


class Waterfalls:
    """Checks one bundle's waterfalls against its checked cards and layers."""

    def __init__(
        self,
        names: Names,
        inputs: Inputs,
        cards: dict[str, RateCard],
        layers: dict[str, Layer],
        caps: dict[str, Cap],
        concurrencies: dict[str, Concurrency],
        bounds: Bounds,
        faults: Faults,
    ) -> None:
        self.names, self.inputs, self.bounds, self.faults = names, inputs, bounds, faults
        self.cards, self.layers, self.caps, self.concurrencies = cards, layers, caps, concurrencies

    def waterfall(self, item: tree.Waterfall) -> Waterfall | None:
        serves = tuple(found for expr in item.serves if (found := self.inputs.condition(expr)) is not None)
        base = self._base(item)
        guards = self._guards(item)
        fill = self.names.word("`fill`", item.fill, FILLS)
        admission = self.names.word("`admission`", item.admission, ADMISSIONS)
        unit = None if base is None else base[0]
        reactions = self._reactions(item, unit)
        draws = self._draws(item, unit, item.on_error.word.text if item.on_error is not None else "deny")
        occupies = self._occupies(item)
        holds = self._holds(item)
        if base is None or guards is None or draws is None or holds is None or occupies is None or reactions is None:
            return None
        if len(serves) < len(item.serves) or fill is None or admission is None:
            return None
        return Waterfall(
            span=item.name.span,
            name=item.name.text,
            label=None if item.label is None else item.label.text,
            serves=serves,
            unit=base[0],
            card=base[1],
            counts=base[2],
            guards=guards,
            draws=draws,
            occupies=occupies,
            otherwise=item.otherwise.code.text,
            otherwise_span=item.otherwise.span,
            offers=self._offers(item),
            fill=fill,
            admission=admission,
            reactions=reactions,
            holds_expire_after=holds[0],
            late_capture=holds[1],
        )

    # ---- base amount

    def _base(self, item: tree.Waterfall) -> tuple[Unit, RateCard | None, str | None] | None:
        """(unit of base amounts, rate card, counted meter): one of the last two."""
        if (item.priced_by is None) == (item.counts is None):
            self.faults.add(
                "OSP202" if item.counts is None else "OSP203",
                item.name.span,
                f"waterfall `{item.name.text}` states {'neither' if item.counts is None else 'both'} `priced by` "
                f"{'nor' if item.counts is None else 'and'} `counts`",
                help="state one: a rate card, or an indivisible unit",
            )
            return None
        if item.counts is not None:
            return self._counted(item.counts)
        assert item.priced_by is not None
        if item.priced_by.text not in self.names.cards:
            self.names.not_a("rate card", item.priced_by, list(self.names.cards))
            return None
        card = self.cards.get(item.priced_by.text)
        return None if card is None else (card.unit, card, None)

    def _counted(self, name: tree.Name) -> tuple[Unit, RateCard | None, str | None] | None:
        unit = self.names.unit(name)
        if unit is None:
            return None
        field = self.inputs.request.get(unit.name)
        if unit.scale or field is None or not field.is_meter:
            self.faults.add(
                "OSP212",
                name.span,
                f"`{name.text}` cannot be counted: it is no integer unit with a request meter of its name",
                note=(self.names.units[unit.name].span, "the unit is declared here"),
                help=f"declare `unit {unit.name}: integer` and a request field `{unit.name}: meter`",
            )
            return None
        return unit, None, unit.name

    # ---- guards, reactions, holds, offers

    def _guards(self, item: tree.Waterfall) -> tuple[Guard, ...] | None:
        found: dict[str, Guard] = {}
        complete = True
        for guard in item.guards:
            condition = self.inputs.condition(guard.when)
            first = found.get(guard.name.text)
            if first is not None:
                self.faults.add(
                    "OSP211",
                    guard.name.span,
                    f"guard `{guard.name.text}` is declared twice",
                    note=(first.span, "declared here"),
                    help="join the conditions with ||, or rename one",
                )
            if condition is None or first is not None:
                complete = False
            else:
                found[guard.name.text] = Guard(guard.name.text, condition, guard.span)
        return tuple(found.values()) if complete else None

    def _reactions(self, item: tree.Waterfall, unit: Unit | None) -> dict[str, Reaction] | None:
        """What follows each event; amounts are in the unit of base amounts."""
        stated: dict[str, tree.Reaction | None] = {event: getattr(item, event) for event in EVENTS}
        stated |= dict.fromkeys(REVERSALS)
        seen: dict[str, tree.Name] = {}
        for case in item.on_reversal:
            if case.name.text not in REVERSALS:
                self.faults.unknown("reversal", case.name, REVERSALS)
                return None
            if seen.setdefault(case.name.text, case.name) is not case.name:
                self.faults.found.append(twice(f"on reversal {case.name.text}", case.span, seen[case.name.text].span))
                return None
            stated[case.name.text] = case.reaction
        found = {
            event: reaction
            for event, written in stated.items()
            if (reaction := self.bounds.reaction(event, written, unit, item.name.span)) is not None
        }
        return found if len(found) == len(stated) else None

    def _occupies(self, item: tree.Waterfall) -> tuple[Occupy, ...] | None:
        found: dict[str, Occupy] = {}
        for occupy in item.occupies:
            name = occupy.concurrency
            if name.text not in self.names.concurrencies:
                self.names.not_a("concurrency", name, self.names.concurrencies)
                return None
            if name.text in found:
                self.faults.found.append(twice(f"occupy {name.text}", occupy.span, found[name.text].span))
                return None
            concurrency = self.concurrencies.get(name.text)
            when = None if occupy.when is None else self.inputs.condition(occupy.when)
            if concurrency is None or (when is None) != (occupy.when is None):
                return None
            found[name.text] = Occupy(span=occupy.span, concurrency=concurrency, when=when)
        return tuple(found.values())

    def _holds(self, item: tree.Waterfall) -> tuple[Length, Length] | None:
        if item.holds is None:
            return HOLD_LENGTH, LATE_LENGTH
        expire = self.names.length(item.holds.expire_after)
        late = LATE_LENGTH if item.holds.late_capture is None else self.names.length(item.holds.late_capture)
        return None if expire is None or late is None else (expire, late)

    def _offers(self, item: tree.Waterfall) -> tuple[str, ...]:
        drawn = {draw.layer.text for draw in item.draws}
        for offer in item.otherwise.offers:
            pool = offer.text.removeprefix("add_")
            layer = self.names.layers.get(pool)
            if pool != offer.text and isinstance(layer, tree.Pool) and pool not in drawn:
                self.faults.add(
                    "OSP210",
                    offer.span,
                    f"the offer adds to pool `{pool}`, which this waterfall does not draw",
                    note=(layer.name.span, "declared here"),
                    help=f"draw `{pool}`, or leave the offer out",
                )
        return tuple(offer.text for offer in item.otherwise.offers)

    # ---- draws

    def _draws(self, item: tree.Waterfall, base: Unit | None, on_error: str) -> tuple[Draw, ...] | None:
        first: dict[str, tree.Draw] = {}
        found: list[Draw] = []
        for draw in item.draws:
            name = draw.layer
            if name.text not in self.names.layers:
                self.names.not_a("layer", name, self.names.layers)
                continue
            if first.setdefault(name.text, draw) is not draw:
                self.faults.add(
                    "OSP301",
                    name.span,
                    f"layer `{name.text}` is drawn twice",
                    label="drawn again",
                    note=(first[name.text].layer.span, "drawn here first"),
                    help="keep the one whose place you mean",
                )
                continue
            checked = self._draw(draw, base, on_error)
            if checked is not None:
                found.append(checked)
        return tuple(found) if len(found) == len(item.draws) else None

    def _draw(self, draw: tree.Draw, base: Unit | None, on_error: str) -> Draw | None:
        layer = self.layers.get(draw.layer.text)
        when = None if draw.when is None else self.inputs.condition(draw.when)
        known = tuple(REACTIONS["on_error"])
        reaction = on_error if draw.on_error is None else self.names.word("`on error`", draw.on_error, known)
        within = self._within(draw, layer)
        if (
            within is None
            or layer is None
            or base is None
            or reaction is None
            or (draw.when is not None and when is None)
        ):
            return None
        ratio = self._ratio(draw, layer, base)
        if ratio is None:
            return None
        if when is not None and when.expr.can_fail and draw.on_error is None:
            self.faults.add(
                "OSP309",
                when.span,
                "the condition can fail and the draw states no `on error`",
                help=f"guard it with has(…), or say `on error {on_error}`",
                severity=Severity.HINT,
                fix=stated_reaction(draw.span, when.span, on_error),
            )
        return Draw(span=draw.span, layer=layer, within=within, ratio=ratio, on_error=reaction, when=when)

    def _within(self, draw: tree.Draw, layer: Layer | None) -> tuple[Cap, ...] | None:
        """The caps of a draw, each once, in the layer's unit (LANGUAGE.md L8)."""
        found: list[Cap] = []
        for index, name in enumerate(draw.within):
            if name.text not in self.names.caps:
                self.names.not_a("cap", name, self.names.caps)
                continue
            if name.text in [other.text for other in draw.within[:index]]:
                self.faults.add("OSP203", name.span, f"cap `{name.text}` is there twice", help="keep one of them")
                continue
            cap = self.caps.get(name.text)
            if cap is None or layer is None:
                continue
            if cap.unit is not layer.unit:
                self.faults.add(
                    "OSP220",
                    name.span,
                    f"cap `{cap.name}` is in {cap.unit.name}, layer `{layer.name}` in {layer.unit.name}",
                    note=(self.names.caps[cap.name].unit.span, f"the cap's unit is {cap.unit.name}"),
                    help="declare a cap in the layer's unit",
                )
                continue
            found.append(cap)
        return tuple(found) if len(found) == len(draw.within) else None

    def _ratio(self, draw: tree.Draw, layer: Layer, base: Unit) -> Table[Ratio] | None:
        """Layer steps per base step: the layer's multiplier, or what `at` says."""
        if draw.at is not None:
            return self._exchange(draw.at, layer, base)
        if layer.unit is not base:
            self.faults.add(
                "OSP220",
                draw.layer.span,
                f"layer `{layer.name}` is in {layer.unit.name}, the request is counted in {base.name}",
                note=(self.names.layers[layer.name].unit.span, f"the layer's unit is {layer.unit.name}"),
                help=f"say what one costs: draw {layer.name} at 1 {layer.unit.name} per {base.singular or base.name}",
            )
            return None
        return layer.multiplier

    def _exchange(self, at: tree.Exchange, layer: Layer, base: Unit) -> Table[Ratio] | None:
        steps = self.names.steps(at.amount, layer.unit, self.names.layers[layer.name].unit.span)
        unit = self.names.unit(at.unit)
        if steps is None or unit is None:
            return None
        if unit is not base:
            self.faults.add(
                "OSP220", at.unit.span, f"expected per {base.name}, found {unit.name}", help=f"write per {base.name}"
            )
            return None
        try:
            per = decimal_from_text("1" if at.per is None else at.per.text)
        except AmountError as error:
            self.faults.add("OSP222", at.span, str(error), help=error.help)
            return None
        if steps <= 0 or per.digits <= 0:
            self.faults.add("OSP306", at.span, "a rate is more than zero", help="give both sides a positive amount")
            return None
        ratio = ratio_of(steps * 10**per.scale, per.digits * base.step)
        return Table(by=(), rows=(), default=ratio)
