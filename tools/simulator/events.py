"""What happens between batches: clocks jump, the power goes, processes start again, versions come and go."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from overspill.words.failures import StoreFailure
from overspill.words.instants import DAY, HOUR
from simulator.book import Finding
from simulator.faults import EVENTS
from simulator.policies import VERSIONS
from simulator.process import Process
from simulator.steps import STRUCK
from simulator.store import Crash

if TYPE_CHECKING:
    from simulator.world import World


def happen(world: World) -> None:
    """One event, where this seed has it."""
    fault = world.chance.choice(EVENTS)
    if fault not in world.mix.enabled:
        return
    match fault:
        case "clock_forward" | "clock_back":
            jump = world.chance.choice(world.mix.jumps)
            world.time.skew += jump if fault == "clock_forward" else -jump
        case "power_loss":
            world.lose_power()
        case "clean_restart":
            restart(world)
        case "disk_full":
            world.disk.full = not world.disk.full
        case "activation":
            _activate(world)
        case "long_silence":
            world.time.passed += world.chance.choice((HOUR, 7 * HOUR, 3 * DAY))
        case "bit_flip":
            if not _flip(world):
                return
    world.note(fault)
    world.steps[STRUCK] += 1


def restart(world: World) -> None:
    for number, process in enumerate(world.processes):
        if process is not None:
            with contextlib.suppress(Crash, StoreFailure):
                process.close()
            world.processes[number] = None


def _activate(world: World) -> None:
    """Another version is published and decided by, in one process at once, in others when they start again."""
    world.version = world.chance.randrange(1, len(VERSIONS) + 1)
    process = world.processes[0]
    if process is not None and not process.store.dead:
        try:
            process.activate(world.version)
        except Crash:
            world.processes[0] = None
        except StoreFailure:
            process.plans.version = process.plans.version


def _flip(world: World) -> bool:
    """A digit of a segment that the next start has to read is otherwise: the start must refuse it."""
    place = world.disk.segment_at(world.disk.through + 1)
    if place >= len(world.disk.segments):
        return False
    world.processes = [None] * len(world.processes)
    place = world.chance.randrange(place, len(world.disk.segments))
    whole = world.disk.damage(place, world.chance)
    quiet, world.quiet = world.quiet, True
    try:
        Process(world.disk, world.hazard, world.time, world.version)
    except StoreFailure as failure:
        if failure.code != "chain_broken":
            raise Finding(f"a damaged journal is refused as {failure.code}") from None
    else:
        raise Finding(f"the engine opens on a journal that is damaged at record {whole.first_seq}")
    finally:
        world.quiet = quiet
        world.disk.segments[place] = whole
    return True
