"""What a release must show, at its full size: `python tools/release.py [--out FILE] [--quick] [NAME …]`.

Each row of `FIGURES` is a command, what it is asked for at full size, and what `--quick` asks for instead. All are run one
after the other, whatever the others say; the JSON has for each what it was asked, how long it took, how it ended and the
last lines it printed, with the versions that were there. Exit code 0: all held.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
TOLD_LINES = 12


class Figure(NamedTuple):
    """`size` and `quick` are further arguments."""

    command: tuple[str, ...]
    size: tuple[str, ...] = ()
    quick: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()


FIGURES = {
    "proof": Figure(("tools/prove.py",)),
    "mutation": Figure(("tools/mutate.py",), quick=("--sample", "10")),
    "model": Figure(("tools/model.py",), quick=("--quick",)),
    "simulation": Figure(("tools/simulate.py", "0"), ("--seeds", "2000", "--steps", "3600"), ("--seeds", "45")),
    "canaries": Figure(("tools/simulate.py", "--canaries")),
    "histories": Figure(("tools/differential.py",), ("--histories", "200000"), ("--histories", "1000")),
    "machines": Figure(
        ("-m", "pytest", "tests/machines"), environment=(("MACHINE_EXAMPLES", "2000"), ("MACHINE_STEPS", "50"))
    ),
    "processes": Figure(
        ("-m", "pytest", "tests/store/test_histories.py", "tests/store/test_processes.py"),
        environment=(("OVERSPILL_OPS", "20000"), ("OVERSPILL_KILLS", "5")),
    ),
    "tests": Figure(("-m", "pytest")),
    "figures": Figure(("tools/bench",), quick=("--quick",)),
}
"""By name: ASSURANCE.md section 5 and PERFORMANCE.md section 3, as far as the engine goes."""


def ran(figure: Figure, quick: bool) -> dict[str, Any]:
    """One row of the JSON."""
    asked = [*figure.command, *(figure.quick if quick else figure.size)]
    further = {} if quick else dict(figure.environment)
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, *asked], cwd=ROOT, capture_output=True, text=True, env=os.environ | further, check=False
    )
    lines = (done.stdout + done.stderr).strip().splitlines()
    return {
        "command": " ".join(["python", *asked]),
        "environment": further,
        "seconds": round(time.monotonic() - began),
        "exit": done.returncode,
        "told": lines[-TOLD_LINES:],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Run what a release must show.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(FIGURES)}; otherwise all")
    parser.add_argument("--quick", action="store_true", help="a small part of each")
    parser.add_argument("--out", type=Path, help="write the JSON here")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(FIGURES)
    if unknown:
        parser.error(f"no figure is called {', '.join(sorted(unknown))}")
    results = {}
    for name in arguments.names or FIGURES:
        results[name] = ran(FIGURES[name], arguments.quick)
        row = results[name]
        print(
            f"{'✓' if row['exit'] == 0 else '✗'} {name}: {row['seconds']} s: {row['told'][-1] if row['told'] else ''}"
        )
    from overspill.prove.digest import kernel_digest

    found = {
        "overspill": version("overspill"),
        "kernel": kernel_digest(),
        "python": platform.python_version(),
        "quick": arguments.quick,
        "figures": results,
    }
    if arguments.out is not None:
        arguments.out.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    return int(any(row["exit"] for row in results.values()))


if __name__ == "__main__":
    sys.exit(main())
