"""Waterfalls: what they draw, in which units, who serves which request, and that every layer is drawn somewhere."""

from __future__ import annotations

from overspill.check.fixes import stated_reaction
from overspill.check.inputs import Inputs
from overspill.check.layers import Layers
from overspill.check.names import Faults, Names
from overspill.check.rules import Draw, Guard, Limit, Pool, RateCard, Ratio, Table, Waterfall
from overspill.check.serves import ConstantTests, constant_tests
from overspill.check.tables import ratio_of
from overspill.syntax import tree
from overspill.words.amounts import AmountError, Unit, decimal_from_text
from overspill.words.diagnostics import Severity
from overspill.words.instants import HOUR, MINUTE
from overspill.words.lengths import Length

REACTIONS = {"on_error": ("deny", "skip", "stop"), "on_shortfall": ("deny", "partial"), "fill": ("split", "whole")}
HOLD_LENGTH = Length(15 * MINUTE, 0)
LATE_LENGTH = Length(HOUR, 0)


class _Seen:
    """Waterfalls by their values of one field, so that a bundle of thousands is not compared pair by pair."""

    def __init__(self, tests: list[ConstantTests], field: str) -> None:
        self.by_value: dict[str, list[int]] = {}
        self.others: list[int] = []
        for index, test in enumerate(tests):
            values = test.values.get(field)
            if values is None:
                self.others.append(index)
            for value in sorted(values or ()):
                self.by_value.setdefault(value, []).append(index)

    def before(self, index: int, values: frozenset[str]) -> list[int]:
        """The waterfalls before `index` that may meet one with these values."""
        found = [other for value in sorted(values) for other in self.by_value[value]]
        return sorted({other for other in (*found, *self.others) if other < index})


class Waterfalls:
    """Checks one bundle's waterfalls against its checked cards and layers."""

    def __init__(
        self,
        names: Names,
        inputs: Inputs,
        cards: dict[str, RateCard],
        layers: dict[str, Limit | Pool],
        lengths: Layers,
        faults: Faults,
    ) -> None:
        self.names, self.inputs, self.faults = names, inputs, faults
        self.cards, self.layers, self.lengths = cards, layers, lengths
        self._seen: dict[str, _Seen] = {}

    def waterfall(self, item: tree.Waterfall) -> Waterfall | None:
        serves = self.inputs.condition(item.serves)
        base = self._base(item)
        guards = self._guards(item)
        words = {field: self._word(item, field) for field in REACTIONS}
        unit = None if base is None else base[0]
        draws = self._draws(item, unit, words["on_error"] or "deny")
        holds = self._holds(item)
        if serves is None or base is None or guards is None or draws is None or None in words.values() or holds is None:
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
            otherwise=item.otherwise.code.text,
            otherwise_span=item.otherwise.span,
            offers=self._offers(item),
            fill=words["fill"] or "",
            on_shortfall=words["on_shortfall"] or "",
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
            self._not_a("rate card", item.priced_by, list(self.names.cards))
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

    def _not_a(self, what: str, name: tree.Name, known: list[str]) -> None:
        """An unknown name, or the name of something else."""
        others = {**self.names.layers, **self.names.waterfalls, **self.names.accounts, **self.names.cards}
        other = others.get(name.text)
        if other is None:
            self.faults.unknown(what, name, known)
            return
        self.faults.add(
            "OSP212",
            name.span,
            f"`{name.text}` is no {what}",
            note=(other.name.span, "declared here"),
            help=f"name a {what}: {', '.join(sorted(known)) or 'none is declared'}",
        )

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

    def _word(self, item: tree.Waterfall | tree.Draw, field: str) -> str | None:
        name: tree.Name | None = getattr(item, field)
        if name is None:
            return REACTIONS[field][0]
        if name.text not in REACTIONS[field]:
            self.faults.unknown(f"`{field.replace('_', ' ')}`", name, REACTIONS[field])
            return None
        return name.text

    def _holds(self, item: tree.Waterfall) -> tuple[Length, Length] | None:
        if item.holds is None:
            return HOLD_LENGTH, LATE_LENGTH
        expire = self.lengths.length(item.holds.expire_after)
        late = LATE_LENGTH if item.holds.late_capture is None else self.lengths.length(item.holds.late_capture)
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
                self._not_a("limit or pool", name, list(self.names.layers))
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
        reaction = on_error if draw.on_error is None else self._word(draw, "on_error")
        if layer is None or base is None or reaction is None or (draw.when is not None and when is None):
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
        return Draw(span=draw.span, layer=layer, ratio=ratio, on_error=reaction, when=when)

    def _ratio(self, draw: tree.Draw, layer: Limit | Pool, base: Unit) -> Table[Ratio] | None:
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

    def _exchange(self, at: tree.Exchange, layer: Limit | Pool, base: Unit) -> Table[Ratio] | None:
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
            self.faults.add("OSP222", at.span, str(error))
            return None
        if steps <= 0 or per.digits <= 0:
            self.faults.add("OSP306", at.span, "a rate is more than zero", help="give both sides a positive amount")
            return None
        ratio = ratio_of(steps * 10**per.scale, per.digits * base.step)
        return Table(by=(), rows=(), default=ratio)

    # ---- between waterfalls

    def overlaps(self, waterfalls: list[Waterfall]) -> None:
        """Two waterfalls that could serve one request would need an order, which cannot be written."""
        tests = [constant_tests(waterfall.serves.expr) for waterfall in waterfalls]
        for index, waterfall in enumerate(waterfalls):
            for other in self._near(tests, index):
                earlier = waterfalls[other]
                if not tests[index].disjoint(tests[other]):
                    self.faults.add(
                        "OSP303",
                        waterfall.serves.span,
                        f"waterfalls `{earlier.name}` and `{waterfall.name}` may serve one request",
                        note=(earlier.serves.span, f"what `{earlier.name}` serves"),
                        help='tell them apart by constants of one field: request.product == "…" in each',
                    )

    def _near(self, tests: list[ConstantTests], index: int) -> list[int]:
        """The earlier waterfalls that share a value of the first field tested, or do not test it: only these can meet."""
        own = tests[index].values
        if not own:
            return list(range(index))
        field = min(own)
        if field not in self._seen:
            self._seen[field] = _Seen(tests, field)
        return self._seen[field].before(index, own[field])

    def undrawn(self) -> None:
        drawn = {draw.layer.text for item in self.names.waterfalls.values() for draw in item.draws}
        for name, layer in self.names.layers.items():
            if name not in drawn:
                self.faults.add(
                    "OSP302",
                    layer.name.span,
                    f"layer `{name}` is drawn in no waterfall",
                    help="draw it where it belongs, or delete it",
                )
