"""Durable decisions: one caller, 64 callers, and the floors of the same run."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import statistics
import time
from pathlib import Path

from table import folder, row
from worlds import ACCOUNTS

from overspill import Engine, Request

REQUESTS_A_SECOND = 50_000
"""More than can be decided."""


def _open(folder: Path) -> Engine:
    engine = Engine.open(db=folder / "x.db")
    for number in range(ACCOUNTS):
        engine.set_attributes({"user": f"u_{number:06d}"}, {"plan": "plus"}, id="s")
        engine.grant({"user": f"u_{number:06d}"}, "credits", "100000", id="C1")
    return engine


def _numbered(number: int) -> Request:
    return Request(
        id=f"req-{number:08d}",
        account={"user": f"u_{number % ACCOUNTS:06d}"},
        fields={"product": "codex", "model": "gpt-5.5", "speed": "fast"},
        meters={"input_tokens": 900 + number % 97, "cached_input_tokens": 500, "output_tokens": 80},
    )


def durable(seconds: float) -> None:
    """One caller; 64 callers; and the floor of the same run, one transaction for each decision."""
    errors = mismatches = 0
    with folder() as at:
        engine = _open(at)
        single, latencies, number, start = 0.0, [], 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            before = time.perf_counter()
            errors += not engine.decide(_numbered(number)).allowed
            latencies.append(time.perf_counter() - before)
            number += 1
        single = number / (time.perf_counter() - start)
        latencies.sort()
        p50 = latencies[len(latencies) // 2] * 1000
        floor = _floor(at, seconds)
        rate, used, p99, done = _many(engine, seconds, number)
        drawn = sum(
            window[3] for n in range(ACCOUNTS) for window in engine.account({"user": f"u_{n:06d}"}).windows.values()
        )
        counted = _counted(engine)
        mismatches += drawn != counted
        engine.close()
    row("durable, one caller, p50", p50, "ms", bar="≤ 1", holds=p50 <= 1, beside=f"{single:,.0f}/s")
    row(
        "durable, 64 callers",
        rate,
        "/s",
        bar="≥ 5 × one transaction each",
        holds=rate >= 5 * single,
        beside=f"{rate / single:.1f}× one each of ours ({single:,.0f}/s), {rate / floor:.1f}× bare SQLite ({floor:,.0f}/s)",
    )
    row("durable, 64 callers, CPU a decision", used, "µs CPU", bar="≤ 30", holds=used <= 30)
    row("durable, 64 callers, p99", p99, "ms", bar="≤ 15", holds=p99 <= 15)
    row(
        "errors and ledger mismatches",
        errors + mismatches,
        f"of {number + done}",
        bar="0",
        holds=errors + mismatches == 0,
    )


def _floor(folder: Path, seconds: float) -> float:
    """Bare SQLite, one durable transaction a row of the same size."""
    connection = sqlite3.connect(folder / "floor.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE t (id TEXT PRIMARY KEY, body BLOB) WITHOUT ROWID")
    body, number, start = os.urandom(3000), 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        connection.execute("INSERT INTO t VALUES (?, ?)", (f"req-{number:08d}", body))
        number += 1
    connection.close()
    return number / (time.perf_counter() - start)


def _many(engine: Engine, seconds: float, first: int) -> tuple[float, float, float, int]:
    """64 callers in eight rounds: the median rate, the least CPU, the median p99, and how many decisions in all."""
    rounds, number = [], first
    for _ in range(8):
        rounds.append(asyncio.run(_callers(engine, 64, seconds / 4, number)))
        number += rounds[-1][3]
    rates, used, p99s, counts = zip(*rounds, strict=True)
    return statistics.median(rates), min(used), statistics.median(p99s), sum(counts)


async def _callers(engine: Engine, callers: int, seconds: float, first: int) -> tuple[float, float, float, int]:
    """(decisions a second, CPU µs each, p99 in ms, how many). The requests are made before the clock starts."""
    latencies: list[float] = []
    requests = iter([_numbered(number) for number in range(first + 1, first + 1 + int(seconds * REQUESTS_A_SECOND))])
    stop = time.perf_counter() + seconds

    async def caller() -> None:
        for request in requests:
            before = time.perf_counter()
            await engine.adecide(request)
            after = time.perf_counter()
            latencies.append(after - before)
            if after > stop:
                return

    start, used = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller() for _ in range(callers)))
    wall, used = time.perf_counter() - start, time.process_time() - used
    latencies.sort()
    return (
        len(latencies) / wall,
        used / len(latencies) * 1e6,
        latencies[len(latencies) * 99 // 100] * 1000,
        len(latencies),
    )


def _counted(engine: Engine) -> int:
    """What the answers say the windows must hold, in steps."""
    total = 0
    for record in engine.records():
        answer = json.loads(bytes(record.answer))
        for draw in answer.get("draws", ()):
            for _ in draw.get("windows", ()):
                whole, _, rest = draw["amount"].partition(".")
                total += int(whole) * 10**6 + int((rest or "0").ljust(6, "0"))
    return total
