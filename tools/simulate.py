"""Simulation: `python tools/simulate.py [SEED] [--seeds N] [--steps N] [--jobs N] [--canaries]`.

The whole engine in one thread: the real combiner, states, clock and step, on a simulated disk and in simulated time,
asked by clients whose messages are lost, doubled and reordered. Every seed has its own mixture of faults; an auditor that
shares nothing with the engine but its words and records counts everything again after each batch, and in the end of some
seeds the whole journal is run once more. A failure prints its seed and what happened last: the same seed fails the same way.
A seed is one process's work; `--jobs` are how many work beside each other, of which the order of what is found knows nothing.
How fast it is, is told as it was measured, and at the pace of the machine that figures are held against.
`--canaries` puts known mistakes into the wiring, one after the other: each must be found within its seeds.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

sys.path.insert(0, str(Path(__file__).parent))

from bench.pace import pace_now
from simulator.bugs import BUGS, Bug
from simulator.faults import FAULTS
from simulator.policies import by_digest
from simulator.run import STEPS, Done, run

A, R = TypeVar("A"), TypeVar("R")
Each = Callable[[Callable[[A], R], Iterable[A]], Iterator[R]]
"""`map`, or the same by several processes."""

MARKS = (
    *("allow", "partial", "deny", "absorbed", "debt made", "debt repaid", "drawn beyond a hold", "verified only"),
    *("part captured", "last captured", "late part captured", "late last captured", "release", "extend", "expire"),
    *("expire_lot", "expired in a hold", "lapsed in a hold", "reissued", "refund", "reverse"),
    *(f"returned to {place}" for place in ("open", "present", "nothing", "lot", "expired", "voided", "reissued")),
    "granted while the store was away",
    *("counted in a generation that is over", "returned to one that is over"),
    *("to be bought", "bought", "abandoned without consent"),
    *(f"payment {what}" for what in ("pending", "declined", "abandoned")),
    *(f"not bought: {why}" for why in ("enough", "in_flight", "back_off", "monthly_maximum", "no_consent")),
    *("owed and returned to debt", "owed and returned to reissued"),
    *("timed out beyond its late capture", "cap passed by what was started", "void", "transfer", "redeem"),
)
"""What must have happened to holds, lots, caps, what was reversed and what was bought."""
FAILURES_SHOWN = 3
ALL_HIT_FROM = 24
"""With so many seeds every fault must have been met, and every mark."""


class Timed(NamedTuple):
    """`seconds` of a core, while it was `pace` times as slow as the one that bars are set on (`bench/pace.py`)."""

    done: Done
    seconds: float
    pace: float


def timed(steps: int, seed: int) -> Timed:
    pace, began = pace_now(), time.process_time()
    done = run(seed, steps)
    seconds = time.process_time() - began
    return Timed(done, seconds, (pace + pace_now()) / 2)


def ready() -> None:
    """What every seed needs is there, once in a process, and the collector need not look at it again."""
    by_digest()
    gc.collect()
    gc.freeze()


@contextmanager
def working(jobs: int) -> Iterator[Each[A, R]]:
    """Maps in this process, or in so many others; the results are in order."""
    if jobs == 1:
        ready()
        yield map
        return
    with ProcessPoolExecutor(jobs, initializer=ready) as pool:
        try:
            yield pool.map
        finally:
            pool.shutdown(cancel_futures=True)


def seeds(first: int, count: int, steps: int, jobs: int) -> int:
    """Runs the seeds. Exit code: 0 nothing found, 1 something, or something that must happen and never did."""
    runs: list[Timed] = []
    failures = 0
    with working(jobs) as each:
        began = time.monotonic()
        for one in each(partial(timed, steps), range(first, first + count)):
            runs.append(one)
            if one.done.finding is not None:
                failures += 1
                print(one.done.report(), f"  again: python tools/simulate.py {one.done.seed} --steps {steps}", sep="\n")
                if failures == FAILURES_SHOWN:
                    break
        passed = time.monotonic() - began
    steps_made, faults, marks = Counter[str](), Counter[str](), Counter[str]()
    for done, _, _ in runs:
        steps_made.update(done.kinds)
        faults.update(done.faults)
        marks.update(done.marks)
    total = steps_made.total()
    print(
        f"{len(runs)} seeds, {total} steps, {faults.total()} faults, {failures} failures, "
        f"{total / sum(one.seconds for one in runs):.0f} steps/s a core, at the pace of the bars "
        f"{total / sum(one.seconds / one.pace for one in runs):.0f}, {total / passed:.0f} in all by {jobs} jobs"
    )
    for what, counted in (("steps", steps_made), ("faults", faults), ("happened", marks)):
        print(f"{what}: {', '.join(f'{name} {number}' for name, number in sorted(counted.items()))}")
    never = [what for what in (*FAULTS, *MARKS) if not faults[what] and not marks[what]]
    if never:
        print(f"never met: {', '.join(never)}")
    return int(failures > 0 or (bool(never) and count >= ALL_HIT_FROM))


def found(steps: int, bug: Bug) -> Done | None:
    """The first of a mistake's seeds that finds it."""
    return next((done for seed in range(BUGS[bug]) if (done := run(seed, steps, bug)).finding is not None), None)


def canaries(steps: int, jobs: int) -> int:
    """Puts in each mistake and counts the seeds until it is found. Exit code: 0 all found, 1 not all."""
    missed = 0
    with working(jobs) as each:
        for bug, done in zip(BUGS, each(partial(found, steps), BUGS), strict=True):
            missed += done is None
            what = f"not found in {BUGS[bug]} seeds"
            if done is not None:
                what = f"seed {done.seed} of {BUGS[bug]}, step {done.steps}: {(done.finding or '')[:110]}"
            print(f"{bug.__name__}: {what}", flush=True)
    print(f"{len(BUGS)} mistakes, {missed} not found")
    return int(missed > 0)


def cores() -> int:
    """Those that this process may use, where the system says so."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def main(arguments: list[str]) -> int:
    """Exit code: 0 all is well, 1 not."""
    parser = argparse.ArgumentParser(description="Simulate the engine where everything fails.")
    parser.add_argument("seed", type=int, nargs="?", default=0)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--jobs", type=int, default=cores(), help="processes; otherwise one for each core")
    parser.add_argument("--canaries", action="store_true")
    given = parser.parse_args(arguments)
    jobs = max(1, min(given.jobs, len(BUGS) if given.canaries else given.seeds))
    return canaries(given.steps, jobs) if given.canaries else seeds(given.seed, given.seeds, given.steps, jobs)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
