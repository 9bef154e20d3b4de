"""Texts of amounts and instants, made once and kept within a bound: they come again from decision to decision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from overspill.words.amounts import UNLIMITED, text_from_steps
from overspill.words.codec import quoted
from overspill.words.instants import NEVER, instant_text, instant_text_micros
from overspill.words.kept import kept

digits: Callable[[int], str] = kept(lambda number: str(+number))
"""A whole number as it is written. `+`, here and below: where a damaged record says `true` for 1, what is kept is 1's text."""


@lru_cache(maxsize=64)
def amount_text_of(scale: int) -> Callable[[int], str]:
    """Steps → decimal text, for one scale: what one decision leaves in a window the next one finds there."""
    step, pattern = 10**scale, f"%d.%0{scale}d"

    def text(steps: int) -> str:
        if steps < 0 or not scale:
            return text_from_steps(+steps, scale)
        whole, rest = divmod(steps, step)
        return (pattern % (whole, rest)).rstrip("0") if rest else str(whole)

    return kept(text)


@lru_cache(maxsize=64)
def limit_text_of(scale: int) -> Callable[[int], str]:
    """A capacity, in steps → decimal text, or `unlimited`."""
    amount = amount_text_of(scale)
    return kept(lambda capacity: "unlimited" if capacity == UNLIMITED else amount(capacity))


def quantity_json_of(scale: int) -> Callable[[int | None], str]:
    """Steps, or None for what is absent → JSON."""
    amount = limit_text_of(scale)
    return lambda steps: "null" if steps is None else f'"{amount(steps)}"'


instant_text_of = kept(instant_text_micros, most=16)
"""The instant of a batch, which all its decisions share."""


def _end(instant: int) -> str:
    return "null" if instant == NEVER else f'"{instant_text(instant)}"'


end_json = kept(_end)
"""The end of a window or lot, as JSON: null for never."""


def _string(value: str | None) -> str:
    return "null" if value is None else quoted(value)


string_json = kept(_string)
"""A string, or None for what is absent → JSON. Callers choose the strings: one bound holds for all of them together."""


def f_string(pieces: Sequence[str], expressions: Sequence[str]) -> str:
    """The Python f-string of literal pieces with an expression between each two."""
    literal = [
        piece.replace("\\", "\\\\").replace("\n", "\\n").replace("'", "\\'").replace("{", "{{").replace("}", "}}")
        for piece in pieces
    ]
    holes = [f"{{{expression}}}" for expression in expressions]
    return "f'" + "".join([part for pair in zip(literal, [*holes, ""], strict=True) for part in pair]) + "'"
