"""One tenant asks with twice as many connections as it may have calls at once, and another one asks as ever: what the other one's
latency becomes, how long it takes until all is as before, and how much memory it takes. The measure of its latency is the same
with the flood at a service of its own on the same machine: what the callers and the disk take of it then is no matter of who is
let in. What it is alone, on a machine that has nothing else to do, is told too.

Latencies are wrk's, of the same two connections alone and beside the flood, in turns; whatever shares the machine is in both. The
flood is closed-loop: a call that was sent away is followed by the next at once, which no client that honours `Retry-After` does.
"""

from __future__ import annotations

import http.client
import json
import re
import statistics
import subprocess
import sys
import time
from os import cpu_count
from pathlib import Path
from typing import NamedTuple

from durable import filled
from over_http import LUA, has_wrk, listening
from table import folder, row

from overspill import Engine
from overspill.cli.keys import put_key
from overspill.cli.reconcile import of_database
from overspill.runtime.ids import PLACES
from overspill.serve.credentials import SCOPES
from overspill.store.registry import opened_registry

LIMITS = (256, 32)
"""Calls of a tenant at once: as the service has it when nobody says otherwise, and fewer."""
OTHERS = 2
"""Connections of the other tenant."""
P99_RATIO_MAX, RECOVERY_SECONDS_MAX = 1.2, 5.0
GROWTH_MEGABYTES_MAX = 64 + PLACES[-1] // 2**20
"""Calls under way, and the largest table of marks of ids, which is there once there are enough of them."""
STEADY = 20
"""So many calls in a row that are answered, none of them slower than the slowest of a hundred was before: as before."""
FLOOD, OTHER = "acme", "umbrella"


class Turn(NamedTuple):
    """Milliseconds of the other tenant's p99: alone, beside the same flood at another service of this machine, beside it here;
    seconds; of the flood's calls how many a second, and the part that was sent away."""

    alone: float
    machine: float
    beside: float
    recovery: float
    rate: float
    refused: float


def overload(seconds: int, turns: int) -> None:
    if not has_wrk("overload"):
        return
    for at_once in LIMITS:
        _measured(at_once, seconds, turns)


def _measured(at_once: int, seconds: int, turns: int) -> None:
    with folder() as at:
        keys = {tenant: _prepared(at / "x.db", tenant) for tenant in (FLOOD, OTHER)}
        elsewhere = _prepared(at / "y.db", FLOOD)
        (at / "d.lua").write_text(LUA)
        command = [sys.executable, "-m", "overspill", "serve", "--port", "0", "--at-once", str(at_once), "--db"]
        with (
            listening([*command, str(at / "x.db")], at) as (pid, port),
            listening([*command, str(at / "y.db")], at) as (_, away),
        ):
            place = _Place(at, port, away, keys, elsewhere, at_once, seconds)
            _wrk(port, at, keys[OTHER], "warm", OTHERS, 2).communicate()
            before = _peak(pid)
            done = [_turn(place, str(number)) for number in range(turns)]
            growth = (_peak(pid) - before) / 1024
            gone = turns * 2 * (at_once + OTHERS)
            odd = _odd(port, gone)
        findings = len(of_database(str(at / "x.db")).findings)
    _rows(at_once, done, growth, odd, findings)


class _Place(NamedTuple):
    """A service at `port`, and another one, of a database and in a process of its own, at `away`."""

    at: Path
    port: int
    away: int
    keys: dict[str, str]
    elsewhere: str
    at_once: int
    seconds: int


def _turn(place: _Place, number: str) -> Turn:
    at, seconds, own = place.at, place.seconds, place.keys[OTHER]
    alone, _, _ = _told(_wrk(place.port, at, own, f"a{number}", OTHERS, seconds), seconds)
    found: list[tuple[float, float, float]] = []
    floods = ((place.away, place.elsewhere), (place.port, place.keys[FLOOD]))
    for port, key in floods:
        flood = _wrk(port, at, key, f"f{number}", 2 * place.at_once, seconds + 2)
        time.sleep(1)
        beside, _, _ = _told(_wrk(place.port, at, own, f"b{number}-{port}", OTHERS, seconds), seconds)
        _, rate, refused = _told(flood, seconds)
        found.append((beside, rate, refused))
    recovery = _recovery(place.port, place.keys, number, alone)
    (machine, _, _), (beside, rate, refused) = found
    return Turn(alone, machine, beside, recovery, rate, refused)


def _recovery(port: int, keys: dict[str, str], number: str, p99: float) -> float:
    """Seconds from the flood's end until calls of both tenants are answered as before."""
    start = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    steady, calls = 0, 0
    while steady < STEADY and time.monotonic() - start < 10 * RECOVERY_SECONDS_MAX:
        calls += 1
        tenant = (FLOOD, OTHER)[calls % 2]
        headers = {
            "Authorization": f"Bearer {keys[tenant]}",
            "Content-Type": "application/json",
            "Idempotency-Key": f"c{number}-{calls}",
        }
        began = time.monotonic()
        connection.request("POST", "/v1/decisions", json.dumps(ASKED), headers)
        answer = connection.getresponse()
        answer.read()
        is_steady = answer.status == 200 and (time.monotonic() - began) * 1000 <= max(2 * p99, 10)
        steady = steady + 1 if is_steady else 0
    connection.close()
    return time.monotonic() - start


ASKED = {
    "account": {"user": "u_000001"},
    "fields": {"product": "codex", "model": "gpt-5.5", "speed": "fast"},
    "meters": {"input_tokens": 900, "cached_input_tokens": 500, "output_tokens": 80},
}


def _rows(at_once: int, done: list[Turn], growth: float, odd: int, findings: int) -> None:
    name = f"overload, {at_once} at once"
    alone, machine, beside = (statistics.median(column) for column in list(zip(*done, strict=True))[:3])
    rate, refused = statistics.median(one.rate for one in done), statistics.median(one.refused for one in done)
    ratio = statistics.median(one.beside / one.machine for one in done)
    row(
        f"{name}: another tenant's p99",
        ratio,
        "times",
        bar=f"≤ {P99_RATIO_MAX:g}",
        holds=ratio <= P99_RATIO_MAX,
        beside=f"{beside:.2f} ms beside {rate:,.0f} calls/s, {refused:.0%} of them sent away; {machine:.2f} where these go to another service",
    )
    row(
        f"{name}: and of what it is alone",
        statistics.median(one.beside / one.alone for one in done),
        "times",
        bar="",
        holds=None,
        beside=f"{alone:.2f} ms alone; {cpu_count()} cores for callers and services",
    )
    recovery = max(one.recovery for one in done)
    row(
        f"{name}: as before within",
        recovery,
        "s",
        bar=f"≤ {RECOVERY_SECONDS_MAX:g}",
        holds=recovery <= RECOVERY_SECONDS_MAX,
    )
    row(f"{name}: memory", growth, "MB", bar=f"≤ {GROWTH_MEGABYTES_MAX:g}", holds=growth <= GROWTH_MEGABYTES_MAX)
    wrong = odd + findings
    row(f"{name}: odd answers and findings", wrong, "", bar="= 0", holds=wrong == 0)


def _prepared(db: Path, tenant: str) -> str:
    with filled(Engine.open(db=db, tenant=tenant, settle=False)) as engine:
        now = engine.now()
    registry = opened_registry(db)
    key, _ = put_key(registry, tenant, "bench", SCOPES, now, None)
    registry.close()
    return key


def _wrk(port: int, at: Path, key: str, run: str, connections: int, seconds: int) -> subprocess.Popen[str]:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--latency", "-s", str(at / "d.lua")]
    return subprocess.Popen(
        [*command, f"http://127.0.0.1:{port}", "--", key, run, "1"], stdout=subprocess.PIPE, text=True
    )


def _told(one: subprocess.Popen[str], seconds: int) -> tuple[float, float, float]:
    """(p99 in milliseconds, calls a second, the part that was sent away)."""
    text, _ = one.communicate()
    [(count, rate)] = re.findall(r"(\d+) requests in[\s\S]*Requests/sec:\s+([\d.]+)", text)
    value, unit = re.findall(r"99%\s+([\d.]+)(us|ms|s|m)\b", text)[0]
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    millis = float(value) * {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}[unit]
    if not int(count):  # nothing was answered at all
        return float(seconds) * 1000, 0.0, 0.0
    return millis, float(rate), 0.0 if refused is None else int(refused[1]) / int(count)


def _odd(port: int, gone: int) -> int:
    """Calls that were answered otherwise than by a decision or 503. Whoever hangs up with a call under way, as wrk does at its end,
    may have asked nothing by then: that is a 400 which nobody hears, for so many at most."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    found = re.findall(r'overspill_calls_total{operation="decide",status="(\d+)"} ([\d.e+]+)', text)
    counts = {status: int(float(count)) for status, count in found if status not in ("200", "503")}
    return sum(counts.values()) - min(counts.get("400", 0), gone)


def _peak(pid: int) -> int:
    """Kilobytes that were resident at most."""
    [found] = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found)
