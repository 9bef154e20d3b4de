"""What explains an answer beside its own bytes, typed: the lots that a draw had to choose from."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from overspill.records.build import Build


class CandidateLot(msgspec.Struct, frozen=True, kw_only=True):
    """`before_next` is the key by which it comes before the lot behind it, null for the last; `passed` says why a draw
    passes it over, null for one that is usable."""

    lot: str
    left: str
    priority: int
    category: str
    granted_at: str
    expires_at: str | None
    before_next: str | None
    passed: Literal["not_yet_granted", "expired"] | None


class PoolCandidates(msgspec.Struct, frozen=True, kw_only=True):
    """The lots of a pool that a layer met, all of them, in the order that they are drawn in; for a capture those of what its
    hold did not cover."""

    layer: str
    account: str
    pool: str
    unit: str
    order: tuple[str, ...]
    lots: tuple[CandidateLot, ...]


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """`answer` is what was answered, in its exact bytes; `build` by which program, null where nobody wrote it down. `drift`
    are the microseconds by which the wall clock stood ahead of the engine's, where that was too much; otherwise 0."""

    record: int
    build: Build | None
    drift: int
    answer: dict[str, Any]
    candidates: tuple[PoolCandidates, ...]
