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
    with ProcessPoolExecutor() as pool:
        results = list(pool.map(judged, chosen))
    rows = [
        {"function": f"{ALL[index].module}.{ALL[index].name}", "change": ALL[index].says, "verdict": verdict, "by": by}
        for index, verdict, by in results
    ]  # fmt: skip
    verdicts = [verdict for _, verdict, _ in results]
    kills, same = verdicts.count("killed"), verdicts.count("equivalent")
    enough = arguments.sample is not None or kills * 100 >= PERCENT_LEAST * len(results)
    holds = enough and kills + same == len(results)
    if arguments.json:
        print(json.dumps({"holds": holds, "digest": kernel_digest(), "mutants": len(ALL), "judged": rows}, indent=1))
        return 0 if holds else 1
    for row in rows:
        if row["verdict"] != "killed":
            print(f"{row['verdict']}: {row['function']}: {row['change']}")
    print(
        f"{len(results)} of {len(ALL)} mutants: {kills} killed ({kills * 1000 // len(results) / 10} %), "
        f"{same} equivalent, {len(results) - kills - same} survived; {time.monotonic() - began:.0f} s"
    )
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
