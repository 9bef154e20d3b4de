"""Growth: compiling 1,000 and 10,000 layers from text, and a decision's latency among as many."""

from __future__ import annotations

import time
from collections.abc import Callable

from pace import pace_now
from table import cpu, paced, row
from worlds import NOW

from overspill import Request
from overspill.account.state import Account
from overspill.decide.admit import admit
from overspill.decide.decide import decide
from overspill.plan.program import Program
from overspill.runtime.policies import compiled
from overspill.words.instants import HOUR

TRIES = 3
"""Of each size: the least counts, for its time and for the pace."""


def _layers(products: int) -> str:
    """Five layers a product; the bundle grows, the request's own waterfall does not."""
    parts = [
        "policy grown version 1; language 1; unit credits: decimal(2);",
        "account user { plan: string; }",
        "request { product: string; model: string; tokens: meter; }",
        "rate_card card { price in credits per 100 by request.model; from 2026-01-01T00:00:00Z { default: tokens 1; } }",
    ]
    for number in range(products):
        names = [f"{kind}{number}" for kind in ("a", "b", "c", "d", "e")]
        for name in names[:2]:
            parts.append(
                f"limit {name} {{ per user; unit credits; window w: 5h from first_use; "
                f'capacity by user.plan {{ "plus": w {number + 10} credits; default: w 0 credits; }} }}'
            )
        parts += [
            f'pool {name} {{ per user; unit credits; skip s when user.plan == "p{number}"; }}' for name in names[2:]
        ]
        draws = " ".join(f"draw {name};" for name in names)
        parts.append(
            f'waterfall w{number} {{ serves request.product == "p{number}"; priced by card; {draws} otherwise deny used_up; }}'
        )
    return "\n".join(parts)


def growth(rounds: int, count: int, quick: bool) -> None:
    """Compiling 1,000 and 10,000 layers from text, and the latency from 5 to the most layers in one bundle."""
    sizes = (1, 200) if quick else (1, 200, 2000)
    compiling: dict[int, float] = {}
    paces: dict[int, float] = {}
    operations: dict[str, Callable[[int], object]] = {}
    for products in sizes:
        text = _layers(products)
        parts = _split(text)
        program, compiling[products * 5], paces[products * 5] = _compiled(parts)
        last = products - 1
        account = Account(1, 0, {"plan": "plus"}, {f"a{last}.w": (1, NOW - HOUR, NOW + HOUR, 5)}, {}, {})
        request = Request(
            id="r", account={"user": "u"}, fields={"product": f"p{last}", "model": "m"}, meters={"tokens": 50}
        )
        admitted = admit(program.plan, request)
        operations[str(products * 5)] = lambda _, p=program, a=admitted, s=account: decide(p, a, (s,), NOW)
    for layers, most in ((1000, 0.5), (10_000, 5.0)):
        if layers in compiling:
            paced(f"compile {layers:,} layers from text", compiling[layers], "s CPU", most, paces[layers])
    if not quick:
        ratio = compiling[10_000] / compiling[1000]
        row("compile, 10,000 layers to 1,000", ratio, "×", bar="≤ 12", holds=ratio <= 12)
    found = cpu(operations, rounds, count)
    small, large = found[str(sizes[0] * 5)], found[str(sizes[-1] * 5)]
    row(
        f"latency, {sizes[-1] * 5} layers to 5",
        large / small,
        "×",
        bar="≤ 1.25",
        holds=large / small <= 1.25,
        beside=f"{large:.2f} to {small:.2f} µs",
    )


def _compiled(parts: dict[str, bytes]) -> tuple[Program, float, float]:
    """(the program, CPU seconds that it took, the machine's pace): the least of some tries of each."""
    seconds, paces = [], []
    for _ in range(TRIES):
        paces.append(pace_now(100))
        start = time.process_time()
        program = compiled(parts)
        seconds.append(time.process_time() - start)
    return program, min(seconds), min(paces)


def _split(text: str) -> dict[str, bytes]:
    """Files of at most 200 KiB, as the reader wants them."""
    files: dict[str, bytes] = {}
    chunk: list[str] = []
    for line in [*text.split("\n"), ""]:
        if chunk and (not line or sum(map(len, chunk)) > 150_000):
            files[f"f{len(files):04d}.spill"] = "\n".join(chunk).encode()
            chunk = []
        chunk.append(line)
    return files
