"""Reconcile: how quick an export is explained, beside reading and decoding the same files.

An entry is a record, a leg, a row of a dataset or a stored balance. The day is the shipped policy's: windows, promotional
credits, paid ones with their money.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import msgspec
from pace import pace_now
from table import folder, row

from overspill import Engine, Request
from overspill.cli.in_shares import jobs_for
from overspill.cli.reconcile import of_folder
from overspill.runtime.build import build
from overspill.store.export_writer import export

ACCOUNTS = 256
AT_ONCE = 200
ENTRIES_MIN = 100_000


def auditing(decisions: int, rounds: int) -> None:
    """The least of some rounds, each with the machine's pace beside it: by the clock with as many processes as `overspill
    reconcile` takes by itself, and by CPU time with one."""
    with folder() as at:
        _made(at, decisions)
        exported = at / "export"
        jobs, files = jobs_for(exported), sorted(exported.glob("*.jsonl"))
        clock = alone = floor = pace = float("inf")
        findings = entries = 0
        for _ in range(rounds):
            pace = min(pace, pace_now(500))
            start = time.perf_counter()
            verdict = of_folder(exported, jobs=jobs)
            clock = min(clock, time.perf_counter() - start)
            entries, findings = verdict.entries, findings + len(verdict.findings)
            start = time.process_time()
            findings += len(of_folder(exported).findings)
            alone = min(alone, time.process_time() - start)
            start = time.process_time()
            for path in files:
                _decoded(path)
            floor = min(floor, time.process_time() - start)
    figure = entries / clock
    row(
        f"reconcile an export, {jobs} processes, a second",
        figure,
        "entries",
        bar=f"≥ {ENTRIES_MIN:,} at the bars' pace",
        holds=figure * pace >= ENTRIES_MIN,
        beside=f"{figure * pace:,.0f} at the bars' pace",
    )
    figure = entries / alone
    row(
        "reconcile an export, one process, a CPU second",
        figure,
        "entries",
        bar="",
        holds=None,
        beside=f"{figure * pace:,.0f} at the bars' pace; {alone / floor:.1f}× reading and decoding its JSON",
    )
    row("reconcile, findings", findings, "", bar="= 0", holds=findings == 0, beside=f"{entries:,} entries")


def _decoded(path: Path) -> None:
    decoder = msgspec.json.Decoder()
    with path.open("rb") as file:
        while lines := file.readlines(1 << 20):
            decoder.decode_lines(b"".join(lines))


def _made(at: Path, decisions: int) -> None:
    with Engine.open(db=at / "x.db", settle=False) as engine:
        for number in range(ACCOUNTS):
            account = {"user": f"u_{number:06d}"}
            engine.set_attributes(account, {"plan": "plus"}, id="s")
            engine.grant(account, "promo", "5", id="P1", category="promotional")
            engine.grant(account, "credits", "100000", id="C1", cost="99 usd")
        asyncio.run(_decide(engine, decisions))
        engine.settle()
        export(engine._store, at / "export", build())


async def _decide(engine: Engine, decisions: int) -> None:
    for first in range(0, decisions, AT_ONCE):
        await asyncio.gather(*[engine.adecide(_request(first + number)) for number in range(AT_ONCE)])


def _request(number: int) -> Request:
    return Request(
        id=f"req-{number:08d}",
        account={"user": f"u_{number % ACCOUNTS:06d}"},
        fields={"product": "codex", "model": "gpt-5.5", "speed": "fast"},
        meters={"input_tokens": 20_000 + number % 97, "cached_input_tokens": 500, "output_tokens": 800},
    )
