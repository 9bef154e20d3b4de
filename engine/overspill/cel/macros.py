"""The macros: calls whose first argument names a variable for the items of their target (langdef.md, "Macros").

A call in, what it declares and runs out; `has`, which declares nothing, is in `check.py`.
"""

from __future__ import annotations

from typing import NamedTuple

from overspill.cel.tree import Call, Expr, Ident

_LOOPS = {
    ("all", 2): "every",
    ("exists", 2): "some",
    ("exists_one", 2): "exactly_one",
    ("existsOne", 2): "exactly_one",
    ("map", 2): "mapped",
    ("map", 3): "mapped",
    ("filter", 2): "kept",
}
"""(name, count of arguments) → the function in `plan.loops`."""
NAMES = tuple(dict.fromkeys(name for name, _ in _LOOPS))


class Macro(NamedTuple):
    """`loop` runs `body` for the `items` as `variable`; `test`: which of them."""

    loop: str
    items: Expr
    variable: Ident
    body: Expr
    test: Expr | None


def is_macro(call: Call) -> bool:
    return call.target is not None and (call.function, len(call.args)) in _LOOPS


def macro_of(call: Call) -> Macro | None:
    """The macro that `call` is; None where its first argument is no plain name."""
    variable, *rest = call.args
    if call.target is None or not isinstance(variable, Ident) or variable.name.startswith("."):
        return None
    test = rest[0] if len(rest) == 2 else None
    return Macro(_LOOPS[call.function, len(call.args)], call.target, variable, rest[-1], test)
