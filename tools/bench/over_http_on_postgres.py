"""Decisions over HTTP on a PostgreSQL server of this run's own, beside the same service on a file: one worker with all connections,
and two that share them and the database."""

from __future__ import annotations

import statistics
import sys
from contextlib import ExitStack
from pathlib import Path

from over_http import CONNECTIONS, has_wrk, listening, prepared, run_at, serving
from table import folder, row

OF_FILE_MIN = 0.5


def over_http_on_postgres(seconds: int, turns: int) -> None:
    """In turns; needs psycopg, wrk, and a server's binaries as the tests find them."""
    if not has_wrk("HTTP on PostgreSQL"):
        return
    sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
    from support.postgres import Server

    with Server() as server, folder() as at, ExitStack() as stack:
        url, file = server.database(), str(at / "x.db")
        keys = {db: prepared(at, db) for db in (url, file)}
        on_file = stack.enter_context(listening(serving(file), at))
        first, second = (stack.enter_context(listening(serving(url), at)) for _ in range(2))
        files, ones, twos, wrong = [], [], [], 0
        for turn in range(turns):
            for services, db, rates in (([on_file], file, files), ([first], url, ones), ([first, second], url, twos)):
                runs = run_at(services, at, keys[db], f"p{turn}-{len(services)}", seconds, CONNECTIONS)
                rates.append(sum(one.rate for one in runs))
                wrong += sum(one.wrong for one in runs)
    embedded, one, two = map(statistics.median, (files, ones, twos))
    row(
        "HTTP on PostgreSQL, one worker, of the same on a file",
        one / embedded,
        "",
        bar=f"≥ {OF_FILE_MIN}",
        holds=one / embedded >= OF_FILE_MIN,
        beside=f"{one:,.0f}/s and {embedded:,.0f}/s",
    )
    row("HTTP on PostgreSQL, two workers, of one", two / one, "", bar="> 1", holds=two > one, beside=f"{two:,.0f}/s")
    row("HTTP on PostgreSQL, answers of another status", wrong, "", bar="= 0", holds=wrong == 0)
