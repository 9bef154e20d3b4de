"""Dispatch: which waterfalls may serve a request, found by the value of one request field.

The checker has shown that no two waterfalls serve one request, by tests of request fields against constants. The
field that most waterfalls test becomes the index; what it leaves open is tested per waterfall.
"""

from __future__ import annotations

from collections import Counter

from overspill.cel.typed import Logic, TypedExpr
from overspill.check.rules import Waterfall
from overspill.check.serves import constant_tests
from overspill.plan.plan import Dispatch


def dispatch_of(waterfalls: tuple[Waterfall, ...], sent: frozenset[str]) -> Dispatch:
    """The index over all waterfalls of a bundle; `sent` are the request fields that no default stands in for."""
    field = _field(waterfalls, sent)
    by_value: dict[str, list[int]] = {}
    always = []
    for index, waterfall in enumerate(waterfalls):
        values = constant_tests(waterfall.serves).values.get(field) if field is not None else None
        if values is None:
            always.append(index)
        for value in sorted(values or ()):
            by_value.setdefault(value, []).append(index)
    return Dispatch(
        field=field, by_value={value: tuple(found) for value, found in by_value.items()}, always=tuple(always)
    )


def residual(waterfall: Waterfall, field: str | None) -> TypedExpr | None:
    """What is left of `serves` to test after dispatch by `field`; None when the index has decided it."""
    tests = constant_tests(waterfall.serves)
    only = field in tests.values and len(tests.values) == 1 and tests.is_whole
    if only:
        return None
    first, *others = [condition.expr for condition in waterfall.serves]
    for other in others:
        first = Logic("||", first, other, first.span.to(other.span), first.can_fail or other.can_fail)
    return first


def _field(waterfalls: tuple[Waterfall, ...], sent: frozenset[str]) -> str | None:
    tested = (field for waterfall in waterfalls for field in constant_tests(waterfall.serves).values)
    counts = Counter(field for field in tested if field in sent)
    return min(counts, key=lambda field: (-counts[field], field)) if counts else None
