"""The decision as values: which layers draw how much, and what an outcome that is no plain allow owes the caller.

The raw decision says what each layer could cover; here it becomes an outcome (LANGUAGE.md L3, L6).
"""

from __future__ import annotations

from overspill.decide.admit import Admitted, waterfall_of
from overspill.decide.bounds import bounded, least_of
from overspill.plan.facts import Accounts
from overspill.plan.interpret import NO_BOUNDS, Bounds
from overspill.plan.plan import Layer, Waterfall
from overspill.plan.program import Program
from overspill.plan.raw import COVERED, SHORT, TOOK, ZERO, Raw, TookStep
from overspill.words.codec import Light

ALLOW, PARTIAL, DENY = "allow", "partial", "deny"
FIRST = (0,)
"""The first layer alone draws."""


class Decided(Light, frozen=True):
    """`drawing` are the indexes of the layers that draw, ascending; `granted` is in base steps.

    `at` is the waterfall's index; `admitted`, `accounts` and `now` are what the decision was made of, for whoever asks
    further (retry, offers).
    """

    program: Program
    at: int
    waterfall: Waterfall
    admitted: Admitted
    accounts: Accounts
    now: int
    raw: Raw
    outcome: str
    granted: int
    drawing: tuple[int, ...]

    @property
    def bounds(self) -> Bounds:
        """What the request bounds itself by."""
        return self.admitted.bounds or NO_BOUNDS


def decide(program: Program, admitted: Admitted, accounts: Accounts, now: int) -> Decided:
    """The decision on an admitted request at the instant `now`. Raises Failure for invalid input."""
    index, raw = raw_of(program, admitted, accounts, now)
    return decided_of(program, admitted, accounts, now, index, raw)


def raw_of(program: Program, admitted: Admitted, accounts: Accounts, now: int) -> tuple[int, Raw]:
    """(index of the waterfall that serves the request, the raw decision). Raises Failure for invalid input."""
    request = admitted.request
    index = program.sole.get(request.fields.get(program.field))  # type: ignore[arg-type]
    if index is None:
        index = waterfall_of(program.plan, admitted, accounts)
    waterfall = program.plan.waterfalls[index]
    function = program.functions[index] or program.function_of(index)
    if admitted.bounds is not None:
        least_of(waterfall, request)  # wrong text is named whatever the outcome
        function = bounded(waterfall, admitted.bounds)
    return index, function(request.fields, request.meters, admitted.ids, accounts, now)


def decided_of(program: Program, admitted: Admitted, accounts: Accounts, now: int, index: int, raw: Raw) -> Decided:
    """The decision that a raw one is, of the waterfall at `index`."""
    waterfall = program.plan.waterfalls[index]
    if raw[0] == COVERED and len(raw[5]) == 1:  # the first layer covers it all, as it mostly does
        return Decided(program, index, waterfall, admitted, accounts, now, raw, ALLOW, raw[2], FIRST)
    outcome, granted, drawing = outcome_of(waterfall, raw, least_of(waterfall, admitted.request))
    return Decided(program, index, waterfall, admitted, accounts, now, raw, outcome, granted, drawing)


def outcome_at(decided: Decided, now: int) -> str:
    """The outcome of the same request, on the same states, at another instant."""
    waterfall, request = decided.waterfall, decided.admitted.request
    function = decided.program.function_of(decided.at)
    if decided.admitted.bounds is not None:
        function = bounded(waterfall, decided.admitted.bounds)
    raw = function(request.fields, request.meters, decided.admitted.ids, decided.accounts, now)
    return outcome_of(waterfall, raw, least_of(waterfall, request))[0]


def outcome_of(waterfall: Waterfall, raw: Raw, at_least: int = 0) -> tuple[str, int, tuple[int, ...]]:
    """(outcome, granted, indexes of the layers that draw). `at_least` is what a part must have, in base steps."""
    outcome, granted, drawing = _outcome(waterfall, raw)
    return (DENY, 0, ()) if outcome == PARTIAL and granted < at_least else (outcome, granted, drawing)


def _outcome(waterfall: Waterfall, raw: Raw) -> tuple[str, int, tuple[int, ...]]:
    ending, _, base, left, _, steps = raw
    if ending == COVERED:
        last = len(steps) - 1
        return ALLOW, base, (last,) if waterfall.fill_whole else _took(raw)
    if ending == ZERO:
        return ALLOW, 0, ()
    if ending != SHORT or not waterfall.partial:
        return DENY, 0, ()
    if waterfall.fill_whole:
        best = max(_took(raw), key=lambda index: (steps[index][1], -index), default=None)
        return (DENY, 0, ()) if best is None else (PARTIAL, steps[best][1], (best,))
    return (PARTIAL, base - left, _took(raw)) if left < base else (DENY, 0, ())


def _took(raw: Raw) -> tuple[int, ...]:
    steps = raw[5]
    if len(steps) == 1:
        return (0,) if steps[0][0] == TOOK and steps[0][1] else ()
    return tuple([index for index, step in enumerate(steps) if step[0] == TOOK and step[1]])


def drawn(decided: Decided) -> list[tuple[int, Layer, TookStep]]:
    """(index, layer, step) for each layer that draws, in the waterfall's order."""
    layers, steps = decided.waterfall.layers, decided.raw[5]
    found: list[tuple[int, Layer, TookStep]] = []
    for index in decided.drawing:
        step = steps[index]
        if len(step) != 2:
            found.append((index, layers[index], step))
    return found


def available(decided: Decided) -> int:
    """LANGUAGE.md L6: what the layers could cover together, in base steps; under `whole` the most that one could."""
    covers = [step[1] for step in decided.raw[5] if step[0] == TOOK]
    return (max(covers, default=0) if decided.waterfall.fill_whole else sum(covers)) if covers else 0
