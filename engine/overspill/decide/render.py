"""A decision → its exact JSON bytes, trace included: what is stored, answered and replayed.

The text that never changes for a waterfall (names, places, verdicts of layers not reached) is put together once per
waterfall; a decision adds its numbers. Amounts are decimal strings with their unit beside them, instants RFC 3339 in
UTC, and no float appears anywhere. The shape is LANGUAGE.md section 5; `decision.schema.json` describes it.
"""

from __future__ import annotations

from overspill.decide.decide import ALLOW, DENY, PARTIAL, Decided, available, drawn
from overspill.decide.forms import Fixed, Forms
from overspill.decide.shortfall import Offer, binding, binding_windows, cause, offers, retry_at
from overspill.plan.evaluate import evaluate
from overspill.plan.expression import Expr
from overspill.plan.functions import ABSENT, CelError
from overspill.plan.interpret import price_table
from overspill.plan.plan import (
    Condition,
    Instant,
    Layer,
    LimitLayer,
    Plan,
    PoolLayer,
    Pricing,
    Slot,
    Waterfall,
    state_key,
)
from overspill.plan.raw import (
    COVERED,
    ERROR,
    GUARD_ERROR,
    GUARDED,
    SKIPPED,
    TOOK,
    ZERO,
    Facts,
    LimitStep,
    PoolStep,
    Step,
)
from overspill.plan.shapes import LOT_EXPIRES_AT, LOT_ID, LOT_LEFT
from overspill.records.written import Written
from overspill.words.amounts import UNLIMITED
from overspill.words.codec import quoted
from overspill.words.texts import amount_text_of, end_json, instant_text_of


def render(
    decided: Decided,
    *,
    id: str,
    request_json: str,
    request_digest: str,
    account_version: int,
    hold: tuple[str, int] | None,
    plainly: bool = False,
) -> Written:
    """The decision's bytes. `request_digest` is SHA-256 in hex; `hold` is (hold id, expires_at) for a reservation;
    `plainly` asks for the plain renderer, which the forms must equal."""
    renderer: _Renderer = decided.program.renderers.get(decided.at) or _Renderer.made(decided)  # type: ignore[assignment]
    raw, forms = decided.raw, renderer.forms
    if raw[0] == COVERED and forms is not None and not plainly:
        formed = forms.of(raw[5])
        if formed is not None:
            card_at, card = renderer.card_at
            if card_at != decided.now:
                card = renderer.rate_card(decided)
            held = "null" if hold is None else _hold(hold)
            form, values = formed
            return Written(b"", form, values(decided, id, request_digest, request_json, account_version, held, card))
    return Written(renderer.decision(decided, id, request_json, request_digest, account_version, hold).encode())


def _hold(hold: tuple[str, int] | None) -> str:
    return "null" if hold is None else f'{{"id":"{hold[0]}","expires_at":{end_json(hold[1])}}}'


def _value(slot: Slot, value: object) -> str:
    """A fact as JSON: amounts as decimal text, instants as theirs, what is absent as null."""
    if value is ABSENT:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int):
        if slot.input.type is Instant:
            return end_json(value)
        unit = slot.input.unit
        return str(value) if unit is None else f'"{amount_text_of(unit.scale)(value)}"'
    return quoted(str(value))


CLAUSES_MAX = 4096


class _LayerText:
    """One layer's fixed text and its own way of writing amounts."""

    __slots__ = ("amount", "draw", "head", "lot_head", "name", "unit", "window_heads")

    def __init__(self, layer: Layer) -> None:
        self.name = layer.name
        self.amount = amount_text_of(layer.unit.scale)
        self.unit = layer.unit.name
        self.head = f'{{"step":"layer","layer":"{layer.name}","source":{quoted(layer.place)},"verdict":"'
        self.draw = f'{{"layer":"{layer.name}","base":"'
        windows = layer.windows if isinstance(layer, LimitLayer) else ()
        self.window_heads = [f'{{"window":"{window.name}","generation":' for window in windows]


class _Renderer:
    """The fixed text of one waterfall, and the methods that write decisions with it."""

    def __init__(self, plan: Plan, waterfall: Waterfall) -> None:
        self.waterfall = waterfall
        self.base = amount_text_of(waterfall.unit.scale)
        self.layers = [_LayerText(layer) for layer in waterfall.layers]
        self.policy = f'"policy":{{"name":"{plan.name}","version":{plan.version},"digest":"{plan.digest}","rate_card":'
        self.facts = [f"{quoted(slot.path)}:" for slot in waterfall.slots]
        self.clauses: dict[tuple[object, ...], str] = {}
        self.guards = [
            f'{{"step":"guard","guard":"{guard.name}","source":{quoted(guard.place)},"verdict":"'
            for guard in waterfall.guards
        ]
        self.guards_passed = "".join(f'{head}passed"}},' for head in self.guards)
        not_reached = [f'{text.head}not_reached"}},' for text in self.layers]
        self.not_reached = ["".join(not_reached[index:]) for index in range(len(not_reached) + 1)]
        self.outcome = f'{{"step":"outcome","source":{quoted(waterfall.otherwise_place)},"outcome":"'
        self.card_at = (-1, "")
        """The rate card's version as of the last instant asked about: a batch has one."""
        fixed = Fixed(self.policy, self.not_reached)
        self.forms = None if waterfall.fill_whole else Forms(plan, waterfall, fixed, self.passed_over)

    @classmethod
    def made(cls, decided: Decided) -> _Renderer:
        """The waterfall's renderer, made at its first decision and kept with the program."""
        made = decided.program.renderers[decided.at] = cls(decided.program.plan, decided.waterfall)
        return made

    # ---- the decision

    def passed_over(self, decided: Decided, index: int, step: Step, asked: int) -> str:
        """The trace step of a layer that was passed by."""
        return self.layer(decided, index, step, asked, "", False)

    def decision(
        self,
        decided: Decided,
        id: str,
        request_json: str,
        request_digest: str,
        account_version: int,
        hold: tuple[str, int] | None,
    ) -> str:
        """All of it, in the order that people read."""
        outcome, base, granted = decided.outcome, decided.raw[2], decided.granted
        until = retry_at(decided) if outcome == DENY else None
        parts = self.parts(decided)
        denied = f'"available":"{self.base(available(decided))}",' if outcome == DENY else ""
        return (
            f'{{"decision":"{id}","request":"{decided.admitted.request.id}","at":"{instant_text_of(decided.now)}",'
            f'"outcome":"{outcome}","requested":"{self.base(base)}","granted":"{self.base(granted)}",'
            f'"shortfall":"{self.base(base - granted - (0 if outcome != DENY else available(decided)))}",{denied}'
            f'"unit":"{self.waterfall.unit.name}","charge":{self.charge(decided)},'
            f'"draws":[{",".join(self.draws(decided, parts))}],"reason":{self.reason(decided)},'
            f'"offers":[{",".join([self.offer(offer) for offer in offers(decided, until)])}],'
            f'"retry_at":{"null" if until is None else end_json(until)},"hold":{_hold(hold)},'
            f'"account_version":{account_version},{self.policy}{self.rate_card(decided)}}},'
            f'"trace":[{self.inputs(decided, request_json, request_digest)},{self.steps(decided, parts)}'
            f"{self.ending(decided, id)}]}}"
        )

    def rate_card(self, decided: Decided) -> str:
        pricing = self.waterfall.base
        if not isinstance(pricing, Pricing):
            return "null"
        at, text = self.card_at
        if at != decided.now:
            text = f'"{price_table(pricing, decided.now).version}"'
            self.card_at = (decided.now, text)
        return text

    def charge(self, decided: Decided) -> str:
        """LANGUAGE.md S7: what pools not marked `free` were debited, by unit."""
        charged: dict[str, tuple[_LayerText, int]] = {}
        for index, layer, step in drawn(decided):
            text = self.layers[index]
            if isinstance(layer, PoolLayer) and not layer.free:
                sofar = charged.get(text.unit, (text, 0))[1]
                charged[text.unit] = (text, sofar + step[2])
        return "{" + ",".join([f'"{unit}":"{text.amount(sum)}"' for unit, (text, sum) in charged.items()]) + "}"

    # ---- draws

    def parts(self, decided: Decided) -> list[str]:
        """For each visited layer that took: its windows or lots, as the draw and the trace both show them."""
        return [self.part(decided, index, step) for index, step in enumerate(decided.raw[5])]

    def part(self, decided: Decided, index: int, step: Step) -> str:
        drew = index in decided.drawing
        if len(step) == 2:
            return ""
        if len(step) == 5:
            covered = decided.raw[0] == COVERED and index == len(decided.raw[5]) - 1
            return self.windows(self.layers[index], step, drew, not covered)
        return self.lots(self.layers[index], step, drew)

    def windows(self, text: _LayerText, step: LimitStep, drew: bool, short: bool) -> str:
        amount, write = step[2] if drew else 0, text.amount
        binds = binding_windows(step) if short else ()
        shown = []
        for index, (generation, _, ends_at, used) in enumerate(step[3]):
            capacity = step[4][index]
            shown.append(
                f'{text.window_heads[index]}{generation},"before":"{write(used)}","after":"{write(used + amount)}",'
                f'"limit":"{"unlimited" if capacity == UNLIMITED else write(capacity)}","ends_at":{end_json(ends_at)},'
                f'"binds":{"true" if index in binds else "false"}}}'
            )
        return f',"windows":[{",".join(shown)}]'

    def lots(self, text: _LayerText, step: PoolStep, drew: bool) -> str:
        write = text.amount
        shown = [
            f'{{"lot":"{lot[LOT_ID]}","amount":"{write(part if drew else 0)}","before":"{write(lot[LOT_LEFT])}",'
            f'"after":"{write(lot[LOT_LEFT] - part if drew else lot[LOT_LEFT])}","expires_at":{end_json(lot[LOT_EXPIRES_AT])}}}'
            for lot, part in step[3]
        ]
        return f',"lots":[{",".join(shown)}]'

    def draws(self, decided: Decided, parts: list[str]) -> list[str]:
        shown = []
        for index, _, step in drawn(decided):
            text = self.layers[index]
            shown.append(
                f'{text.draw}{self.base(step[1])}","amount":"{text.amount(step[2])}","unit":"{text.unit}"{parts[index]}}}'
            )
        return shown

    # ---- the reason, and what would help

    def reason(self, decided: Decided) -> str:
        """Null in an allow, but for a base of zero."""
        ending, at = decided.raw[0], decided.raw[1]
        if ending == ZERO:
            return '{"code":"rate_zero","binding":null,"layers":[]}'
        if decided.outcome == ALLOW:
            return "null"
        if ending in (GUARDED, GUARD_ERROR):
            return f'{{"code":"{self.waterfall.guards[at].name}","binding":null,"layers":[]}}'
        pairs = zip(self.waterfall.layers, decided.raw[5], strict=False)
        layers = ",".join([f'{{"layer":"{layer.name}","cause":"{cause(layer, step)}"}}' for layer, step in pairs])
        name = binding(decided)
        shown = "null" if name is None else f'"{name}"'
        return f'{{"code":"{self.waterfall.otherwise}","binding":{shown},"layers":[{layers}]}}'

    def offer(self, offer: Offer) -> str:
        if offer.until is not None:
            return f'{{"offer":"{offer.name}","until":{end_json(offer.until)}}}'
        if offer.layer is None or offer.amount is None:
            return f'{{"offer":"{offer.name}"}}'
        text = self.layers[offer.layer]
        return f'{{"offer":"{offer.name}","pool":"{text.name}","amount":"{text.amount(offer.amount)}","unit":"{text.unit}"}}'

    # ---- the trace

    def inputs(self, decided: Decided, request_json: str, request_digest: str) -> str:
        facts = decided.raw[4]
        shown = [
            head + _value(slot, value)
            for head, slot, value in zip(self.facts, self.waterfall.slots, facts, strict=True)
        ]
        return (
            f'{{"step":"inputs","waterfall":"{self.waterfall.name}","source":{quoted(self.waterfall.place)},'
            f'"request":{request_json},"request_digest":"sha256:{request_digest}","facts":{{{",".join(shown)}}}}}'
        )

    def steps(self, decided: Decided, parts: list[str]) -> str:
        """Guards, then layers: visited, then not reached; each with a comma behind it."""
        ending, at, base, _, facts, steps = decided.raw
        if ending in (GUARDED, GUARD_ERROR):
            return self.guard_denied(at, ending, facts) + self.not_reached[0]
        shown = [self.guards_passed]
        asked = base
        last = len(steps) - 1 if ending == COVERED else -1
        for index, step in enumerate(steps):
            shown.append(self.layer(decided, index, step, asked, parts[index], index == last))
            if step[0] == TOOK and not self.waterfall.fill_whole:
                asked -= step[1]
        shown.append(self.not_reached[len(steps)])
        return "".join(shown)

    def layer(self, decided: Decided, index: int, step: Step, asked: int, part: str, covered: bool) -> str:
        text, layer, write = self.layers[index], self.waterfall.layers[index], self.base
        if step[0] != TOOK:
            return text.head + self.passed(layer, step, decided.raw[4]) + "},"
        drew = index in decided.drawing
        granted = step[1] if drew else 0
        verdict = "drew" if drew else "exhausted"
        short = "" if covered else self.short(layer, step)
        return (
            f'{text.head}{verdict}","asked":"{write(asked)}","available":"{write(step[1])}",'
            f'"granted":"{write(granted)}"{short}{part}}},'
        )

    def short(self, layer: Layer, step: Step) -> str:
        name = cause(layer, step)
        bound = f'"{name}"' if isinstance(layer, LimitLayer) else "null"
        return f',"cause":"{name}","binding":{bound}'

    def passed(self, layer: Layer, step: Step, facts: Facts) -> str:
        if step[0] == SKIPPED:
            skip = layer.skips[step[1]]
            return f'skipped","cause":"{skip.name}","binding":null{self.clause(skip.when, facts, True)}'
        condition = layer.when if step[1] < 0 else layer.skips[step[1]].when
        verdict = "error" if step[0] == ERROR else "not_applicable"
        failing = "" if condition is None else self.clause(condition, facts, None if step[0] == ERROR else False)
        return f'{verdict}","cause":"{verdict}","binding":null{failing}'

    def guard_denied(self, at: int, ending: int, facts: Facts) -> str:
        condition = self.waterfall.guards[at].when
        passed = "".join(f'{head}passed"}},' for head in self.guards[:at])
        verdict = "denied" if ending == GUARDED else "error"
        clause = self.clause(condition, facts, True if ending == GUARDED else None)
        after = "".join(f'{head}not_reached"}},' for head in self.guards[at + 1 :])
        return f'{passed}{self.guards[at]}{verdict}"{clause}}},{after}'

    def clause(self, condition: Condition, facts: Facts, verdict: bool | None) -> str:
        """The clause's text, kept by the values that the condition read: accounts are alike in these."""
        key = (condition.place, verdict, *[facts[slot] for clause in condition.clauses for slot in clause.slots])
        text = self.clauses.get(key)
        if text is None:
            if len(self.clauses) >= CLAUSES_MAX:
                self.clauses.clear()
            text = self.clauses[key] = self.clause_text(condition, facts, verdict)
        return text

    def clause_text(self, condition: Condition, facts: Facts, verdict: bool | None) -> str:
        """The first clause that came to `verdict` (None: an error), with the values it read."""
        for clause in condition.clauses:
            value, error = _evaluated(clause.expr, facts)
            if value is verdict or (verdict is None and error is not None):
                read = ",".join(
                    [self.facts[slot] + _value(self.waterfall.slots[slot], facts[slot]) for slot in clause.slots]
                )
                why = "" if error is None else f',"error":{quoted(error)}'
                return f',"clause":{{"text":{quoted(clause.text)},"values":{{{read}}}{why}}}'
        return ""

    def ending(self, decided: Decided, id: str) -> str:
        code = {ALLOW: "null", PARTIAL: "null"}.get(decided.outcome)
        if decided.raw[0] == ZERO:
            code = '"rate_zero"'
        if code is None:
            guarded = decided.raw[0] in (GUARDED, GUARD_ERROR)
            code = f'"{self.waterfall.guards[decided.raw[1]].name if guarded else self.waterfall.otherwise}"'
        effects = ",".join(self.effects(decided, id))
        return f'{self.outcome}{decided.outcome}","code":{code},"effects":[{effects}]}}'

    def effects(self, decided: Decided, id: str) -> list[str]:
        """One entry for each window and lot changed, with the key that makes it happen once."""
        shown: list[str] = []
        kinds = decided.program.plan.kinds
        for index, layer, step in drawn(decided):
            text = self.layers[index]
            account = f'"account":"{kinds[layer.kind].name}/{decided.admitted.ids[layer.kind]}"'
            values = tuple([str(decided.raw[4][slot]) for slot in layer.per])
            if isinstance(layer, LimitLayer):
                for window in layer.windows:
                    where = quoted(state_key(window.key, values))
                    shown.append(
                        f'{{"key":"{id}/{len(shown)}",{account},"window":{where},"amount":"{text.amount(step[2])}"}}'
                    )
            elif len(step) == 4:
                where = quoted(state_key(layer.name, values))
                for lot, part in step[3]:
                    shown.append(
                        f'{{"key":"{id}/{len(shown)}",{account},"pool":{where},"lot":"{lot[LOT_ID]}",'
                        f'"amount":"{text.amount(part)}"}}'
                    )
        return shown


def _evaluated(expr: Expr, facts: Facts) -> tuple[object, str | None]:
    try:
        return evaluate(expr, facts), None
    except CelError as error:
        return None, str(error)
