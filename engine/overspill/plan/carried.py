"""What a policy may say and this version of the program does not decide on yet, as typed data.

A waterfall carries these beside what it can run. Asked to decide, it names the first of them and gives no answer: a
guess would be worse than none. What becomes a behaviour moves from here into `plan.py`.
"""

from __future__ import annotations

from overspill.plan.expression import Expr
from overspill.words.codec import Struct
from overspill.words.lengths import Length


class Reaction(Struct, frozen=True, kw_only=True):
    """What follows an event other than by default; `layer` for a pool's own, `up_to` in steps."""

    event: str
    layer: str | None
    word: str
    up_to: int | None
    length: Length | None


class Carried(Struct, frozen=True, kw_only=True):
    """`construct` is how the author calls it, `place` where it stands."""

    construct: str
    place: str
    value: Reaction


class Invariant(Struct, frozen=True, kw_only=True):
    """What holds for every decision; `expr` is None where it cannot be typed yet, `paths` are its inputs by slot."""

    name: str
    text: str
    expr: Expr | None
    paths: tuple[str, ...]
    place: str
