"""What a waterfall says and this version does not decide on: rules → typed data, each with its place.

Everything that is not in the plan's own layers, windows and words must be found here: a waterfall that carries nothing
is decided on, and then nothing of it may have been left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from overspill.check import rules as r
from overspill.compile.parts import Parts
from overspill.plan import carried as c


def carried_of(waterfall: r.Waterfall, parts: Parts) -> Iterator[c.Carried]:
    """All of it, in the order of the draws."""
    for draw in waterfall.draws:
        if isinstance(draw.layer, r.Pool):
            yield from _of_pool(draw.layer, parts)


def _of_pool(pool: r.Pool, parts: Parts) -> Iterator[c.Carried]:
    if pool.top_up is not None:
        top_up = c.TopUp(
            layer=pool.name,
            settings=pool.top_up.settings,
            partial=pool.top_up.on_top_up_cap.word == "partial",
            when=parts.optional(pool.top_up.when),
        )
        yield c.Carried(construct=f"top_up of {pool.name}", place=pool.top_up.span.place, value=top_up)
