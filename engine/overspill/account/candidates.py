"""The lots of a pool in the order that a draw takes them, and why: LANGUAGE.md G1, G2."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal

from overspill.plan.lots import in_order
from overspill.plan.shapes import LOT_EXPIRES_AT, LOT_GRANTED_AT, LOT_ORDER, Lot
from overspill.words.codec import Struct

DEFAULT_ORDER = ("priority", "expires_at", "category", "granted_at", "id")
"""What `plan.lots.default_order` sorts by, in words."""

Passed = Literal["not_yet_granted", "expired"]


class Candidate(Struct, frozen=True):
    """`before_next` is the key by which it comes before the lot behind it, None for the last; `passed` says why a draw
    passes it over."""

    lot: Lot
    before_next: str | None
    passed: Passed | None


def candidates(lots: Iterable[Lot], order: tuple[str, ...], now: int) -> list[Candidate]:
    """All lots of a pool as a draw at `now` meets them; `order` is empty for the default."""
    keys = order or DEFAULT_ORDER
    ordered = in_order(tuple(lots), keys)
    deciding: list[str | None] = [decides(one, other, keys) for one, other in pairwise(ordered)]
    return [
        Candidate(lot, key, passed(lot, now))
        for lot, key in zip(ordered, [*deciding, None][: len(ordered)], strict=True)
    ]


def decides(one: Lot, other: Lot, order: Sequence[str]) -> str:
    """The first key on which two lots differ; there is one, since every order ends in what tells all lots apart."""
    return next(key for key in order if one[LOT_ORDER[key]] != other[LOT_ORDER[key]])


def passed(lot: Lot, now: int) -> Passed | None:
    """Why a lot is not usable at `now`; None for one that is."""
    if now < lot[LOT_GRANTED_AT]:
        return "not_yet_granted"
    return "expired" if lot[LOT_EXPIRES_AT] <= now else None
