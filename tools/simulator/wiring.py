"""The engine's modules as the simulator needs them: simulated time, and bounds so small that every one is met."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from overspill.runtime import clock, combiner, ids, refusals, snapshots, states
from overspill.words.failures import Failure
from simulator.times import SimulatedTime


class Patches:
    """Names of modules and classes with other values, until they are put back."""

    def __init__(self) -> None:
        self._before: list[tuple[object, str, object]] = []

    def put(self, owner: ModuleType | type, name: str, value: object) -> None:
        self._before.append((owner, name, owner.__dict__[name]))
        setattr(owner, name, value)

    def undo(self) -> None:
        for owner, name, value in reversed(self._before):
            setattr(owner, name, value)


def _internal(error: Exception) -> Failure:
    """A defect, with its place for whoever reads the history."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return Failure("internal_error", f"{type(error).__name__}: {error} ({place.name}, line {place.lineno})")


@contextmanager
def wired(time: SimulatedTime, live_max: int) -> Iterator[Patches]:
    """The engine in simulated time; whoever wants more otherwise puts it into the patches."""
    patches = Patches()
    try:
        patches.put(clock, "time", time)
        patches.put(snapshots, "SNAPSHOT_EVERY", 96)
        patches.put(snapshots, "PART", 32)
        for module in (combiner, refusals):
            patches.put(module, "internal", _internal)
        patches.put(ids, "PLACES", (2**9 - 1, 2**14 - 1))
        patches.put(ids, "FILLED_AT_ONCE", 64)
        patches.put(states, "LIVE_MAX", live_max)
        patches.put(states, "KEPT_MAX", 3)
        yield patches
    finally:
        patches.undo()
