"""Durable decisions on a PostgreSQL server of this run's own: 64 callers beside the same bytes with nothing decided, and one
pool that all of them draw from beside as many pools as users."""

from __future__ import annotations

import asyncio
import gc
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from durable import ACCOUNTS, ROUND, bare, callers, numbered_request
from table import row

from overspill import Engine, Request

SHARE_MIN = 0.3
HOT_MIN = 0.95
"""One hot pool keeps up with many, but for what the rounds differ by anyhow."""


def on_postgres(rounds: int) -> None:
    """Rounds in turns; needs psycopg, and a server's binaries as the tests find them."""
    sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
    from support.postgres import Server

    with Server() as server:
        _measured(server.database(), server.database(), rounds)


def _measured(url: str, bare_url: str, rounds: int) -> None:
    import psycopg

    figures: dict[str, list[tuple[float, float, float]]] = {"users": [], "floor": [], "spread": [], "hot": []}
    with Engine.open(db=url, settle=False) as engine, psycopg.connect(bare_url, autocommit=True) as connection:
        _fill(engine)
        connection.execute("CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body bytea)")
        connection.execute("ALTER TABLE t ALTER COLUMN body SET STORAGE EXTERNAL")

        def write(body: bytes) -> None:
            connection.execute("INSERT INTO t (body) VALUES (%b)", (body,))

        gc.collect()
        gc.freeze()
        for turn in range(rounds):
            asked: dict[str, Callable[[int], Request]] = {"users": numbered_request, "spread": _spread, "hot": _hot}
            for name, numbered in asked.items():
                figures[name].append(asyncio.run(callers(engine.adecide, turn * ROUND, numbered)))
            figures["floor"].append(asyncio.run(bare(write)))
        gc.unfreeze()
        missing = 3 * rounds * ROUND - sum(record.key[2] == "consume" for record in engine.records())
    _rows(figures, missing)


def _rows(figures: dict[str, list[tuple[float, float, float]]], missing: int) -> None:
    rates = {name: statistics.median(one[0] for one in found) for name, found in figures.items()}
    cpu = {name: min(one[1] for one in found) for name, found in figures.items()}
    p99 = statistics.median(one[2] for one in figures["users"])
    share, hot = rates["users"] / rates["floor"], rates["hot"] / rates["spread"]
    row(
        "durable on PostgreSQL, 64 callers",
        rates["users"],
        "/s",
        bar=f"≥ {SHARE_MIN} of its floor",
        holds=share >= SHARE_MIN,
        beside=f"{share:.2f} of the same bytes, nothing decided ({rates['floor']:,.0f}/s); {cpu['users']:.0f} µs CPU; p99 {p99:.1f} ms",
    )
    row(
        "durable on PostgreSQL, one hot pool",
        rates["hot"],
        "/s",
        bar="≥ spread over as many pools",
        holds=hot >= HOT_MIN,
        beside=f"{hot:.2f} of {ACCOUNTS} pools ({rates['spread']:,.0f}/s)",
    )
    row("decisions that PostgreSQL lost", missing, "", bar="0", holds=missing == 0)


def _fill(engine: Engine) -> None:
    for number in range(ACCOUNTS):
        user = {"user": f"u_{number:06d}"}
        engine.set_attributes(user, {"plan": "pro"}, id="s")
        engine.set_attributes({"user": f"f_{number:06d}"}, {"plan": "free"}, id="s")
        engine.grant({"workspace": f"w_{number:06d}"}, "workspace_pool", "1000000", id="W")
    engine.grant({"workspace": "w_hot"}, "workspace_pool", "100000000", id="W")


def _spread(number: int) -> Request:
    return _shared(f"s-{number}", number, f"w_{number % ACCOUNTS:06d}")


def _hot(number: int) -> Request:
    return _shared(f"h-{number}", number, "w_hot")


def _shared(id: str, number: int, workspace: str) -> Request:
    """Of a user whose plan has no windows, so that the workspace's pool covers it."""
    one: Any = numbered_request(number)
    account = {"user": f"f_{number % ACCOUNTS:06d}", "workspace": workspace}
    return Request(id=id, account=account, fields=one.fields, meters=one.meters)
