"""A program: a plan with one function for each waterfall, made when the first request meets it.

`compile` hands in how a function is made; nothing here knows how to compile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from overspill.plan.facts import Accounts
from overspill.plan.interpret import decide
from overspill.plan.plan import Plan, Scalar, Waterfall
from overspill.plan.raw import Raw

DecideFunction = Callable[
    [Mapping[str, Scalar], Mapping[str, int], Sequence["str | None"], Accounts, int],
    Raw,
]
"""(fields, meters, account ids, account states, now) → raw decision; ids and states in the order of the plan's kinds."""


def interpreted(waterfall: Waterfall) -> DecideFunction:
    """The plain interpreter as a waterfall's function."""
    return partial(decide, waterfall)


class Program:
    """`plan` and its functions; `function_of` makes each at first use. Safe to share: a function made twice is equal."""

    __slots__ = ("_make", "effects", "field", "functions", "plan", "renderers", "sole")

    def __init__(self, plan: Plan, make: Callable[[Waterfall], DecideFunction] = interpreted) -> None:
        self.plan = plan
        self._make = make
        self.renderers: list[object] = [None] * len(plan.waterfalls)
        self.effects: list[object] = [None] * len(plan.waterfalls)
        """What `decide` keeps for each waterfall: how its decisions are written, and what its draws change."""
        dispatch = plan.dispatch
        self.field = dispatch.field
        """The field that waterfalls are told apart by."""
        self.sole = {
            value: found[0]
            for value, found in dispatch.by_value.items()
            if len(found) == 1 and not dispatch.always and plan.waterfalls[found[0]].serves is None
        }
        """Value of the field that waterfalls are told apart by → the one that serves it, where nothing else is asked."""
        self.functions: list[DecideFunction | None] = [None] * len(plan.waterfalls)
        """Those made so far: `function_of` makes the others."""

    def function_of(self, index: int) -> DecideFunction:
        """The function of the waterfall at `index`."""
        function = self.functions[index]
        if function is None:
            function = self.functions[index] = self._make(self.plan.waterfalls[index])
        return function
