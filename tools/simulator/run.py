"""One seed from beginning to end, and what is told of it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping

import msgspec

from simulator.book import Finding
from simulator.replay import replay
from simulator.reread import read_again
from simulator.wiring import Patches, wired
from simulator.world import World

STEPS = 12_000
"""So many steps a seed has at least, before all heals: some 3,500 to 5,000 commands."""
REPLAYED = 3
"""Of so many seeds one has its whole journal run again; that of all is read again."""
Bug = Callable[[Patches], None]
"""Puts a bug into the wiring."""


class Done(msgspec.Struct):
    """`finding` None: nothing was found. `kinds` are the steps by kind (`steps.py`)."""

    seed: int
    steps: int
    kinds: Mapping[str, int]
    faults: Mapping[str, int]
    marks: Mapping[str, int]
    digest: str
    finding: str | None
    history: list[str]

    def report(self) -> str:
        """The finding with its history."""
        lines = [f"seed {self.seed}, step {self.steps}: {self.finding}", *(f"  {line}" for line in self.history)]
        return "\n".join(lines)


def run(seed: int, steps: int, bug: Bug | None = None) -> Done:
    """Runs one seed. Never raises what the engine or the auditor does."""
    gc.collect()
    gc.disable()  # next to nothing stands in a cycle here, and the collector would look at all of it again and again
    try:
        return _run(World(seed), seed, steps, bug)
    finally:
        gc.enable()


def _again(world: World, whole: bool) -> None:
    """What has been audited batch by batch, once more in the end. Raises Finding."""
    segments, form_of = world.disk.segments, world.disk.forms.__getitem__
    read_again(world.auditor, segments, form_of)
    if whole:
        replay(segments, form_of)


def _run(world: World, seed: int, steps: int, bug: Bug | None) -> Done:
    finding = None
    with wired(world.time, world.mix.live_max) as patches:
        if bug is not None:
            bug(patches)
        try:
            world.run(steps)
            _again(world, whole=seed % REPLAYED == 0)
        except Finding as found:
            finding = str(found)
        except Exception as error:
            if bug is None:
                raise
            finding = f"{type(error).__name__}: {error}"
    return Done(
        seed=seed,
        steps=world.steps.total(),
        kinds=dict(sorted(world.steps.items())),
        faults=dict(sorted(world.faults.items())),
        marks=dict(sorted(world.auditor.marks.items())),
        digest=world.digest.hexdigest(),
        finding=finding,
        history=[" ".join(map(str, entry)) for entry in world.history] if finding else [],
    )
