"""How quick this machine is just now: a fixed piece of plain Python, beside which figures of CPU time mean something.

One machine has quick and slow minutes (other guests share its caches and cores), and two machines differ more than two
programs do. The bars of CPU time were set on a machine that takes `NOMINAL` for the piece; a figure is held against its
bar after division by `pace`, what the piece took in the same rounds over what it took there. The table shows both.
"""

from __future__ import annotations

import gc
import time

NOMINAL = 40.0
"""CPU microseconds of the piece on the machine that the bars were set on."""
_PIECES = 20
"""Some millisecond."""


def _piece() -> int:
    """What interpreted Python mostly does: look up, branch, put small things together."""
    total, known, found = 0, {}, []
    for number in range(120):
        name = f"k{number % 17}"
        record = {"name": name, "step": number, "left": 1000 - number}
        before = known.get(name)
        if before is None or before["left"] > record["left"]:
            known[name] = record
        found.append((name, record["step"], total))
        total += record["left"] * 3 // 2
    return total + len(found) + len(known)


def pace_now(pieces: int = _PIECES) -> float:
    """How many times as long as there the piece takes here, over so many of them."""
    collecting = gc.isenabled()
    gc.disable()  # what it costs is a matter of the heap, not of the machine
    start = time.process_time_ns()
    for _ in range(pieces):
        _piece()
    micros = (time.process_time_ns() - start) / pieces / 1000
    if collecting:
        gc.enable()
    return micros / NOMINAL
