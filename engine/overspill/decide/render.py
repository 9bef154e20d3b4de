"""A decision → its exact JSON bytes, trace included: what is stored, answered and replayed.

The text that never changes for a waterfall (names, places, verdicts of layers not reached) is put together once per
waterfall; a decision adds its numbers. Amounts are decimal strings with their unit beside them, instants RFC 3339 in
UTC, and no float appears anywhere. The shape is LANGUAGE.md section 5; `decision.schema.json` describes it.
"""

from __future__ import annotations

from overspill.decide.clauses import Clauses, fact_json
from overspill.decide.decide import ALLOW, DENY, FIRST, PARTIAL, Decided, available, drawn
from overspill.decide.effects import counts_of
from overspill.decide.forms import Fixed, Forms, has_forms
from overspill.decide.shortfall import Binds, Offer, binding, binding_of, binds_of, cause, offers, retry_at
from overspill.plan.bounds import found_in
from overspill.plan.interpret import is_charged, key_of, values_of
from overspill.plan.plan import (
    Layer,
    Plan,
    PoolLayer,
    Pricing,
    Waterfall,
    state_key,
)
from overspill.plan.pricing import look_up, price_table
from overspill.plan.program import Program
from overspill.plan.raw import (
    BOUNDS,
    COVERED,
    DRAWN,
    ERROR,
    GUARD_ERROR,
    GUARDED,
    NOT_ELIGIBLE,
    OCCUPIED,
    SKIPPED,
    STATES,
    TOOK,
    ZERO,
    Facts,
    Step,
    TookStep,
)
from overspill.plan.shapes import LOT_EXPIRES_AT, LOT_ID, LOT_LEFT, USED
from overspill.records.written import Fingerprint, Written
from overspill.words.amounts import UNLIMITED
from overspill.words.codec import quoted
from overspill.words.texts import amount_text_of, end_json, instant_text_of, limit_text_of


def render(
    decided: Decided,
    id: str,
    request_json: str,
    request_digest: str | Fingerprint,
    account_version: int,
    hold: tuple[str, int] | None,
    *,
    plainly: bool = False,
) -> Written:
    """The decision's bytes. `request_digest` is SHA-256 in hex, taken or not; `hold` is (hold id, expires_at) for a
    reservation; `plainly` asks for the plain renderer, which the forms must equal."""
    renderer: Renderer = decided.program.renderers[decided.at] or Renderer.made(decided.program, decided.at)  # type: ignore[assignment]
    forms = None if plainly else renderer.forms
    if forms is not None and decided.raw[0] == COVERED:
        formed = (forms.first if decided.drawing is FIRST else None) or forms.of(decided.raw[5])
        if formed is not None and (hold is None or not decided.waterfall.verify_only):
            card_at, card = renderer.card_at
            if card_at != decided.now:
                card = renderer.rate_card(decided.now)
            held = "null" if hold is None else _hold(hold)
            form, values = formed
            return Written(b"", form, values(decided, id, request_digest, request_json, account_version, held, card))
    return Written(renderer.decision(decided, id, request_json, request_digest, account_version, hold).encode())


def render_away(
    decided: Decided, *, id: str, request_json: str, request_digest: str, account_version: int, before: int
) -> Written:
    """The bytes of a decision that is made while the store is away, marked as such: `before` is what the account has been
    granted in this outage already, in base steps (LANGUAGE.md L13)."""
    renderer: Renderer = decided.program.renderers[decided.at] or Renderer.made(decided.program, decided.at)  # type: ignore[assignment]
    write = limit_text_of(decided.waterfall.unit.scale)
    mark = (
        f'{{"step":"unavailable","up_to":"{write(decided.waterfall.unavailable)}","before":"{write(before)}",'
        f'"after":"{write(before + decided.granted)}"}},'
    )
    text = renderer.decision(decided, id, request_json, request_digest, account_version, None, mark)
    return Written(text.encode())


def _hold(hold: tuple[str, int] | None) -> str:
    return "null" if hold is None else f'{{"id":"{hold[0]}","expires_at":{end_json(hold[1])}}}'


class _LayerText:
    """One layer's fixed text and its own way of writing amounts."""

    __slots__ = ("amount", "counter_heads", "draw", "head", "name", "unit")

    def __init__(self, layer: Layer) -> None:
        self.name = layer.name
        self.amount = amount_text_of(layer.unit.scale)
        self.unit = layer.unit.name
        self.head = f'{{"step":"layer","layer":"{layer.name}","source":{quoted(layer.place)},"verdict":"'
        self.draw = f'{{"layer":"{layer.name}","base":"'
        self.counter_heads = [
            f'{{"cap":"{counter.name}","generation":'
            if number >= layer.caps_from
            else ('{"generation":' if isinstance(layer, PoolLayer) else f'{{"window":"{counter.name}","generation":')
            for number, counter in enumerate(layer.counters)
        ]


class Renderer:
    """The fixed text of one waterfall, and the methods that write decisions with it."""

    def __init__(self, plan: Plan, waterfall: Waterfall) -> None:
        self.waterfall = waterfall
        self.base = amount_text_of(waterfall.unit.scale)
        self.layers = [_LayerText(layer) for layer in waterfall.layers]
        self.policy = f'"policy":{{"name":"{plan.name}","version":{plan.version},"digest":"{plan.digest}","rate_card":'
        self.facts = [f"{quoted(slot.path)}:" for slot in waterfall.slots]
        self.clauses = Clauses(waterfall)
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
        self.forms = Forms(plan, waterfall, fixed, self.passed_over) if has_forms(waterfall) else None
        self.first_drawn = None if self.forms is None else self.forms.drawn

    @classmethod
    def made(cls, program: Program, at: int) -> Renderer:
        """The waterfall's renderer, made at its first decision and kept with the program."""
        made = program.renderers[at] = cls(program.plan, program.plan.waterfalls[at])
        return made

    # ---- the decision

    def passed_over(self, decided: Decided, index: int, step: Step, asked: int) -> str:
        """The trace step of a layer that was passed by."""
        return self.layer(decided, index, step, asked, "", "")

    def decision(
        self,
        decided: Decided,
        id: str,
        request_json: str,
        request_digest: str | Fingerprint,
        account_version: int,
        hold: tuple[str, int] | None,
        mark: str = "",
    ) -> str:
        """All of it, in the order that people read; `mark` are steps of the trace behind the inputs."""
        outcome, base, granted = decided.outcome, decided.raw[2], decided.granted
        until = retry_at(decided) if outcome == DENY else None
        binds = binds_of(decided)
        parts = self.parts(decided, binds)
        denied = f'"available":"{self.base(available(decided))}",' if outcome == DENY else ""
        return (
            f'{{"decision":"{id}","request":"{decided.admitted.request.id}","at":"{instant_text_of(decided.now)}",'
            f'"outcome":"{outcome}","requested":"{self.base(base)}","granted":"{self.base(granted)}",'
            f'"shortfall":"{self.base(base - granted - (0 if outcome != DENY else available(decided)))}",{denied}'
            f'"unit":"{self.waterfall.unit.name}","charge":{self.charge(decided)},'
            f'"draws":[{",".join(self.draws(decided, parts))}],"reason":{self.reason(decided, binds)},'
            f'"offers":[{",".join([self.offer(offer) for offer in offers(decided, until)])}],'
            f'"retry_at":{"null" if until is None else end_json(until)},"hold":{_hold(hold)},'
            f'"account_version":{account_version},{self.policy}{self.rate_card(decided.now)}}},'
            f'"trace":[{self.inputs(decided, request_json, request_digest)},{mark}{self.steps(decided, parts, binds)}'
            f"{self.ending(decided, id, hold is not None)}]}}"
        )

    def rate_card(self, now: int) -> str:
        pricing = self.waterfall.base
        if not isinstance(pricing, Pricing):
            return "null"
        at, text = self.card_at
        if at != now:
            text = f'"{price_table(pricing, now).version}"'
            self.card_at = (now, text)
        return text

    def charge(self, decided: Decided) -> str:
        """LANGUAGE.md S7: what pools not marked `free` were debited, by unit."""
        charged: dict[str, tuple[_LayerText, int]] = {}
        for index, layer, step in drawn(decided):
            text = self.layers[index]
            if is_charged(layer):
                sofar = charged.get(text.unit, (text, 0))[1]
                charged[text.unit] = (text, sofar + step[2])
        return "{" + ",".join([f'"{unit}":"{text.amount(sum)}"' for unit, (text, sum) in charged.items()]) + "}"

    # ---- draws

    def parts(self, decided: Decided, binds: Binds) -> list[str]:
        """For each visited layer that took: its windows or lots, as the draw and the trace both show them."""
        return [self.part(decided, index, step, binds[index]) for index, step in enumerate(decided.raw[5])]

    def part(self, decided: Decided, index: int, step: Step, binds: tuple[int, ...]) -> str:
        if len(step) == 2:
            return ""
        layer, drew = self.waterfall.layers[index], index in decided.drawing
        amount = step[2] if drew else 0
        counters = [
            self.counter(self.layers[index], layer, step, number, amount, number in binds, decided.raw[4])
            for number in range(len(layer.counters))
        ]
        own, caps = counters[: layer.caps_from], counters[layer.caps_from :]
        shown = self.lots(self.layers[index], step, drew) if isinstance(layer, PoolLayer) else ""
        if own:
            shown += f',"overage":{own[0]}' if isinstance(layer, PoolLayer) else f',"windows":[{",".join(own)}]'
        return f'{shown},"caps":[{",".join(caps)}]' if caps else shown

    def counter(
        self, text: _LayerText, layer: Layer, step: TookStep, number: int, amount: int, binds: bool, facts: Facts
    ) -> str:
        """A window, a cap or an allowance before and after the draw. A cap says where its bound was found."""
        write, counter = text.amount, layer.counters[number]
        generation, _, ends_at, used, *_ = step[STATES][number]
        bound = step[BOUNDS][number]
        if isinstance(layer, PoolLayer) and number < layer.caps_from:
            amount = max(amount - sum(part for _, part in step[DRAWN]), 0)
        limit = "null" if bound is None else '"unlimited"' if bound == UNLIMITED else f'"{write(bound)}"'
        found = None if counter.up_to is None else found_in(counter.up_to, facts)
        source = f',"source":"{found[1]}"' if found is not None and found[1] else ""
        return (
            f'{text.counter_heads[number]}{generation},"before":"{write(used)}","after":"{write(used + amount)}",'
            f'"limit":{limit},"ends_at":{end_json(ends_at)},"binds":{"true" if binds else "false"}{source}}}'
        )

    def lots(self, text: _LayerText, step: TookStep, drew: bool) -> str:
        write = text.amount
        shown = [
            f'{{"lot":"{lot[LOT_ID]}","amount":"{write(part if drew else 0)}","before":"{write(lot[LOT_LEFT])}",'
            f'"after":"{write(lot[LOT_LEFT] - part if drew else lot[LOT_LEFT])}","expires_at":{end_json(lot[LOT_EXPIRES_AT])}}}'
            for lot, part in step[DRAWN]
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

    def reason(self, decided: Decided, binds: Binds) -> str:
        """Null in an allow, but for a base of zero."""
        ending, at = decided.raw[0], decided.raw[1]
        if ending == ZERO:
            return '{"code":"rate_zero","binding":null,"layers":[]}'
        if decided.outcome == ALLOW:
            return "null"
        if ending in (GUARDED, GUARD_ERROR):
            return f'{{"code":"{self.waterfall.guards[at].name}","binding":null,"layers":[]}}'
        if ending == OCCUPIED:
            return f'{{"code":"{self.waterfall.occupies[at].counter.name}","binding":null,"layers":[]}}'
        layers = ",".join(
            [
                f'{{"layer":"{self.waterfall.layers[index].name}","cause":"{cause(decided, index, binds)}"}}'
                for index in range(len(decided.raw[5]))
            ]
        )
        name = binding(decided, binds)
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

    def inputs(self, decided: Decided, request_json: str, request_digest: str | Fingerprint) -> str:
        facts = decided.raw[4]
        shown = [
            head + fact_json(slot, value)
            for head, slot, value in zip(self.facts, self.waterfall.slots, facts, strict=True)
        ]
        return (
            f'{{"step":"inputs","waterfall":"{self.waterfall.name}","source":{quoted(self.waterfall.place)},'
            f'"request":{request_json},"request_digest":"sha256:{request_digest}","facts":{{{",".join(shown)}}}}}'
        )

    def steps(self, decided: Decided, parts: list[str], binds: Binds) -> str:
        """Guards, then layers: visited, then not reached; each with a comma behind it."""
        ending, at, base, _, facts, steps = decided.raw
        if ending in (GUARDED, GUARD_ERROR):
            return self.guard_denied(at, ending, facts) + self.not_reached[0]
        shown = [self.guards_passed, self.occupancies(decided)]
        if ending == OCCUPIED:
            return "".join(shown) + self.not_reached[0]
        asked = base
        last = len(steps) - 1 if ending == COVERED else -1
        for index, step in enumerate(steps):
            short = "" if index == last or step[0] != TOOK else self.short(decided, index, binds)
            shown.append(self.layer(decided, index, step, asked, short, parts[index]))
            if step[0] == TOOK and not self.waterfall.fill_whole:
                asked -= step[1]
        shown.append(self.not_reached[len(steps)])
        return "".join(shown)

    def layer(self, decided: Decided, index: int, step: Step, asked: int, short: str, part: str) -> str:
        text, layer, write = self.layers[index], self.waterfall.layers[index], self.base
        if step[0] != TOOK:
            return text.head + self.passed(layer, step, decided.raw[4]) + "},"
        drew = index in decided.drawing
        granted = step[1] if drew else 0
        verdict = "drew" if drew else "exhausted"
        return (
            f'{text.head}{verdict}","asked":"{write(asked)}","available":"{write(step[1])}",'
            f'"granted":"{write(granted)}"{short}{part}}},'
        )

    def occupancies(self, decided: Decided) -> str:
        """A step for each concurrency that was looked at."""
        occupied = decided.raw[1] if decided.raw[0] == OCCUPIED else len(self.waterfall.occupies)
        shown = []
        for index, occupancy in enumerate(self.waterfall.occupies):
            name, place = occupancy.counter.name, quoted(occupancy.place)
            verdict = "passed" if index < occupied else "denied" if index == occupied else "not_reached"
            account = decided.accounts[occupancy.counter.account]
            numbers = ""
            if verdict != "not_reached" and account is not None:
                state = account.windows.get(key_of(occupancy.counter, decided.raw[4]))
                most = look_up(occupancy.at_most, self.waterfall, decided.raw[4])
                numbers = f',"holds":{0 if state is None else state[USED]},"at_most":{most}'
            shown.append(
                f'{{"step":"concurrency","concurrency":"{name}","source":{place},"verdict":"{verdict}"{numbers}}},'
            )
        return "".join(shown)

    def short(self, decided: Decided, index: int, binds: Binds) -> str:
        bound = binding_of(decided, index, binds)
        return f',"cause":"{cause(decided, index, binds)}","binding":{"null" if bound is None else quoted(bound)}'

    def passed(self, layer: Layer, step: Step, facts: Facts) -> str:
        if step[0] == SKIPPED:
            skip = layer.skips[step[1]]
            return f'skipped","cause":"{skip.name}","binding":null{self.clauses.of(skip.when, facts, True)}'
        if step[0] == NOT_ELIGIBLE:
            return 'not_applicable","cause":"not_eligible","binding":null'
        condition = layer.when if step[1] < 0 else layer.skips[step[1]].when
        verdict = "error" if step[0] == ERROR else "not_applicable"
        failing = "" if condition is None else self.clauses.of(condition, facts, None if step[0] == ERROR else False)
        return f'{verdict}","cause":"{verdict}","binding":null{failing}'

    def guard_denied(self, at: int, ending: int, facts: Facts) -> str:
        condition = self.waterfall.guards[at].when
        passed = "".join(f'{head}passed"}},' for head in self.guards[:at])
        verdict = "denied" if ending == GUARDED else "error"
        clause = self.clauses.of(condition, facts, True if ending == GUARDED else None)
        after = "".join(f'{head}not_reached"}},' for head in self.guards[at + 1 :])
        return f'{passed}{self.guards[at]}{verdict}"{clause}}},{after}'

    def ending(self, decided: Decided, id: str, reserved: bool) -> str:
        code = {ALLOW: "null", PARTIAL: "null"}.get(decided.outcome)
        if decided.raw[0] == ZERO:
            code = '"rate_zero"'
        if code is None:
            ending, at = decided.raw[0], decided.raw[1]
            if ending in (GUARDED, GUARD_ERROR):
                code = f'"{self.waterfall.guards[at].name}"'
            elif ending == OCCUPIED:
                code = f'"{self.waterfall.occupies[at].counter.name}"'
            else:
                code = f'"{self.waterfall.otherwise}"'
        effects = ",".join(self.effects(decided, id, reserved))
        return f'{self.outcome}{decided.outcome}","code":{code},"effects":[{effects}]}}'

    def effects(self, decided: Decided, id: str, reserved: bool) -> list[str]:
        """One entry for each window and lot changed, with the key that makes it happen once; a reservation that only
        verifies changes none."""
        shown: list[str] = []
        names, ids, facts = decided.program.plan.kind_names, decided.admitted.ids, decided.raw[4]
        for index, layer, step in () if reserved and self.waterfall.verify_only else drawn(decided):
            write = self.layers[index].amount
            for account, key, _, amount in counts_of(layer, step, facts):
                if ids[account] is not None:
                    what = f'"account":"{names[account]}/{ids[account]}","window":{quoted(key)}'
                    shown.append(f'{{"key":"{id}/{len(shown)}",{what},"amount":"{write(amount)}"}}')
            if step[DRAWN]:
                where = quoted(state_key(layer.name, values_of(layer.per, facts)))
                account_text = f'"account":"{names[layer.account]}/{ids[layer.account]}"'
                for lot, part in step[DRAWN]:
                    what = f'{account_text},"pool":{where},"lot":"{lot[LOT_ID]}"'
                    shown.append(f'{{"key":"{id}/{len(shown)}",{what},"amount":"{write(part)}"}}')
        return shown
