"""Decisions over HTTP: a service in a process of its own, 64 connections of wrk, beside an endpoint that reads and writes
as many bytes under the same server and decides nothing.

Rates are wall time in turns, each beside the endpoint's of the same turn, for the machine has its moods; CPU is that of
the service's process. `wrk` is Debian's.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import NamedTuple

from durable import ACCOUNTS, filled
from pace import pace_now
from table import folder, row

from overspill import Engine
from overspill.cli.keys import put_key
from overspill.serve.credentials import SCOPES
from overspill.store.registry import opened_registry

CONNECTIONS, BATCH = 64, 100
OF_BATCHES = 4
"""Connections that send batches."""
RATE_MIN, OF_BARE_MIN, P99_MAX, BATCH_MIN = 12_000, 0.4, 40.0, 4.0
ANSWER_BYTES = 2700
"""What a decision with its trace has."""
_TICKS = os.sysconf("SC_CLK_TCK")

BARE = f"""
async def app(scope, receive, send):
    if scope["type"] != "http":
        while True:
            message = await receive()
            await send({{"type": message["type"] + ".complete"}})
            if message["type"] == "lifespan.shutdown":
                return
    await receive()
    await send({{"type": "http.response.start", "status": 200, "headers": [
        (b"content-type", b"application/json"), (b"content-length", b"{ANSWER_BYTES}")]}})
    await send({{"type": "http.response.body", "body": b"x" * {ANSWER_BYTES}}})
"""
LUA = """
local thread_number = 0
function setup(thread) thread:set("own", thread_number); thread_number = thread_number + 1 end
function init(arguments) key, run, batch, n = arguments[1], arguments[2], tonumber(arguments[3]), 0 end
local function asked(id)
  return '{"account":{"user":"' .. string.format("u_%06d", (n * 7 + own) % ACCOUNTS) .. '"},' .. id ..
    '"fields":{"product":"codex","model":"gpt-5.5","speed":"fast"},' ..
    '"meters":{"input_tokens":' .. (900 + n % 97) .. ',"cached_input_tokens":500,"output_tokens":80}}'
end
function request()
  n = n + 1
  local headers = {["Authorization"] = "Bearer " .. key, ["Content-Type"] = "application/json"}
  if batch == 1 then
    headers["Idempotency-Key"] = "r" .. run .. "-" .. own .. "-" .. n
    return wrk.format("POST", "/v1/decisions", headers, asked(""))
  end
  local parts = {}
  for one = 1, batch do
    n = n + 1
    parts[one] = asked('"id":"b' .. run .. "-" .. own .. "-" .. n .. '",')
  end
  return wrk.format("POST", "/v1/decisions", headers, '{"requests":[' .. table.concat(parts, ",") .. "]}")
end
""".replace("ACCOUNTS", str(ACCOUNTS))


class Run(NamedTuple):
    """`rate` a second, `p99` in milliseconds, `cpu` of the server in microseconds each; `wrong` answers of another status."""

    rate: float
    p99: float
    cpu: float
    wrong: int


def over_http(seconds: int, turns: int) -> None:
    if not has_wrk("HTTP"):
        return
    with folder() as at:
        key = prepared(at, str(at / "x.db"))
        (at / "bare.py").write_text(BARE)
        service = serving(str(at / "x.db"))
        bare = [sys.executable, "-m", "uvicorn", "bare:app", "--port", "0", "--loop", "uvloop", "--http", "httptools"]
        bare += ["--no-access-log", "--no-proxy-headers", "--no-server-header"]
        with listening(service, at) as (pid, port), listening(bare, at) as (bare_pid, bare_port):
            ones, floors, batches, few, paces = [], [], [], [], []
            for turn in range(turns):
                paces.append(pace_now())
                ones.append(_run(pid, port, at, key, f"{turn}", 1, seconds))
                floors.append(_run(bare_pid, bare_port, at, key, f"{turn}", 1, seconds))
                batches.append(_run(pid, port, at, key, f"b{turn}", BATCH, seconds))
                few += run_at([(pid, port)], at, key, f"f{turn}", seconds, OF_BATCHES)
    _rows(ones, floors, batches, few, min(paces))


def has_wrk(name: str) -> bool:
    """Else a line says that nothing was measured."""
    found = shutil.which("wrk") is not None
    if not found:
        row(name, 0, "", bar="wrk is not installed", holds=None, beside="apt-get install wrk")
    return found


def _rows(ones: list[Run], floors: list[Run], batches: list[Run], few: list[Run], pace: float) -> None:
    rate, bare = statistics.median(one.rate for one in ones), statistics.median(one.rate for one in floors)
    of_bare = statistics.median(one.rate / floor.rate for one, floor in zip(ones, floors, strict=True))
    cpu, bare_cpu = min(one.cpu for one in ones), min(one.cpu for one in floors)
    p99 = statistics.median(one.p99 for one in ones)
    row(
        f"HTTP, durable, {CONNECTIONS} connections, one worker",
        rate,
        "/s",
        bar=f"≥ {RATE_MIN:,} at the bars' pace",
        holds=rate * pace >= RATE_MIN,
        beside=f"{rate * pace:,.0f} at the bars' pace; {cpu:.1f} µs CPU each, the bare endpoint {bare_cpu:.1f}",
    )
    row(
        "HTTP, of a bare endpoint",
        of_bare,
        "",
        bar=f"≥ {OF_BARE_MIN}",
        holds=of_bare >= OF_BARE_MIN,
        beside=f"{bare:,.0f}/s; by CPU {bare_cpu / cpu:.2f}",
    )
    row("HTTP, p99", p99, "ms", bar=f"≤ {P99_MAX:g}", holds=p99 <= P99_MAX)
    each = statistics.median(one.cpu for one in batches) / BATCH
    cheaper, than_few = (statistics.median(one.cpu for one in some) / each for some in (ones, few))
    row(
        f"HTTP, a batch of {BATCH}, cheaper each than one by one over as many connections",
        than_few,
        "times",
        bar=f"≥ {BATCH_MIN:g}",
        holds=than_few >= BATCH_MIN,
        beside=f"{each:.1f} µs CPU each; {statistics.median(one.rate for one in batches) * BATCH:,.0f} decisions/s",
    )
    row(
        f"HTTP, a batch of {BATCH}, cheaper each than over {CONNECTIONS}, which share their commits too",
        cheaper,
        "times",
        bar=f"≥ {BATCH_MIN:g}",
        holds=cheaper >= BATCH_MIN,
    )
    wrong = sum(one.wrong for one in (*ones, *floors, *batches, *few))
    row("HTTP, answers of another status", wrong, "", bar="= 0", holds=wrong == 0)


def serving(db: str) -> list[str]:
    """The command."""
    return [sys.executable, "-m", "overspill", "serve", "--db", db, "--port", "0", "--no-settle", "--no-hooks"]


def prepared(at: Path, db: str) -> str:
    """A key of the database, whose accounts are there, and what wrk needs in the folder."""
    (at / "d.lua").write_text(LUA)
    with filled(Engine.open(db=db, tenant="acme")) as engine:
        now = engine.now()
    registry = opened_registry(db)
    key, _ = put_key(registry, "acme", "bench", SCOPES, now, None)
    registry.close()
    return key


@contextmanager
def listening(command: list[str], at: Path) -> Iterator[tuple[int, int]]:
    """(process, port) of a server that says where it listens."""
    process = subprocess.Popen(command, cwd=at, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                Thread(target=process.stderr.read, daemon=True).start()  # a pipe that nobody reads holds up its writer
                yield process.pid, int(found[1])
                return
        raise RuntimeError(f"{command[2]} did not start")
    finally:
        process.terminate()
        process.wait()


def _run(pid: int, port: int, at: Path, key: str, run: str, batch: int, seconds: int) -> Run:
    [one] = run_at([(pid, port)], at, key, run, seconds, CONNECTIONS if batch == 1 else OF_BATCHES, batch)
    return one


def run_at(
    services: list[tuple[int, int]], at: Path, key: str, run: str, seconds: int, connections: int, batch: int = 1
) -> list[Run]:
    """Each (process, port) asked at once with its part of the connections."""
    each = ["wrk", "-t1", f"-c{connections // len(services)}", f"-d{seconds}", "--latency", "-s", str(at / "d.lua")]
    before = [_cpu(pid) for pid, _ in services]
    asking = [
        subprocess.Popen(
            [*each, f"http://127.0.0.1:{port}", "--", key, f"{run}-{number}", str(batch)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number, (_, port) in enumerate(services)
    ]
    texts = [one.communicate()[0] for one in asking]
    return [_told(text, _cpu(pid) - cpu) for text, cpu, (pid, _) in zip(texts, before, services, strict=True)]


def _told(text: str, cpu: float) -> Run:
    [(count, rate)] = re.findall(r"(\d+) requests in[\s\S]*Requests/sec:\s+([\d.]+)", text)
    value, unit = re.findall(r"99%\s+([\d.]+)(us|ms|s)", text)[0]
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    millis = float(value) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]
    return Run(float(rate), millis, cpu / int(count) * 1e6, 0 if wrong is None else int(wrong[1]))


def _cpu(pid: int) -> float:
    """Seconds of the process, its threads included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
