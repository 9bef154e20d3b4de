"""Durable decisions on a PostgreSQL server of this run's own: 64 callers, each with an account of his own, and one pool that
all of them draw from beside as many pools as users.

The floor is a combiner without a policy, in as few statements as can be: the callers share each commit, in which their
accounts are locked in order, what they ask for is taken where it is there, and each has a row under his key. Beside it
stands what no combiner can be quicker than: the journal's bytes as one row a commit, with nothing decided and no key.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from durable import ACCOUNTS, RECORD_BYTES, ROUND, bare, callers, numbered_request
from table import row

from overspill import Engine, Request

SHARE_MIN = 0.3
HOT_MIN = 1.0

FLOOR = """
CREATE TABLE accounts (id bigint PRIMARY KEY, version bigint NOT NULL, available bigint NOT NULL CHECK (available >= 0))
  WITH (fillfactor = 60);
INSERT INTO accounts SELECT number, 0, 1000000000 FROM generate_series(0, 9999) AS number;
CREATE TABLE decided (id text PRIMARY KEY, account bigint NOT NULL, body bytea NOT NULL);
CREATE TABLE outbox (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id text NOT NULL);
CREATE TABLE bytes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body bytea);
ALTER TABLE bytes ALTER COLUMN body SET STORAGE EXTERNAL"""
COMBINED = """
WITH asked AS MATERIALIZED (
  SELECT id, account, row_number() OVER (PARTITION BY account ORDER BY place) AS so_far
  FROM unnest(%(ids)b::text[], %(accounts)b::bigint[]) WITH ORDINALITY AS one (id, account, place)),
locked AS MATERIALIZED (
  SELECT id, available FROM accounts WHERE id IN (SELECT account FROM asked) ORDER BY id FOR UPDATE),
granted AS MATERIALIZED (
  SELECT asked.* FROM asked JOIN locked ON locked.id = asked.account WHERE so_far <= available),
taken AS (
  UPDATE accounts SET version = version + many, available = available - many
  FROM (SELECT account, count(*) AS many FROM granted GROUP BY account) AS of_one WHERE accounts.id = of_one.account),
kept AS (INSERT INTO decided SELECT id, account, %(body)b FROM granted),
announced AS (INSERT INTO outbox (id) SELECT id FROM granted)
SELECT id FROM granted"""


def on_postgres(rounds: int) -> None:
    """Rounds in turns; needs psycopg, and a server's binaries as the tests find them."""
    sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
    from support.postgres import Server

    with Server() as server:
        _measured(server.database(), server.database(), rounds)


def _measured(url: str, bare_url: str, rounds: int) -> None:
    import psycopg

    figures: dict[str, list[tuple[float, float, float]]] = {}
    with Engine.open(db=url, settle=False) as engine, psycopg.connect(bare_url, autocommit=True) as connection:
        _fill(engine)
        connection.execute(FLOOR)
        one, number = os.urandom(RECORD_BYTES), itertools.count()

        def combined(body: bytes) -> None:
            numbers = [next(number) for _ in range(len(body) // RECORD_BYTES)]
            values = {
                "ids": [f"d-{asked}" for asked in numbers],
                "accounts": [asked * 7919 % 10_000 for asked in numbers],
                "body": one,
            }
            granted = connection.execute(COMBINED, values).fetchall()
            assert len(granted) == len(numbers)

        def plain(body: bytes) -> None:
            connection.execute("INSERT INTO bytes (body) VALUES (%b)", (body,))

        gc.collect()
        gc.freeze()
        for turn in range(rounds):
            asked: dict[str, Callable[[int], Request]] = {"users": numbered_request, "spread": _spread, "hot": _hot}
            for name, numbered in sorted(
                asked.items(), reverse=turn % 2 == 0
            ):  # whoever comes later has more behind him
                figures.setdefault(name, []).append(asyncio.run(callers(engine.adecide, turn * ROUND, numbered)))
            for name, write in (("floor", combined), ("bytes", plain)):
                figures.setdefault(name, []).append(asyncio.run(bare(write)))
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
        beside=f"{share:.2f} of a combiner that decides nothing ({rates['floor']:,.0f}/s), {rates['users'] / rates['bytes']:.2f} of "
        f"the same bytes ({rates['bytes']:,.0f}/s); {cpu['users']:.0f} µs CPU; p99 {p99:.1f} ms",
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
