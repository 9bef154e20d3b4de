"""What holds after every step: three truths of the engine itself, and the conditions that a test file states.

A stated invariant is an expression over the decision and the policy's own inputs. Amounts in it are whole numbers of
their unit's smallest step, as everywhere in expressions; a decision's parts hide inputs of the same name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from overspill.cel.check import check
from overspill.cel.types import (
    BOOL,
    DYN,
    INT,
    STRING,
    TIMESTAMP,
    AmountType,
    FieldType,
    ListType,
    MapType,
    RecordType,
    Type,
)
from overspill.check import initiators
from overspill.check.names import Faults
from overspill.compile.expressions import resolve
from overspill.plan.evaluate import evaluate
from overspill.plan.functions import ABSENT, CelError, map_of
from overspill.plan.plan import Input, Instant, Plan
from overspill.plan.plan import Invariant as PolicyInvariant
from overspill.review.answers import added
from overspill.review.plan_leaves import PlanLeaves
from overspill.review.suite import Invariant
from overspill.syntax.yaml_leaves import Refused
from overspill.syntax.yaml_nodes import Node, Scalar
from overspill.words.amounts import Unit, steps_from_text

Decision = Mapping[str, Any]

# ---- the engine's own


def draws_sum_to_granted(decision: Decision) -> str | None:
    """LANGUAGE.md L4."""
    total = "0"
    for draw in decision["draws"]:
        total = added(total, draw["base"])
    if total == decision["granted"]:
        return None
    return f"the draws come to {total} {decision['unit']}, and {decision['granted']} are granted"


def denials_change_nothing(decision: Decision, effects: Iterable[str]) -> str | None:
    """LANGUAGE.md L6: `effects` names the accounts that the decision's own record changes."""
    changed = sorted(effects)
    if decision["outcome"] != "deny" or not changed:
        return None
    return f"the denial changes {', '.join(changed)}"


def twin_is_equal(decision: Decision, twin: Decision) -> str | None:
    """LANGUAGE.md S1: preview is the same decision as decide; `twin` is the other's, under this one's id. A reservation
    that only verifies has no effects (S5)."""
    shown, other = dict(decision), dict(twin)
    if shown.pop("hold", None) and not shown["trace"][-1]["effects"]:
        shown["trace"], other["trace"] = shown["trace"][:-1], other["trace"][:-1]
    names = [name for name, value in shown.items() if value != other.get(name)]
    return f"preview and decide differ in {', '.join(names)}" if names else None


# ---- what a file states

_DRAW = RecordType(
    "draw",
    (FieldType("layer", STRING), FieldType("base", INT), FieldType("amount", INT), FieldType("unit", STRING)),
)
SCOPE: Mapping[str, Type] = {
    "outcome": STRING,
    "code": STRING,
    "unit": STRING,
    "requested": INT,
    "granted": INT,
    "available": INT,
    "shortfall": INT,
    "charge": MapType(STRING, INT),
    "draws": ListType(_DRAW),
}
"""What a decision adds to the names that expressions see."""


def invariant_of(leaves: PlanLeaves, key: Scalar, node: Node) -> Invariant:
    """`name: 'expression'`, typed. Raises Refused with its faults added."""
    name = leaves.name(key, "an invariant's name")
    tree = leaves.expr(node)
    typed = check(tree, {**scope_of(leaves.words.plan), **SCOPE})
    if isinstance(typed, tuple):
        leaves.faults.extend(typed)
        raise Refused
    unknown = Faults()
    initiators.unknown_initiators(typed, unknown)
    if unknown.found:
        leaves.faults.extend(unknown.found)
        raise Refused
    if typed.type not in (BOOL, DYN):
        message = f"an invariant is a bool, this is a {typed.type}"
        raise leaves.refuse("OSP232", node.span, message, "compare it with something")
    paths: dict[str, int] = {}
    expr = resolve(typed, lambda path: paths.setdefault(path, len(paths)), micros=True)
    return Invariant(name.text, leaves.plain(node, "an expression"), expr, tuple(paths), key.span)


def scope_of(plan: Plan) -> dict[str, Type]:
    """The plan's inputs as expressions see them: `request.model`, `user.plan`, meters by their bare names."""
    meters = dict.fromkeys(sorted(plan.meters), INT)
    fields = [*(_field(input) for input in plan.fields.values()), *(FieldType(name, INT) for name in meters)]
    scope: dict[str, Type] = {**meters, "request": RecordType("request", (initiators.TYPE, *fields))}
    for kind in plan.kinds:
        own = (FieldType("id", STRING), *(_field(input) for input in kind.attributes.values()))
        scope[kind.name] = RecordType(kind.name, own, kind.of is not None)
    return scope


def _field(input: Input) -> FieldType:
    kinds: Mapping[type, Type] = {str: STRING, bool: BOOL, int: INT, Instant: TIMESTAMP}
    return FieldType(
        input.name, kinds[input.type] if input.unit is None else AmountType(input.unit.name), input.optional
    )


def broken(
    invariants: Iterable[Invariant | PolicyInvariant],
    decision: Decision,
    units: Mapping[str, Unit],
    input_of: Callable[[str], object],
) -> list[str]:
    """What does not hold, and why: of those stated in tests, and of the policy's own by their places. One that cannot be
    evaluated does not hold; one that could not be typed yet is not asked."""
    found: list[str] = []
    for invariant in invariants:
        if invariant.expr is None:
            continue
        own = ("draws",) if isinstance(invariant, PolicyInvariant) else SCOPE
        facts = [_part(decision, path, units) if path in own else input_of(path) for path in invariant.paths]
        why = "it is false"
        try:
            if evaluate(invariant.expr, facts) is True:
                continue
        except CelError as error:
            why = f"it cannot be evaluated: {error}"
        stated = f" ({invariant.place})" if isinstance(invariant, PolicyInvariant) else ""
        found.append(f"invariant {invariant.name}{stated}: {why}: {invariant.text}")
    return found


def _part(decision: Decision, name: str, units: Mapping[str, Unit]) -> object:
    """One part of the decision as a value of expressions."""
    base = units[decision["unit"]]
    match name:
        case "outcome" | "unit":
            return decision[name]
        case "code":
            return (decision["reason"] or {}).get("code", "")
        case "charge":
            charge = [(unit, steps_from_text(text, units[unit])) for unit, text in decision["charge"].items()]
            return map_of(*charge)
        case "draws":
            return tuple([_draw(draw, base, units) for draw in decision["draws"]])
        case _:
            text = decision.get(name)
            return ABSENT if text is None else steps_from_text(text, base)


def _draw(draw: Mapping[str, Any], base: Unit, units: Mapping[str, Unit]) -> object:
    amount = steps_from_text(draw["amount"], units[draw["unit"]])
    parts = {"layer": draw["layer"], "base": steps_from_text(draw["base"], base), "amount": amount}
    return map_of(*parts.items(), ("unit", draw["unit"]))
