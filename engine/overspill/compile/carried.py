"""What a waterfall says and this version does not decide on: rules → typed data, each with its place.

Everything that is not in the plan's own layers, windows and words must be found here: a waterfall that carries nothing
is decided on, and then nothing of it may have been left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from overspill.check import rules as r
from overspill.plan import carried as c

DEFAULTS = ("deny",)
_REACTIONS = {"on_unavailable": "on unavailable"}


def carried_of(waterfall: r.Waterfall) -> Iterator[c.Carried]:
    """All of it."""
    for event, shown in _REACTIONS.items():
        yield from _reaction(event, shown, None, waterfall.reactions[event])


def _reaction(event: str, shown: str, layer: str | None, reaction: r.Reaction) -> Iterator[c.Carried]:
    if reaction.word not in DEFAULTS:
        assert reaction.span is not None
        value = c.Reaction(event=event, layer=layer, word=reaction.word, up_to=reaction.up_to, length=reaction.length)
        yield c.Carried(construct=f"{shown} {reaction.word}", place=reaction.span.place, value=value)
