"""How the one checker reads an expression: as a policy's author writes it, or as CEL's own conformance tests do."""

from __future__ import annotations

from dataclasses import dataclass

from overspill.cel.limits import COST_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """`container`: the namespace that names are looked up from (langdef.md, "Name Resolution").

    `mixed_numbers`: int, uint and double may be compared although their types are known. `late`: a constant that is
    no pattern, or a map's key of a type that none has, is an error of evaluation. `at_run_time`: so is every fault of
    names and types, as in CEL without a checker. `inputs_may_fail`: an input may have no value. `macros`: whether there are any. `cost_max`: None for no bound.
    """

    container: str = ""
    mixed_numbers: bool = False
    late: bool = True
    at_run_time: bool = False
    inputs_may_fail: bool = True
    macros: bool = True
    cost_max: int | None = None


POLICY = Dialect(mixed_numbers=True, late=False, inputs_may_fail=False, cost_max=COST_MAX)
CEL = Dialect()
"""CEL with its type checker."""
UNCHECKED = Dialect(mixed_numbers=True, at_run_time=True)
"""CEL without it: types come from the values."""
