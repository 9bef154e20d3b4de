"""Differential test of histories: `python tools/differential.py [--histories N] [--seed N]`.

Random policies, random commands over days: the engine's generated functions, the plain interpreter and a naive oracle
that shares only the words must agree on every answer, lot, debt and window after every command. A difference prints the
policy and the commands that lead to it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from account.histories import histories

EACH = 50
"""Histories of one policy."""
SHOWN = 3


def main(arguments: list[str]) -> int:
    """Exit code: 0 no difference, 1 some."""
    parser = argparse.ArgumentParser(description="Compare three programs on random histories.")
    parser.add_argument("--histories", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1000, help="the first policy's seed")
    given = parser.parse_args(arguments)
    met, differences, began = Counter[str](), 0, time.process_time()
    for seed in range(given.seed, given.seed - (-given.histories // EACH)):
        try:
            met += histories(seed, EACH)
        except AssertionError as difference:
            differences += 1
            print(difference)
            if differences == SHOWN:
                break
    passed = max(time.process_time() - began, 0.001)
    print(", ".join(f"{name} {number}" for name, number in sorted(met.items())))
    print(
        f"{met['histories']} histories, {differences} differences, {met['histories'] / passed:.0f}/s, seed {given.seed}"
    )
    return int(differences > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
