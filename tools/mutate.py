"""Plants small wrongs in the functions under proof: `python tools/mutate.py [--sample N] [--json]`.

Every first-order mutant must be killed by a claim, or be shown to be equivalent: the same results for all that the
claims admit. Exit code 0 when at least 99 of 100 are killed and every survivor is equivalent. `--sample N` takes N of
them, evenly, and every one must be killed or equivalent.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from overspill.prove.digest import kernel_digest
from overspill.prove.mutants import Mutant, equivalent, killed, mutants, targets
from overspill.prove.solvers import Z3

PERCENT_LEAST = 99
ALL: list[Mutant] = [mutant for function in targets() for mutant in mutants(function)]


def judged(index: int) -> tuple[int, str, str]:
    """(which, `killed` | `equivalent` | `survived`, by what)."""
    solver = Z3(3_000)
    by = killed(ALL[index], solver)
    if by is not None:
        return index, "killed", by
    return index, "equivalent" if equivalent(ALL[index], solver) else "survived", ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, help="so many, evenly spread")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    began = time.monotonic()
    count = min(arguments.sample or len(ALL), len(ALL))
    chosen = [number * len(ALL) // count for number in range(count)]
    rows = []
    with ProcessPoolExecutor() as pool:
        for index, verdict, by in pool.map(judged, chosen):
            mutant = ALL[index]
            row = {"function": f"{mutant.module}.{mutant.name}", "change": mutant.says, "verdict": verdict, "by": by}
            rows.append(row)
            if verdict != "killed":
                print(f"{verdict}: {row['function']}: {row['change']}", file=sys.stderr, flush=True)
    verdicts = [row["verdict"] for row in rows]
    kills, same = verdicts.count("killed"), verdicts.count("equivalent")
    enough = arguments.sample is not None or kills * 100 >= PERCENT_LEAST * len(rows)
    holds = enough and kills + same == len(rows)
    if arguments.json:
        print(json.dumps({"holds": holds, "digest": kernel_digest(), "mutants": len(ALL), "judged": rows}, indent=1))
        return 0 if holds else 1
    print(
        f"{len(rows)} of {len(ALL)} mutants: {kills} killed ({kills * 1000 // len(rows) / 10} %), "
        f"{same} equivalent, {len(rows) - kills - same} survived; {time.monotonic() - began:.0f} s"
    )
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
