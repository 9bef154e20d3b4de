"""What a policy may say and this version of the program does not decide on yet, as typed data.

A waterfall carries these beside what it can run. Asked to decide, it names the first of them and gives no answer: a
guess would be worse than none. What becomes a behaviour moves from here into `plan.py`.
"""

from __future__ import annotations

from overspill.plan.expression import Expr
from overspill.plan.parts import Condition
from overspill.words.codec import Struct


class TopUp(Struct, frozen=True, kw_only=True):
    """LANGUAGE.md U1; `settings` is the account kind that keeps minimum, target, monthly maximum and consent."""

    layer: str
    settings: str
    partial: bool
    when: Condition | None


Value = TopUp


class Carried(Struct, frozen=True, kw_only=True):
    """`construct` is how the author calls it, `place` where it stands."""

    construct: str
    place: str
    value: Value


class Invariant(Struct, frozen=True, kw_only=True):
    """What holds for every decision; `expr` is None where it cannot be typed yet, `paths` are its inputs by slot."""

    name: str
    text: str
    expr: Expr | None
    paths: tuple[str, ...]
    place: str
