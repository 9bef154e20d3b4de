"""Reconcile: how quick an export is explained, beside reading and decoding the same files.

An entry is a record, a leg, a row of a dataset or a stored balance. The day is the shipped policy's: windows, promotional
credits, paid ones with their money.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import msgspec
from pace import pace_now
from table import folder, row

from overspill import Engine, Request
from overspill.cli.reconcile import of_folder
from overspill.runtime.build import build
from overspill.store.export_writer import export

ACCOUNTS = 256
AT_ONCE = 200
ENTRIES_MIN = 100_000
JOBS = 2
"""Processes of the figure by the clock, which needs as many cores that nobody else keeps busy: beside it is what it would be
by the CPU time of the longer one."""


def auditing(decisions: int, rounds: int) -> None:
    """The least of some rounds, each with the machine's pace beside it."""
    with folder() as at:
        _made(at, decisions)
        files = sorted(at.joinpath("export").glob("*.jsonl"))
        best, floor, pace, findings, entries = float("inf"), float("inf"), float("inf"), 0, 0
        together, longer = float("inf"), float("inf")
        for _ in range(rounds):
            pace = min(pace, pace_now(500))
            start = time.process_time()
            verdict = of_folder(at / "export")
            best = min(best, time.process_time() - start)
            entries, findings = verdict.entries, findings + len(verdict.findings)
            start, own, other = time.perf_counter(), *_cpu()
            findings += len(of_folder(at / "export", jobs=JOBS).findings)
            together = min(together, time.perf_counter() - start)
            longer = min(longer, max(now - before for now, before in zip(_cpu(), (own, other), strict=True)))
            start = time.process_time()
            for path in files:
                _decoded(path)
            floor = min(floor, time.process_time() - start)
    figure = entries / best
    row(
        "reconcile an export, a CPU second",
        figure,
        "entries",
        bar=f"≥ {ENTRIES_MIN:,} at the bars' pace",
        holds=figure * pace >= ENTRIES_MIN,
        beside=f"{figure * pace:,.0f} at the bars' pace; {best / floor:.1f}× reading and decoding its JSON",
    )
    figure = entries / together
    row(
        f"reconcile an export, a second of {JOBS} processes",
        figure,
        "entries",
        bar=f"≥ {ENTRIES_MIN:,} at the bars' pace",
        holds=figure * pace >= ENTRIES_MIN,
        beside=f"{figure * pace:,.0f} at the bars' pace; {entries / longer * pace:,.0f} by the CPU time of the longer one",
    )
    row("reconcile, findings", findings, "", bar="= 0", holds=findings == 0, beside=f"{entries:,} entries")


def _cpu() -> tuple[float, float]:
    """Seconds of this process, and of those that it has waited for."""
    times = os.times()
    return times.user + times.system, times.children_user + times.children_system


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
