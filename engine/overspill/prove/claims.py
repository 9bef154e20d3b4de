"""What is claimed: a sentence, the functions that it is about, and a run that shows it."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import cast

from overspill.prove.paths import Given
from overspill.words.codec import Struct

ALL = "all integers"


class Claim(Struct, frozen=True, kw_only=True):
    """`scope` says for what it is shown; `rules` are the rules of the language that it is a part of."""

    name: str
    says: str
    of: tuple[FunctionType, ...]
    run: Callable[[Given], None]
    rules: tuple[str, ...]
    scope: str


def claim(*of: Callable[..., object], rules: str = "", scope: str = ALL) -> Callable[[Callable[[Given], None]], Claim]:
    """Makes a claim of the run below it; the first paragraph of its docstring is what it says."""

    def made(run: Callable[[Given], None]) -> Claim:
        says = " ".join((run.__doc__ or "").split("\n\n")[0].split()).rstrip(".")
        functions = tuple([cast(FunctionType, function) for function in of])
        return Claim(name=run.__name__, says=says, of=functions, run=run, rules=tuple(rules.split()), scope=scope)

    return made
