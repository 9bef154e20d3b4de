"""Cold processes: the import, and one check."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from pace import pace_now
from table import paced


def starts(times: int) -> None:
    """Cold processes, beside an empty one."""
    bare, _ = _cold(times, "pass")
    imported, pace = _cold(times, "from overspill import *")
    beside = f"an empty process {bare * 1000:.0f} ms"
    paced("from overspill import *", (imported - bare) * 1000, "ms", 60, pace, beside)
    path = Path(__file__).parents[2] / "policies" / "overspill_policies" / "codex_sora"
    checked, pace = _cold(times, f"from overspill.cli.main import run; run(['check', {str(path)!r}])")
    paced("cold check of the shipped policy", checked * 1000, "ms", 250, pace)


def _cold(times: int, code: str) -> tuple[float, float]:
    """(seconds of a process that runs the code, this machine's pace), each the least of so many."""
    # Bytecode is cached as for any installed package; the first run, which writes it, does not count.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=environment)
    least = pace = float("inf")
    for _ in range(times):
        pace = min(pace, pace_now())
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=environment)
        least = min(least, time.perf_counter() - start)
    return least, pace
