"""Simulation: `python tools/simulate.py [SEED] [--seeds N] [--steps N] [--canaries]`.

The whole engine in one thread: the real combiner, states, clock and step, on a simulated disk and in simulated time,
asked by clients whose messages are lost, doubled and reordered. Every seed has its own mixture of faults; an auditor that
shares nothing with the engine but its words and records counts everything again after each batch, and in the end of some
seeds the whole journal is run once more. A failure prints its seed and what happened last: the same seed fails the same way.
`--canaries` puts known mistakes into the wiring, one after the other: each must be found within its seeds.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from simulator.bugs import BUGS
from simulator.faults import FAULTS
from simulator.run import Done, run

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
STEPS = 3600
FAILURES_SHOWN = 3
ALL_HIT_FROM = 24
"""With so many seeds every fault must have been met, and every mark."""


def seeds(first: int, count: int, steps: int) -> int:
    """Runs the seeds. Exit code: 0 nothing found, 1 something, or something that must happen and never did."""
    began = time.process_time()
    runs: list[Done] = []
    failures = 0
    for seed in range(first, first + count):
        runs.append(run(seed, steps))
        if runs[-1].finding is not None:
            failures += 1
            print(runs[-1].report(), f"  again: python tools/simulate.py {seed} --steps {steps}", sep="\n")
            if failures == FAILURES_SHOWN:
                break
    passed = max(time.process_time() - began, 0.001)
    total = sum(done.steps for done in runs)
    faults, marks = Counter[str](), Counter[str]()
    for done in runs:
        faults.update(done.faults)
        marks.update(done.marks)
    print(
        f"{len(runs)} seeds, {total} steps, {faults.total()} faults, {failures} failures, {total / passed:.0f} steps/s"
    )
    for what, counted in (("faults", faults), ("happened", marks)):
        print(f"{what}: {', '.join(f'{name} {number}' for name, number in sorted(counted.items()))}")
    never = [what for what in (*FAULTS, *MARKS) if not faults[what] and not marks[what]]
    if never:
        print(f"never met: {', '.join(never)}")
    return int(failures > 0 or (bool(never) and count >= ALL_HIT_FROM))


def canaries(steps: int) -> int:
    """Puts in each mistake and counts the seeds until it is found. Exit code: 0 all found, 1 not all."""
    missed = 0
    for bug, budget in BUGS.items():
        found = next((done for seed in range(budget) if (done := run(seed, steps, bug)).finding is not None), None)
        missed += found is None
        what = f"not found in {budget} seeds"
        if found is not None:
            what = f"seed {found.seed} of {budget}, step {found.steps}: {(found.finding or '')[:110]}"
        print(f"{bug.__name__}: {what}")
    print(f"{len(BUGS)} mistakes, {missed} not found")
    return int(missed > 0)


def main(arguments: list[str]) -> int:
    """Exit code: 0 all is well, 1 not."""
    parser = argparse.ArgumentParser(description="Simulate the engine where everything fails.")
    parser.add_argument("seed", type=int, nargs="?", default=0)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--canaries", action="store_true")
    given = parser.parse_args(arguments)
    return canaries(given.steps) if given.canaries else seeds(given.seed, given.seeds, given.steps)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
