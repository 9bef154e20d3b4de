"""Differential test of histories: `python tools/differential.py [--histories N] [--seed N] [--jobs N]`.

Random policies, random commands over days: the engine's generated functions, the plain interpreter and a naive oracle
that shares only the words must agree on every answer, lot, debt and window after every command. A difference prints the
policy and the commands that lead to it. A policy is one process's work; `--jobs` are how many work beside each other.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from account.histories import histories

EACH = 50
"""Histories of one policy."""
SHOWN = 3


class Compared(NamedTuple):
    """The histories of one policy; `seconds` of a core."""

    met: Counter[str]
    difference: str
    seconds: float


def compared(seed: int) -> Compared:
    began = time.process_time()
    try:
        met, difference = histories(seed, EACH), ""
    except AssertionError as found:
        met, difference = Counter[str](), str(found)
    return Compared(met, difference, time.process_time() - began)


def main(arguments: list[str]) -> int:
    """Exit code: 0 no difference, 1 some."""
    parser = argparse.ArgumentParser(description="Compare three programs on random histories.")
    parser.add_argument("--histories", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1000, help="the first policy's seed")
    parser.add_argument("--jobs", type=int, help="processes; otherwise one for each core")
    given = parser.parse_args(arguments)
    met, differences, seconds = Counter[str](), 0, 0.001
    with ProcessPoolExecutor(given.jobs) as pool:
        for one in pool.map(compared, range(given.seed, given.seed - (-given.histories // EACH))):
            met += one.met
            seconds += one.seconds
            if one.difference:
                differences += 1
                print(one.difference)
            if differences == SHOWN:
                pool.shutdown(cancel_futures=True)
                break
    print(", ".join(f"{name} {number}" for name, number in sorted(met.items())))
    print(
        f"{met['histories']} histories, {differences} differences, {met['histories'] / seconds:.0f}/s a core, "
        f"seed {given.seed}"
    )
    return int(differences > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
