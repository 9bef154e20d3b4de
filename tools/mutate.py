"""Plants small wrongs in the functions under proof: `python tools/mutate.py [--sample N] [--json] [FUNCTION …]`.

Every first-order mutant must be killed by a claim, or be shown to be equivalent: the same results for all that the
claims admit. Exit code 0 when every one is; those that are equivalent are listed. `--sample N` takes N of them, evenly.
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
    parser.add_argument("names", nargs="*", help="these functions alone")
    parser.add_argument("--sample", type=int, help="so many, evenly spread")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    began = time.monotonic()
    meant = [index for index, mutant in enumerate(ALL) if not arguments.names or mutant.name in arguments.names]
    count = min(arguments.sample or len(meant), len(meant))
    chosen = [meant[number * len(meant) // count] for number in range(count)]
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
    holds = kills + same == len(rows)
    if arguments.json:
        print(json.dumps({"holds": holds, "digest": kernel_digest(), "mutants": len(ALL), "judged": rows}, indent=1))
        return 0 if holds else 1
    print(
        f"{len(rows)} of {len(ALL)} mutants: {kills} killed, {kills * 100 // len(rows)} of 100; "
        f"{same} equivalent, {len(rows) - kills - same} survived; {time.monotonic() - began:.0f} s"
    )
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
