"""How much a request could be granted at most: the answer to who asks before it is known what will be measured."""

from __future__ import annotations

from overspill.words.codec import Struct


class Available(Struct, frozen=True, kw_only=True):
    """`available` is decimal text in `unit`, that in which the waterfall prices or counts: what its layers cover together,
    under `fill whole` the most that one covers; `unlimited` where nothing bounds it. `reason` names the guard or the
    concurrency that lets nothing through, or the layer that errs, None where there is none."""

    waterfall: str
    unit: str
    available: str
    reason: str | None
