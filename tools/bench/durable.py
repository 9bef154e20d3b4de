"""Durable decisions: one caller, 64 callers, and the floors of the same run."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sqlite3
import statistics
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pace import pace_now
from table import folder, paced, row

from overspill import Engine, Request
from overspill.runtime.snapshots import SNAPSHOT_EVERY

ACCOUNTS = 256
CALLERS = 64
TURNS = 10
ROUND = SNAPSHOT_EVERY
"""Decisions a round: each has its share of whatever comes now and then."""
RECORD_BYTES = 850
"""What a decision adds to the journal."""


def filled(engine: Engine) -> Engine:
    """With accounts of a plan and of credits."""
    for number in range(ACCOUNTS):
        engine.set_attributes(
            {"user": f"u_{number:06d}"}, {"plan": "pro"}, id="s"
        )  # windows that cover every decision of a run
        engine.grant({"user": f"u_{number:06d}"}, "credits", "100000", id="C1")
    return engine


def numbered_request(number: int) -> Request:
    return Request(
        id=f"req-{number:08d}",
        account={"user": f"u_{number % ACCOUNTS:06d}"},
        fields={"product": "codex", "model": "gpt-5.5", "speed": "fast"},
        meters={"input_tokens": 900 + number % 97, "cached_input_tokens": 500, "output_tokens": 80},
    )


def durable(seconds: float, rounds: int) -> None:
    """One caller for some seconds, 64 callers in rounds; the floors write as many bytes and decide nothing."""
    errors = 0
    with folder() as at:
        engine = filled(Engine.open(db=at / "x.db", settle=False))
        p50s, rates, floors, number = [], [], [], 0
        for _ in range(TURNS):  # in turns, for the disk has its moods
            found, wrong = _alone(engine, number, seconds / TURNS)
            number, errors = number + len(found), errors + wrong
            p50s.append(found[len(found) // 2] * 1000)
            rates.append(len(found) / sum(found))
            floors.append(_floor(at, seconds / TURNS))
        p50, single, floor = statistics.median(p50s), statistics.median(rates), statistics.median(floors)
        many, bare, paces = [], [], []
        gc.collect()
        gc.freeze()  # as a service does when it has started
        for first in range(number, number + rounds * ROUND, ROUND):
            many.append(asyncio.run(callers(engine.adecide, first)))
            paces.append(pace_now(500))
            bare.append(asyncio.run(_bare(at)))
        together, used, p99s = zip(*many, strict=True)
        rate, p99 = statistics.median(together), statistics.median(p99s)
        cpu, pace = min(used), min(paces)
        bare_cpu = min(one[1] for one in bare)
        drawn = sum(
            window[3] for n in range(ACCOUNTS) for window in engine.account({"user": f"u_{n:06d}"}).windows.values()
        )
        gc.unfreeze()
        mismatches = drawn != _counted(engine)
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
    beside = f"{cpu / bare_cpu:.1f}× the same callers and bytes, nothing decided ({bare_cpu:.1f})"
    paced("durable, 64 callers, CPU a decision", cpu, "µs CPU", 30, pace, beside)
    row("durable, 64 callers, p99", p99, "ms", bar="≤ 15", holds=p99 <= 15)
    row(
        "errors and ledger mismatches",
        errors + mismatches,
        f"of {number + rounds * ROUND}",
        bar="0",
        holds=errors + mismatches == 0,
    )


def _alone(engine: Engine, first: int, seconds: float) -> tuple[list[float], int]:
    """Latencies of one caller for so long, in order, and how many were not allowed."""
    latencies, wrong, start = [], 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        request = numbered_request(first + len(latencies))
        before = time.perf_counter()
        wrong += not engine.decide(request).allowed
        latencies.append(time.perf_counter() - before)
    return sorted(latencies), wrong


def _floor(folder: Path, seconds: float) -> float:
    """Bare SQLite, one durable transaction a row of the same size."""
    connection = _connected(folder / "floor.db")
    body, number, start = os.urandom(RECORD_BYTES), 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        connection.execute("INSERT INTO t (body) VALUES (?)", (body,))
        number += 1
    connection.close()
    return number / (time.perf_counter() - start)


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, body BLOB)")
    return connection


async def _bare(folder: Path) -> tuple[float, float, float]:
    """The floor of 64 callers: a row for each commit."""
    connection = _connected(folder / "bare.db")
    found = await bare(lambda body: connection.execute("INSERT INTO t (body) VALUES (?)", (body,)))
    connection.close()
    return found


async def bare(write: Callable[[bytes], object]) -> tuple[float, float, float]:
    """64 callers of asyncio who share each commit of as many bytes, and nothing else."""
    loop = asyncio.get_running_loop()
    body = os.urandom(RECORD_BYTES * CALLERS)
    waiting: list[asyncio.Future[None]] = []
    with ThreadPoolExecutor(1) as executor:

        def commit(count: int) -> None:
            write(body[: RECORD_BYTES * count])

        def flush() -> None:
            batch = waiting.copy()
            waiting.clear()
            if batch:
                running = loop.run_in_executor(executor, commit, len(batch))
                running.add_done_callback(lambda _: deliver(batch))

        def deliver(batch: list[asyncio.Future[None]]) -> None:
            for future in batch:
                future.set_result(None)
            loop.call_soon(flush)

        def ask(_: Request) -> asyncio.Future[None]:
            future = loop.create_future()
            waiting.append(future)
            return future

        loop.call_soon(loop.call_soon, flush)
        return await callers(ask, 0)


async def callers(
    ask: Callable[[Request], Awaitable[object]], first: int, numbered: Callable[[int], Request] = numbered_request
) -> tuple[float, float, float]:
    """(decisions a second, CPU µs each, p99 in ms) of a round. The requests are made before the clock starts."""
    latencies: list[float] = []
    requests = iter([numbered(number) for number in range(first, first + ROUND)])

    async def caller() -> None:
        for request in requests:
            before = time.perf_counter()
            await ask(request)
            latencies.append(time.perf_counter() - before)

    start, used = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    wall, used = time.perf_counter() - start, time.process_time() - used
    latencies.sort()
    return ROUND / wall, used / ROUND * 1e6, latencies[ROUND * 99 // 100] * 1000


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
