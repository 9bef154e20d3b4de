"""Cold processes: the import, and one check."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from table import row


def starts(times: int) -> None:
    """Cold processes, beside an empty one."""
    bare = _cold(times, "pass")
    imported = _cold(times, "from overspill import *") - bare
    row(
        "from overspill import *",
        imported * 1000,
        "ms",
        bar="≤ 60",
        holds=imported <= 0.060,
        beside=f"an empty process {bare * 1000:.0f} ms",
    )
    path = Path(__file__).parents[2] / "policies" / "overspill_policies" / "codex_sora"
    checked = _cold(times, f"from overspill.cli.main import run; run(['check', {str(path)!r}])")
    row("cold check of the shipped policy", checked * 1000, "ms", bar="≤ 250", holds=checked <= 0.250)


def _cold(times: int, code: str) -> float:
    # Bytecode is cached as for any installed package; the first run, which writes it, does not count.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=environment)
    least = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=environment)
        least = min(least, time.perf_counter() - start)
    return least
