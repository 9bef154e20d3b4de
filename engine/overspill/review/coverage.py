"""Decisions against a plan → which of its points were ever seen, read from the decisions' own traces.

A point is one thing that tests can show: a layer's verdict, an outcome, one side of one clause of a condition, one of
the amounts around a capacity. A condition's clauses are judged left to right and only as far as they matter: a clause
behind a false one has not been seen. The amount around a capacity is what the request would bring the window to: its
use plus all that is asked of the layer, in the layer's own steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from overspill.plan.arithmetic import ceil_ratio
from overspill.plan.evaluate import evaluate
from overspill.plan.functions import ABSENT, CelError
from overspill.plan.members import IDS, together
from overspill.plan.plan import (
    ROOT,
    AccountKind,
    Condition,
    EntitlementLayer,
    GraceLayer,
    Input,
    Instant,
    Layer,
    LimitLayer,
    Plan,
    Row,
    Slot,
    Waterfall,
)
from overspill.plan.pricing import look_up, row_of
from overspill.review.vocabulary import layers_of
from overspill.words.amounts import UNLIMITED, steps_from_text, text_from_steps
from overspill.words.codec import Struct, json_decoder
from overspill.words.instants import instant_from_text

_decode = json_decoder(dict[str, Any]).decode


class Point(Struct, frozen=True):
    """`subject` has the `side`: (`codex promo`, `drew`), (`plan_windows.week plus`, `299.999999`)."""

    kind: str
    subject: str
    side: str


KINDS = ("layer", "outcome", "condition", "boundary")
Points = Mapping[Point, str]
"""Each point with its place in the policy."""


# ---- what there is


def points_of(plan: Plan) -> Points:
    """All points of a plan, in the order of its waterfalls; those that no request can reach are not among them."""
    found: dict[Point, str] = {}
    for waterfall in plan.waterfalls:
        for layer in waterfall.layers:
            for verdict in _verdicts(layer):
                found[Point("layer", f"{waterfall.name} {layer.name}", verdict)] = layer.place
        for outcome in _outcomes(waterfall):
            found[Point("outcome", waterfall.name, outcome)] = waterfall.otherwise_place
        for subject, condition in _conditions(waterfall):
            for clause in condition.clauses:
                for side in ("true", "false"):
                    found[Point("condition", f"{subject}: {clause.text}", side)] = condition.place
    for layer in layers_of(plan):
        for point in _boundaries(layer):
            found[point] = layer.place
    return found


def _boundaries(layer: Layer) -> Iterator[Point]:
    if isinstance(layer, LimitLayer):
        for row, capacities in _capacities(layer):
            for window, capacity in zip(layer.windows, capacities, strict=True):
                for side in _sides(layer, capacity).values():
                    yield Point("boundary", _row_subject(window.key, row), side)


def _verdicts(layer: Layer) -> Iterator[str]:
    """The verdicts that a layer can come to."""
    least = [min(row) for _, row in _capacities(layer)]
    if not least or any(least):
        yield "drew"
    if not least or layer.caps or any(capacity != UNLIMITED for capacity in least):
        yield "exhausted"
    if layer.skips:
        yield "skipped"
    dated = isinstance(layer, EntitlementLayer) and (layer.starts is not None or layer.ends is not None)
    if layer.when is not None or layer.account != ROOT or dated or isinstance(layer, GraceLayer):
        yield "not_applicable"
    if any(condition.can_fail for condition in _layer_conditions(layer)):
        yield "error"
    yield "not_reached"


def _layer_conditions(layer: Layer) -> list[Condition]:
    when = [] if layer.when is None else [layer.when]
    return [*when, *(skip.when for skip in layer.skips)]


def _outcomes(waterfall: Waterfall) -> Iterator[str]:
    yield "allow"
    yield "rate_zero"
    if waterfall.partial:
        yield "partial"
    yield waterfall.otherwise
    for occupancy in waterfall.occupies:
        yield occupancy.counter.name
    for guard in waterfall.guards:
        yield guard.name
        if guard.when.can_fail:
            yield f"{guard.name} (error)"


def _conditions(waterfall: Waterfall) -> Iterator[tuple[str, Condition]]:
    for guard in waterfall.guards:
        yield f"{waterfall.name} deny {guard.name}", guard.when
    for layer in waterfall.layers:
        if layer.when is not None:
            yield f"{waterfall.name} draw {layer.name}", layer.when
        for skip in layer.skips:
            yield f"{waterfall.name} {layer.name} skip {skip.name}", skip.when


def _capacities(layer: Layer) -> Iterator[tuple[str, tuple[int, ...]]]:
    """(the row as people name it, the capacities of its windows); none for what is no limit."""
    if not isinstance(layer, LimitLayer):
        return
    for row, capacities in layer.capacity.rows.items():
        yield _row_text(row), capacities
    if layer.capacity.default is not None:
        yield ("default" if layer.capacity.by else ""), layer.capacity.default


def _row_text(row: Row) -> str:
    return row if isinstance(row, str) else ", ".join(row)


def _row_subject(window: str, row: str) -> str:
    return f"{window} {row}".rstrip()


def _sides(layer: LimitLayer, capacity: int) -> dict[int, str]:
    """The amounts around a capacity, as text. Of nothing only what lies above can be asked; unlimited has no bounds."""
    if capacity == UNLIMITED:
        return {}
    if capacity == 0:
        return {0: "more than 0"}
    return {
        steps: text_from_steps(steps, layer.unit.scale) for steps in (capacity - 1, capacity, capacity + 1) if steps > 0
    }


# ---- what was seen


def seen_by(plan: Plan, decisions: Iterable[bytes]) -> set[Point]:
    """The points that the decisions show."""
    waterfalls = {waterfall.name: waterfall for waterfall in plan.waterfalls}
    found: set[Point] = set()
    for data in decisions:
        decision = _decode(data)
        inputs = decision["trace"][0]
        waterfall = waterfalls[inputs["waterfall"]]
        facts = tuple([_fact(slot, inputs["facts"][slot.path]) for slot in waterfall.slots])
        only = inputs["request"].get("only")
        guards = {step["guard"]: step["verdict"] for step in decision["trace"] if step["step"] == "guard"}
        layers = {step["layer"]: step for step in decision["trace"] if step["step"] == "layer"}
        found.add(Point("outcome", waterfall.name, _outcome(decision, guards)))
        for guard in waterfall.guards:
            if guards.get(guard.name, "not_reached") != "not_reached":
                found |= _sides_seen(f"{waterfall.name} deny {guard.name}", guard.when, facts)
        for layer in waterfall.layers:
            if only is None or layer.name in only:
                found |= _layer_seen(waterfall, layer, layers[layer.name], facts)
    return found


def _fact(slot: Slot, value: Any) -> object:
    """A fact of a trace as the plan holds it."""
    if slot.many is not None:
        members = [(one[IDS], _attributes(slot.many, one)) for one in value]
        return together(slot.many, members)[slot.many.name]
    if isinstance(value, list):
        return tuple([_value_of(slot.input, one) for one in value])
    return _value_of(slot.input, value)


def _attributes(kind: AccountKind, shown: Mapping[str, Any]) -> Mapping[str, object]:
    return {name: _value_of(input, shown[name]) for name, input in kind.attributes.items() if shown[name] is not None}


def _value_of(input: Input, value: Any) -> object:
    """Amounts in steps, instants in microseconds."""
    if value is None:
        return ABSENT
    if value == "unlimited" and input.unit and input.type is int:
        return UNLIMITED
    if input.type is Instant:
        return instant_from_text(value)
    return steps_from_text(value, input.unit) if input.unit and input.type is int else value


def _outcome(decision: Mapping[str, Any], guards: Mapping[str, str]) -> str:
    if decision["outcome"] == "partial":
        return "partial"
    if decision["reason"] is None:
        return "allow"
    code: str = decision["reason"]["code"]
    return f"{code} (error)" if guards.get(code) == "error" else code


def _layer_seen(waterfall: Waterfall, layer: Layer, step: Mapping[str, Any], facts: Sequence[object]) -> set[Point]:
    verdict = step["verdict"]
    found = {Point("layer", f"{waterfall.name} {layer.name}", verdict)}
    if verdict == "not_reached":
        return found
    if layer.when is not None:
        found |= _sides_seen(f"{waterfall.name} draw {layer.name}", layer.when, facts)
    for skip in layer.skips if verdict != "not_applicable" else ():
        found |= _sides_seen(f"{waterfall.name} {layer.name} skip {skip.name}", skip.when, facts)
        if _value(skip.when.expr, facts) is not False:
            break
    if isinstance(layer, LimitLayer) and "windows" in step:
        found |= _boundaries_seen(waterfall, layer, step, facts)
    return found


def _sides_seen(subject: str, condition: Condition, facts: Sequence[object]) -> set[Point]:
    found: set[Point] = set()
    for clause in condition.clauses:
        value = _value(clause.expr, facts)
        if value is not None:
            found.add(Point("condition", f"{subject}: {clause.text}", str(value).lower()))
        if value is False:
            break
    return found


def _value(expr: Any, facts: Sequence[object]) -> bool | None:
    """None for an error."""
    try:
        return evaluate(expr, facts) is True
    except CelError:
        return None


def _boundaries_seen(
    waterfall: Waterfall, layer: LimitLayer, step: Mapping[str, Any], facts: Sequence[object]
) -> set[Point]:
    held = tuple(facts)
    asked = steps_from_text(step["asked"], waterfall.unit)
    wanted = ceil_ratio(asked, *look_up(layer.ratio, waterfall, held))
    key = row_of(layer.capacity.by, held) if layer.capacity.by else ()
    row = _row_text(key) if key in layer.capacity.rows else ("default" if layer.capacity.by else "")
    found: set[Point] = set()
    for window, shown in zip(layer.windows, step["windows"], strict=True):
        if shown["limit"] == "unlimited":
            continue
        capacity = steps_from_text(shown["limit"], layer.unit)
        total = steps_from_text(shown["before"], layer.unit) + wanted
        side = _sides(layer, capacity).get(total if capacity else 0)
        if side is not None:
            found.add(Point("boundary", _row_subject(window.key, row), side))
    return found


# ---- both beside each other


class Coverage(Struct, frozen=True):
    """One policy's points, the seen among them, the unreachable ones with their reasons; `stale` were declared so and
    have been seen."""

    policy: str
    points: Points
    seen: frozenset[Point]
    unreachable: Mapping[Point, str]
    stale: tuple[Point, ...]

    @property
    def counted(self) -> int:
        return len(self.points) - len(self.unreachable)

    @property
    def missing(self) -> list[Point]:
        """In the plan's order."""
        return [point for point in self.points if point not in self.seen and point not in self.unreachable]


def coverage_of(plan: Plan, decisions: Iterable[bytes], unreachable: Mapping[Point, str]) -> Coverage:
    """What the decisions show of the plan; points outside it (an older row's boundary) do not count."""
    points = points_of(plan)
    seen = frozenset(point for point in seen_by(plan, decisions) if point in points)
    left = {point: reason for point, reason in unreachable.items() if point not in seen}
    stale = tuple(point for point in unreachable if point in seen)
    return Coverage(f"{plan.name} {plan.version}", points, seen, left, stale)


def percent(coverages: Sequence[Coverage]) -> int:
    """Whole percent, rounded down: 100 is all of it."""
    counted = sum(one.counted for one in coverages)
    missing = sum(len(one.missing) for one in coverages)
    return 100 if counted == 0 else (counted - missing) * 100 // counted
