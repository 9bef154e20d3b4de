"""What holds where an expression stands: which fields `has` has shown to be there, and the macros' variables."""

from __future__ import annotations

from overspill.cel import typed
from overspill.cel.types import Type
from overspill.words.codec import Struct, replace


class Around(Struct, frozen=True):
    """What holds where an expression stands: the places that `has` has shown, and the macros' variables, inner last."""

    shown: frozenset[str] = frozenset()
    locals: tuple[tuple[str, Type], ...] = ()

    def knowing(self, more: frozenset[str]) -> Around:
        return replace(self, shown=self.shown | more)

    def inside(self, variable: str, kind: Type) -> Around:
        return replace(self, locals=(*self.locals, (variable, kind)))

    def level(self, name: str) -> int | None:
        """The level of the innermost variable of this name."""
        return next((level for level in reversed(range(len(self.locals))) if self.locals[level][0] == name), None)


def place_of(expr: typed.TypedExpr) -> str:
    """A name for what a macro's variable holds: no input has it."""
    return f"@{expr.level}" if isinstance(expr, typed.Local) else "@"


def shown_by(condition: typed.TypedExpr) -> frozenset[str]:
    """What is present when `condition` is true: the fields asked for with `has`, and the inputs' records."""
    found: list[str] = []
    for part in typed.conjuncts(condition):
        match part:
            case typed.Present(path=path):
                found += [path, path.split(".")[0]]
            case typed.Apply(function="in_map", args=(typed.Constant(value=str(name)), typed.Local() as owner)):
                found.append(f"{place_of(owner)}.{name}")
            case _:
                pass
    return frozenset(found)
