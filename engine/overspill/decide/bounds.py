"""The bounds that a request sets itself (LANGUAGE.md L10), as the plan understands them. Raises Failure for what it cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from overspill.plan.facts import Accounts
from overspill.plan.interpret import Bounds
from overspill.plan.interpret import decide as interpret
from overspill.plan.plan import LimitLayer, Plan, Scalar, Waterfall
from overspill.plan.program import DecideFunction
from overspill.plan.raw import Raw
from overspill.records.request import Request
from overspill.words.amounts import AmountError, Unit, steps_from_text
from overspill.words.codec import replace
from overspill.words.diagnostics import did_you_mean
from overspill.words.failures import Failure
from overspill.words.typed import expect


def bounded(waterfall: Waterfall, bounds: Bounds) -> DecideFunction:
    """The waterfall's function within bounds: they are rare, and the interpreter's."""

    def decide(
        fields: Mapping[str, Scalar],
        meters: Mapping[str, int],
        ids: Sequence[str | None],
        accounts: Accounts,
        now: int,
    ) -> Raw:
        return interpret(waterfall, fields, meters, ids, accounts, now, bounds)

    return decide


def bounds_of(plan: Plan, request: Request) -> Bounds:
    """`only` and `max_charge`; `at_least` bounds the outcome, not the draws."""
    expect(request.only, tuple[str, ...] | None, "/only")
    expect(request.max_charge, Mapping[str, str] | None, "/max_charge")
    expect(request.at_least, str | None, "/at_least")
    only = None if request.only is None else frozenset(_layers(plan, request.only))
    charged = {unit: _most(plan, unit, text) for unit, text in (request.max_charge or {}).items()}
    return Bounds(only, charged)


def limits_only(plan: Plan, bounds: Bounds | None) -> Bounds:
    """The bounds of a request, further bound to the layers that are limits (LANGUAGE.md L13)."""
    layers = [layer for waterfall in plan.waterfalls for layer in waterfall.layers]
    limits = frozenset(layer.name for layer in layers if isinstance(layer, LimitLayer))
    own = None if bounds is None else bounds.only
    return replace(bounds or Bounds(), only=limits if own is None else limits & own)


def least_of(waterfall: Waterfall, request: Request) -> int:
    """The least base amount that a part must have, in steps."""
    if request.at_least is None:
        return 0
    return _amount(request.at_least, waterfall.unit, "/at_least")


def _layers(plan: Plan, names: Sequence[str]) -> Sequence[str]:
    known = {layer.name for waterfall in plan.waterfalls for layer in waterfall.layers}
    for index, name in enumerate(names):
        if name not in known:
            help = did_you_mean(name, known) or f"layers: {', '.join(sorted(known)[:20])}"
            message = f"the policy draws on no layer `{name[:64]}`"
            raise Failure("unknown_layer", message, help=help, pointer=f"/only/{index}")
    return names


def _most(plan: Plan, name: str, text: str) -> int:
    units = {pool.unit.name: pool.unit for pool in plan.pools.values()}
    unit = units.get(name)
    pointer = f"/max_charge/{name[:64]}"
    if unit is None:
        help = did_you_mean(name, units) or f"units of pools: {', '.join(sorted(units)) or 'none'}"
        raise Failure("unknown_unit", f"no pool of the policy is in `{name[:64]}`", help=help, pointer=pointer)
    return _amount(text, unit, pointer)


def _amount(text: str, unit: Unit, pointer: str) -> int:
    try:
        steps = steps_from_text(text, unit)
    except AmountError as error:
        help = f"give {unit.name} as decimal text"
        raise Failure("invalid_amount", str(error), help=help, pointer=pointer) from None
    if steps < 0:
        help = "give nothing or more"
        raise Failure("invalid_amount", f"`{text[:40]}` is below nothing", help=help, pointer=pointer)
    return steps
