"""Settlement beside its floor: what is posted a second, how far it lags behind at half load, and what opening costs."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import statistics
import time
from pathlib import Path

from durable import CALLERS, ROUND, callers, filled, numbered_request
from pace import pace_now
from table import folder, row

from overspill import Engine
from overspill.ports.store import Snapshot
from overspill.store.opened import opened

EVENTS_MIN = 20_000
LAG_MAX = 1_000
"""Milliseconds."""
OPENING_MAX = 2
"""Seconds."""
LOADS = 40
"""Stretches of load, behind each of which the lag is read."""


def settling(rounds: int, accounts: int) -> None:
    """Rounds of decisions that are settled behind them, in turns with the floor; then decisions at half load."""
    rates, floors, cpus, paces = [], [], [], []
    with folder() as at:
        engine = filled(Engine.open(db=at / "x.db", settle=False))
        engine.settle()
        gc.collect()
        gc.freeze()
        for turn in range(rounds):
            together, _, _ = asyncio.run(callers(engine.adecide, turn * ROUND))
            start, used = time.perf_counter(), time.process_time()
            settled = engine.settle()
            rates.append(settled / (time.perf_counter() - start))
            cpus.append((time.process_time() - used) / settled * 1e6)
            paces.append(pace_now(500))
            floors.append(_floor(at, rounds, turn))
        gc.unfreeze()
        state = engine.settlement()
        posted = _posted(at / "x.db")
        wrong = state.waiting + state.parked + abs(posted - rounds * ROUND)
        engine.close()
        lag, asked = _lag(at / "half.db", together / 2)
    rate, pace = max(rates), min(paces)
    beside = f"{min(cpus):.1f} µs CPU each ({min(cpus) / pace:.1f} at the bars' pace), {statistics.median(rates) / statistics.median(floors):.2f}× of the same bytes written plainly"
    row(
        "settlement, usage events",
        rate,
        "/s",
        bar=f"≥ {EVENTS_MIN} at pace",
        holds=rate * pace >= EVENTS_MIN,
        beside=beside,
    )
    beside = f"{asked:,.0f} decisions/s, half of what 64 callers got"
    row("settlement, lag at half load, p99", lag, "ms", bar=f"≤ {LAG_MAX}", holds=lag <= LAG_MAX, beside=beside)
    row("settlement, not posted once", wrong, f"of {rounds * ROUND}", bar="0", holds=wrong == 0)
    _opening(accounts)


def _posted(path: Path) -> int:
    with sqlite3.connect(path) as connection:
        return int(connection.execute("SELECT count(*) FROM usage_events").fetchone()[0])


def _floor(at: Path, rounds: int, turn: int) -> float:
    """Rows a second of the same postings, read from where they were settled and written to a file of their own, in as many
    commits."""
    source = sqlite3.connect(at / "x.db")
    last = source.execute("SELECT max(seq) FROM postings").fetchone()[0]
    rows = source.execute("SELECT seq, body FROM postings WHERE seq > ? ORDER BY seq", (last - ROUND,)).fetchall()
    source.close()
    target = sqlite3.connect(at / "floor.db", isolation_level=None)
    target.execute("PRAGMA journal_mode=WAL")
    target.execute("PRAGMA synchronous=FULL")
    target.execute("CREATE TABLE IF NOT EXISTS postings (seq INTEGER PRIMARY KEY, body TEXT)")
    start = time.perf_counter()
    for first in range(0, len(rows), 1024):
        target.execute("BEGIN IMMEDIATE")
        target.executemany("INSERT OR REPLACE INTO postings VALUES (?, ?)", rows[first : first + 1024])
        target.execute("COMMIT")
    target.close()
    return len(rows) / (time.perf_counter() - start)


def _lag(path: Path, rate: float) -> tuple[float, float]:
    """(p99 of the lag in ms, decisions a second) where an engine settles beside its decisions, asked at that rate in
    stretches of a tenth of a second."""
    with filled(Engine.open(db=path)) as engine:
        each = max(int(rate / 10 / CALLERS), 1) * CALLERS
        lags, number, start = [], 0, time.perf_counter()
        for turn in range(LOADS):
            engine.decide_all([numbered_request(number + one) for one in range(each)])
            number += each
            lags.append(engine.settlement().lag(engine.now()) / 1000)
            time.sleep(max(start + (turn + 1) / 10 - time.perf_counter(), 0))
        asked = number / (time.perf_counter() - start)
    return sorted(lags)[len(lags) * 99 // 100], asked


def _opening(accounts: int) -> None:
    """A file with so many accounts: nothing looks at them all."""
    with folder() as at:
        _with_accounts(at / "many.db", accounts)
        start = time.perf_counter()
        with Engine.open(db=at / "many.db") as engine:
            engine.decide(numbered_request(0))
            took = time.perf_counter() - start
    row(f"opened and asked, {accounts:,} accounts", took, "s", bar=f"≤ {OPENING_MAX}", holds=took <= OPENING_MAX)


def _with_accounts(path: Path, count: int) -> None:
    """One account's state under as many names."""
    with filled(Engine.open(db=path)):
        pass
    store = opened(path)
    try:
        known = store.snapshot("default/user/u_000000")
        assert known is not None
        through = store.head().seq
        for first in range(0, count, 50_000):
            store.begin()
            names = (f"default/user/idle_{number:08d}" for number in range(first, min(first + 50_000, count)))
            store.write_snapshots(
                (Snapshot(name, known.seq, known.state, known.due_at) for name in names), [], [], through
            )
            store.commit()
    finally:
        store.close()
