"""Figures, each beside its floor or peer in the same run: `python tools/bench.py [--json] [--quick] [--peers]`.

In-process figures are CPU time per operation, the least of several interleaved rounds; durable ones are wall time, the
median of rounds, and CPU of the whole process, the least of rounds. Ratios are what counts: absolute figures are a machine's. `--peers` makes an environment of
its own with cedarpy and asks it one policy's question in the same run. Errors and ledger mismatches are counted, and
must be 0.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from overspill import Engine, Request
from overspill.account.effects import apply
from overspill.account.state import Account, pack, unpack
from overspill.decide.admit import admit
from overspill.decide.decide import decide
from overspill.decide.effects import effects_of
from overspill.decide.render import render
from overspill.plan.program import Program, interpreted
from overspill.runtime.bundles import sources_of
from overspill.runtime.policies import compiled
from overspill.step.commands import Consume
from overspill.step.keys import identify
from overspill.step.step import step
from overspill.words.instants import DAY, HOUR, NEVER

NOW = 1_791_194_400_000_000
ACCOUNTS = 256
REQUESTS_A_SECOND = 50_000
"""More than can be decided."""
ROWS: list[dict[str, Any]] = []
encode = msgspec.msgpack.Encoder(enc_hook=lambda _: None).encode
"""The raw decision as compact bytes; what is absent as nil."""


def row(name: str, figure: float, unit: str, *, bar: str, holds: bool | None, beside: str = "") -> None:
    """One line of the table."""
    ROWS.append({"name": name, "figure": round(figure, 3), "unit": unit, "bar": bar, "holds": holds, "beside": beside})


def cpu(operations: dict[str, Callable[[int], object]], rounds: int, count: int) -> dict[str, float]:
    """CPU microseconds per call, the least of `rounds`, taken in turns; each call gets a running number."""
    least = dict.fromkeys(operations, float("inf"))
    gc.collect()
    gc.freeze()
    for _ in range(rounds):
        for name, operation in operations.items():
            start = time.process_time_ns()
            for number in range(count):
                operation(number)
            least[name] = min(least[name], (time.process_time_ns() - start) / count / 1000)
    gc.unfreeze()
    return least


# ---- decisions in process


def _account(number: int, *, exhausted: bool) -> Account:
    """One of many alike, so that no figure is a cache's."""
    chance = random.Random(number)
    five = 60_000_000 - (3_000_000 if exhausted else 30_000_000 + chance.randrange(10**6))
    lots = (("P1", 1_000_000 + chance.randrange(10**6), 0, NOW + DAY, 0, 0, 2_000_000),)
    credits = (("C1", 500_000_000 + chance.randrange(10**6), 0, NEVER, 0, 1, 600_000_000),)
    windows = {
        "plan_windows.five_hours": (number, NOW - HOUR, NOW + HOUR, five),
        "plan_windows.week": (7, NOW - DAY, NOW + DAY, 100_000_000 + chance.randrange(10**6)),
    }
    return Account(number, 0, {"plan": "plus"}, windows, {"promo": lots, "credits": credits}, {})


def _requests(tokens: int) -> list[Request]:
    return [
        Request(
            id=f"req-{number:08d}",
            account={"user": f"u_{number:06d}"},
            fields={"product": "codex", "model": "gpt-5.5", "speed": "fast"},
            meters={
                "input_tokens": tokens + number * 7,
                "cached_input_tokens": tokens // 2,
                "output_tokens": tokens // 10,
            },
        )
        for number in range(ACCOUNTS)
    ]


def decisions(rounds: int, count: int) -> None:
    """Decide with trace captured; with its full JSON; complete in process."""
    program = compiled(sources_of("codex_sora"))
    plain = Program(program.plan, interpreted)
    for name, tokens, bars in (("windows cover", 900, (1.5, 5.0)), ("all layers", 90_000, (4.0, 14.0))):
        accounts = [_account(number, exhausted=tokens > 1000) for number in range(ACCOUNTS)]
        requests = _requests(tokens)
        admitted = [admit(program.plan, request) for request in requests]
        commands = [identify(Consume(tenant="default", request=request)) for request in requests]
        function, slow = program.function_of(0), plain.function_of(0)
        packed = {f"u_{number:06d}": pack(account) for number, account in enumerate(accounts)}

        def raw(
            number: int,
            function: Any = function,
            requests: Any = requests,
            admitted: Any = admitted,
            accounts: Any = accounts,
        ) -> object:
            at = number % ACCOUNTS
            request = requests[at]
            return function(request.fields, request.meters, admitted[at].ids, (accounts[at], None), NOW)

        def interpreter(number: int, slow: Any = slow, raw: Any = raw) -> object:
            return raw(number, slow)

        def full(number: int, commands: Any = commands, admitted: Any = admitted, accounts: Any = accounts) -> object:
            at = number % ACCOUNTS
            command = commands[at]
            decided = decide(program, admitted[at], (accounts[at], None), NOW)
            return render(
                decided,
                id=command.id,
                request_json=command.payload.decode(),
                request_digest=command.fingerprint,
                account_version=7,
                hold=None,
            ).json

        def complete(number: int, requests: Any = requests, admitted: Any = admitted, packed: Any = packed) -> object:
            at = number % ACCOUNTS
            key = f"u_{at:06d}"
            account = unpack(packed[key])
            decided = decide(program, admitted[at], (account, None), NOW)
            after = apply(account, effects_of(decided, (key, None))[key], NOW)
            packed[key + "'"] = pack(after)
            return encode((requests[at].id, decided.raw))

        found = cpu({"raw": raw, "interpreter": interpreter, "full": full, "complete": complete}, rounds, count)
        ratio = f"interpreter {found['interpreter'] / found['raw']:.1f}×"
        row(
            f"decide, trace captured, {name}",
            found["raw"],
            "µs CPU",
            bar=f"≤ {bars[0]}",
            holds=found["raw"] <= bars[0],
            beside=ratio,
        )
        row(
            f"decide with full JSON trace, {name}",
            found["full"],
            "µs CPU",
            bar=f"≤ {bars[1]}",
            holds=found["full"] <= bars[1],
            beside=f"{found['full'] / found['raw']:.1f}× captured",
        )
        rate = 1e6 / found["complete"]
        row(
            f"complete in process, {name}",
            rate,
            "/s a core",
            bar="≥ 120000",
            holds=rate >= 120_000 if tokens < 1000 else None,
            beside=f"{found['complete'] / found['raw']:.1f}× captured",
        )


# ---- growth


def _layers(products: int) -> str:
    """Five layers a product; the bundle grows, the request's own waterfall does not."""
    parts = [
        "policy grown version 1; language 1; unit credits: decimal(2);",
        "account user { plan: string; }",
        "request { product: string; model: string; tokens: meter; }",
        "rate_card card { price in credits per 100 by request.model; from 2026-01-01T00:00:00Z { default: tokens 1; } }",
    ]
    for number in range(products):
        names = [f"{kind}{number}" for kind in ("a", "b", "c", "d", "e")]
        for name in names[:2]:
            parts.append(
                f"limit {name} {{ per user; unit credits; window w: 5h from first_use; "
                f'capacity by user.plan {{ "plus": w {number + 10} credits; default: w 0 credits; }} }}'
            )
        parts += [
            f'pool {name} {{ per user; unit credits; skip s when user.plan == "p{number}"; }}' for name in names[2:]
        ]
        draws = " ".join(f"draw {name};" for name in names)
        parts.append(
            f'waterfall w{number} {{ serves request.product == "p{number}"; priced by card; {draws} otherwise deny used_up; }}'
        )
    return "\n".join(parts)


def growth(rounds: int, count: int, quick: bool) -> None:
    """Compiling 1,000 and 10,000 layers from text, and the latency from 5 to the most layers in one bundle."""
    sizes = (1, 200) if quick else (1, 200, 2000)
    compiling: dict[int, float] = {}
    operations: dict[str, Callable[[int], object]] = {}
    for products in sizes:
        text = _layers(products)
        parts = _split(text)
        start = time.perf_counter()
        program = compiled(parts)
        compiling[products * 5] = time.perf_counter() - start
        last = products - 1
        account = Account(1, 0, {"plan": "plus"}, {f"a{last}.w": (1, NOW - HOUR, NOW + HOUR, 5)}, {}, {})
        request = Request(
            id="r", account={"user": "u"}, fields={"product": f"p{last}", "model": "m"}, meters={"tokens": 50}
        )
        admitted = admit(program.plan, request)
        operations[str(products * 5)] = lambda _, p=program, a=admitted, s=account: decide(p, a, (s,), NOW)
    for layers, most in ((1000, 0.5), (10_000, 5.0)):
        if layers in compiling:
            seconds = compiling[layers]
            row(f"compile {layers:,} layers from text", seconds, "s", bar=f"≤ {most}", holds=seconds <= most)
    if not quick:
        ratio = compiling[10_000] / compiling[1000]
        row("compile, 10,000 layers to 1,000", ratio, "×", bar="≤ 12", holds=ratio <= 12)
    found = cpu(operations, rounds, count)
    small, large = found[str(sizes[0] * 5)], found[str(sizes[-1] * 5)]
    row(
        f"latency, {sizes[-1] * 5} layers to 5",
        large / small,
        "×",
        bar="≤ 1.25",
        holds=large / small <= 1.25,
        beside=f"{large:.2f} to {small:.2f} µs",
    )


def _split(text: str) -> dict[str, bytes]:
    """Files of at most 200 KiB, as the reader wants them."""
    files: dict[str, bytes] = {}
    chunk: list[str] = []
    for line in [*text.split("\n"), ""]:
        if chunk and (not line or sum(map(len, chunk)) > 150_000):
            files[f"f{len(files):04d}.spill"] = "\n".join(chunk).encode()
            chunk = []
        chunk.append(line)
    return files


# ---- durable


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="overspill-bench-", dir=os.environ.get("BENCH_DIR")))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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
    with _folder() as folder:
        engine = _open(folder)
        single, latencies, number, start = 0.0, [], 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            before = time.perf_counter()
            errors += not engine.decide(_numbered(number)).allowed
            latencies.append(time.perf_counter() - before)
            number += 1
        single = number / (time.perf_counter() - start)
        latencies.sort()
        p50 = latencies[len(latencies) // 2] * 1000
        floor = _floor(folder, seconds)
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


# ---- policy tests

_CASE = """  - name: case {0}
    given: {{windows: {{plan_windows.five_hours: {{used: {1} credits}}}}}}
    steps:
      - decide: {{product: codex, model: gpt-5.5, input_tokens: {2}, cached_input_tokens: 0, output_tokens: 0}}
        expect: {{outcome: allow, granted: {3}, draws: {{plan_windows: {3}}}}}
"""


class _Plans:
    """What `step` asks for its programs."""

    def __init__(self) -> None:
        self.program = compiled(sources_of("codex_sora"))

    def active(self) -> Program:
        return self.program

    def of(self, digest: str) -> Program:
        return self.program


def policy_tests(cases: int, files: int = 4) -> None:
    """CPU of the whole process that runs `cases` simple cases; the floor is as many bare steps, answers written, in this one."""
    commands = [identify(Consume(tenant="case", request=request)) for request in _requests(900)]
    account, plans = _account(1, exhausted=False), _Plans()
    bare = cpu(
        {"step": lambda number: step(plans, lambda _: account, commands[number % ACCOUNTS], NOW, 1).answer}, 3, cases
    )
    floor = bare["step"] * cases / 1e6
    with _folder() as folder:
        for name, text in sources_of("codex_sora").items():
            (folder / name).write_bytes(text)
        for number in range(files):
            texts = [_CASE.format(at, at % 50, 8000 * (at % 4 + 1), at % 4 + 1) for at in range(number, cases, files)]
            text = "given: {attributes: {plan: plus}}\ncases:\n" + "".join(texts)
            (folder / f"t{number}.test.yaml").write_text(text)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "overspill", "test", str(folder)], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    row(
        f"overspill test, {cases} simple cases, cold",
        used,
        "s CPU",
        bar="≤ 2 for 1000",
        holds=used * 1000 <= 2 * cases if cases >= 1000 else None,
        beside=f"{used / floor:.0f}× bare steps ({floor:.3f} s)",
    )


# ---- starts


def starts(times: int) -> None:
    """Cold processes, beside an empty one."""
    bare = _cold(times, "pass")
    imported = _cold(times, "from overspill import *") - bare
    row(
        "from overspill import *",
        imported * 1000,
        "ms",
        bar="≤ 60",
        holds=imported <= 0.060,
        beside=f"an empty process {bare * 1000:.0f} ms",
    )
    path = Path(__file__).parent.parent / "policies" / "overspill_policies" / "codex_sora"
    checked = _cold(times, f"from overspill.cli.main import run; run(['check', {str(path)!r}])")
    row("cold check of the shipped policy", checked * 1000, "ms", bar="≤ 250", holds=checked <= 0.250)


def _cold(times: int, code: str) -> float:
    # Bytecode is cached as for any installed package; the first run, which writes it, does not count.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=environment)
    least = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=environment)
        least = min(least, time.perf_counter() - start)
    return least


# ---- peers

_PEER = """
import json, sys, time
import cedarpy
policy = 'permit(principal, action == Action::"use", resource) when {{ resource.product == "codex" && !principal.suspended && principal.used < 60000000 }};'
entities = [
    {"uid": {"type": "User", "id": "u"}, "attrs": {"suspended": False, "used": 5, "plan": "plus"}, "parents": []},
    {"uid": {"type": "Product", "id": "p"}, "attrs": {"product": "codex"}, "parents": []},
]
request = {"principal": 'User::"u"', "action": 'Action::"use"', "resource": 'Product::"p"', "context": {}}
policy = policy.replace("{{", "{").replace("}}", "}")
assert cedarpy.is_authorized(request, policy, entities).allowed
least = float("inf")
for _ in range(5):
    start = time.process_time_ns()
    for _ in range(2000):
        cedarpy.is_authorized(request, policy, entities)
    least = min(least, (time.process_time_ns() - start) / 2000 / 1000)
print(least)
"""


def peers() -> None:
    """cedarpy with one policy, in an environment of its own."""
    with _folder() as folder:
        venv.create(folder / "env", with_pip=True)
        python = str(folder / "env" / "bin" / "python")
        subprocess.run([python, "-m", "pip", "install", "-q", "cedarpy"], check=True)
        theirs = float(subprocess.run([python, "-c", _PEER], check=True, capture_output=True, text=True).stdout)
    for name, least in (("windows cover", 20), ("all layers", 8)):
        ours = next(one["figure"] for one in ROWS if one["name"] == f"decide, trace captured, {name}")
        row(
            f"cedarpy, one policy, to decide, {name}",
            theirs / ours,
            "×",
            bar=f"≥ {least}",
            holds=theirs / ours >= least,
            beside=f"{theirs:.1f} µs",
        )


def main() -> int:
    """Prints the table; exits 1 when a bar does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    parser.add_argument("--peers", action="store_true", help="compare with cedarpy, installed for the purpose")
    arguments = parser.parse_args()
    rounds, count, seconds = (3, 3000, 0.5) if arguments.quick else (9, 10_000, 3.0)
    decisions(rounds, count)
    growth(rounds, count, arguments.quick)
    durable(seconds)
    policy_tests(1000)
    starts(3 if arguments.quick else 7)
    if arguments.peers:
        peers()
    if arguments.json:
        print(json.dumps(ROWS, indent=1))
    else:
        for one in ROWS:
            mark = {True: "✓", False: "✗", None: " "}[one["holds"]]
            print(
                f"{mark} {one['name']:<46} {one['figure']:>12,.2f} {one['unit']:<10} {one['bar']:<28} {one['beside']}"
            )
    return 1 if any(one["holds"] is False for one in ROWS) else 0


if __name__ == "__main__":
    sys.exit(main())
