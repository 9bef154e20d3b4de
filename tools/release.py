"""What a release must show, at its full size: `python tools/release.py [--out FILE] [--quick] [NAME …]`.

Each row of `FIGURES` is a command, what it is asked for at full size, and what `--quick` asks for instead. All are run one
after the other, whatever the others say; the JSON has for each what it was asked, how long it took, how it ended and the
last lines it printed, with the versions that were there. It is written behind every row: a run that ended early goes on
with the rows that are missing in FILE or did not hold, if they are of the same commit, and a NAME runs that row again.
Exit code 0: all held.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping
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


DOORS = ("dsl", "yaml", "cel", "request", "tests")
MACHINES = ("-m", "pytest", "tests/machines")
PROCESSES = (
    "-m",
    "pytest",
    "tests/crash",
    "tests/serve/test_processes.py",
    "tests/store/test_histories.py",
    "tests/store/test_processes.py",
)
SYSTEM = ("-m", "pytest", "-m", "system")
"""Killed and raced, faulted and flooded: how often, and how long, is said by the environment."""
SO_OFTEN = (("OVERSPILL_OPS", "20000"), ("OVERSPILL_KILLS", "25"))
SO_LONG = (("OVERSPILL_FAULTS", "40"), ("OVERSPILL_LOAD", "60"))
FIGURES = {
    "proof": Figure(("tools/prove.py",)),
    "mutation": Figure(("tools/mutate.py",), quick=("--sample", "10")),
    "model": Figure(("tools/model.py",), quick=("--quick",)),
    "simulation": Figure(("tools/simulate.py", "0"), ("--seeds", "2000", "--steps", "3600"), ("--seeds", "45")),
    "canaries": Figure(("tools/simulate.py", "--canaries")),
    "histories": Figure(("tools/differential.py",), ("--histories", "200000"), ("--histories", "1000")),
    "machines": Figure(
        MACHINES, ("--timeout", "3600"), environment=(("MACHINE_EXAMPLES", "2000"), ("MACHINE_STEPS", "50"))
    ),
    "processes": Figure(PROCESSES, ("--timeout", "3600"), environment=SO_OFTEN),
    "system": Figure(SYSTEM, ("--timeout", "3600"), environment=SO_LONG),
    **{f"fuzz_{door}": Figure(("tools/fuzz.py", door), ("--seconds", "60"), ("--seconds", "5")) for door in DOORS},
    "tests": Figure(("-m", "pytest")),
    "figures": Figure(("tools/bench",), ("--overload",), ("--quick",)),
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


def commit() -> str:
    """Which sources these are, `+` where they were changed; empty outside of a clone."""
    try:
        asked = ("git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+")
        done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()


def rows_of(path: Path | None, head: Mapping[str, Any]) -> dict[str, Any]:
    """What an earlier run has written of the same."""
    if path is None or not path.exists():
        return {}
    found = json.loads(path.read_text("utf-8"))
    rows: dict[str, Any] = found.pop("figures")
    return rows if found == head and head["commit"].isalnum() else {}


def write(path: Path, head: Mapping[str, Any], rows: Mapping[str, Any]) -> None:
    """All of it at once, so that nobody reads a half."""
    beside = path.with_name(f"{path.name}.part")
    figures = {name: rows[name] for name in FIGURES if name in rows}
    beside.write_text(json.dumps({**head, "figures": figures}, indent=1, ensure_ascii=False) + "\n", "utf-8")
    beside.replace(path)


def main() -> int:
    parser = argparse.ArgumentParser(description="Run what a release must show.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(FIGURES)}; otherwise all")
    parser.add_argument("--quick", action="store_true", help="a small part of each")
    parser.add_argument("--out", type=Path, help="write the JSON here")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(FIGURES)
    if unknown:
        parser.error(f"no figure is called {', '.join(sorted(unknown))}")
    from overspill.prove.digest import kernel_digest

    head = {
        "overspill": version("overspill"),
        "commit": commit(),
        "kernel": kernel_digest(),
        "python": platform.python_version(),
        "quick": arguments.quick,
    }
    rows = rows_of(arguments.out, head)
    held = {name for name, row in rows.items() if row["exit"] == 0}
    for name in arguments.names or [name for name in FIGURES if name not in held]:
        row = rows[name] = ran(FIGURES[name], arguments.quick)
        told = row["told"][-1] if row["told"] else ""
        print(f"{'✓' if row['exit'] == 0 else '✗'} {name}: {row['seconds']} s: {told}", flush=True)
        if arguments.out is not None:
            write(arguments.out, head, rows)
    return int(any(row["exit"] for row in rows.values()))


if __name__ == "__main__":
    sys.exit(main())
