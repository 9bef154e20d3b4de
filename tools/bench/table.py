"""The table of figures, and how CPU time is taken."""

from __future__ import annotations

import gc
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import environ
from pathlib import Path
from typing import Any

from pace import pace_now

ROWS: list[dict[str, Any]] = []


def row(name: str, figure: float, unit: str, *, bar: str, holds: bool | None, beside: str = "") -> None:
    """One line of the table."""
    ROWS.append({"name": name, "figure": round(figure, 3), "unit": unit, "bar": bar, "holds": holds, "beside": beside})


def paced(name: str, figure: float, unit: str, most: float, pace: float, beside: str = "") -> None:
    """A line whose bar is a time: `most` on the machine that it was set on, so that the figure is held against it after
    division by `pace` (`pace.py`)."""
    at_pace = figure / pace
    shown = f"{at_pace:.3g} at the bars' pace"
    row(name, figure, unit, bar=f"≤ {most:g}", holds=at_pace <= most, beside=f"{shown}; {beside}" if beside else shown)


def shown() -> str:
    """The table as text."""
    marks = {True: "✓", False: "✗", None: " "}
    return "\n".join(
        f"{marks[one['holds']]} {one['name']:<46} {one['figure']:>12,.2f} {one['unit']:<10} {one['bar']:<28} {one['beside']}"
        for one in ROWS
    )


def cpu(operations: dict[str, Callable[[int], object]], rounds: int, count: int) -> dict[str, float]:
    """CPU microseconds per call, the least of `rounds`, taken in turns; each call gets a running number. `pace` is this
    machine's in the same rounds, the least too."""
    least = dict.fromkeys((*operations, "pace"), float("inf"))
    gc.collect()
    gc.freeze()
    for _ in range(rounds):
        least["pace"] = min(least["pace"], pace_now())
        for name, operation in operations.items():
            start = time.process_time_ns()
            for number in range(count):
                operation(number)
            least[name] = min(least[name], (time.process_time_ns() - start) / count / 1000)
    gc.unfreeze()
    return least


@contextmanager
def folder() -> Iterator[Path]:
    """A folder for the time being, in BENCH_DIR where that is set: its disk is what durable figures measure."""
    path = Path(tempfile.mkdtemp(prefix="overspill-bench-", dir=environ.get("BENCH_DIR")))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
