"""`overspill doctor`: what would keep it from working well, each with its remedy. Nothing is changed."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import click

from overspill.cli.io import format_option, out, out_json, policy_option, there
from overspill.runtime.build import build
from overspill.runtime.bundles import sources_of
from overspill.runtime.clock import SystemClock
from overspill.runtime.policies import compiled
from overspill.store.described import Described, described
from overspill.store.opened import is_url, looked_into
from overspill.store.registry import opened_registry
from overspill.words.codec import Struct, json_decoder
from overspill.words.failures import Failure
from overspill.words.instants import MINUTE, SECOND, instant_text

EXTRAS = {
    "server": "uvicorn",
    "postgres": "psycopg",
    "nats": "nats",
    "client": "httpx2",
    "checkpoints": "cryptography",
    "parquet": "duckdb",
    "otel": "opentelemetry.sdk",
}
LAG_MAX = 5 * MINUTE
FREE_MIN = 256 * 1024 * 1024
AHEAD_MAX = 2 * SECOND
SECONDS = 5


class Found(Struct, frozen=True, kw_only=True):
    """`ok` None: it is only told."""

    name: str
    ok: bool | None
    detail: str
    help: str = ""


@click.command()
@click.option("--db", type=click.Path(), help="The database that it works on.")
@click.option("--url", help="A service that runs: http://127.0.0.1:8080.")
@policy_option
@format_option("text", "json")
def doctor(db: str | None, url: str | None, policy: str, format_: str) -> int:
    """Look for what would keep it from working well, each with its remedy. Exit code 1 where there is something.

    \b
    overspill doctor --db x.db
    """
    found = [*_program(), *_policy(policy)]
    found += [] if db is None else _database(there(db))
    found += [] if url is None else _service(url)
    if format_ == "json":
        out_json(found)
    else:
        for one in found:
            mark = {True: "ok", False: "bad", None: "-"}[one.ok]
            out(f"{mark:<4} {one.name:<10} {one.detail}" + (f": {one.help}" if one.help else ""))
    return 1 if any(one.ok is False for one in found) else 0


def _program() -> Iterator[Found]:
    own = build()
    yield Found(name="program", ok=True, detail=f"overspill {own.overspill}, Python {platform.python_version()}")
    yield Found(name="zones", ok=True, detail=f"tzdata {own.tzdata}")
    for extra, module in EXTRAS.items():
        if not _is_installed(module):
            help = f'pip install "overspill[{extra}]" where it is wanted'
            yield Found(name="extra", ok=None, detail=f"{extra} is not installed", help=help)


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # a parent of it is not there
        return False


def _policy(policy: str) -> Iterator[Found]:
    try:
        plan = compiled(sources_of(policy)).plan
    except Failure as failure:
        yield Found(name="policy", ok=False, detail=failure.message, help=failure.help or "see `overspill check`")
        return
    yield Found(name="policy", ok=True, detail=f"{plan.name} {plan.version} {plan.digest[:19]}")


# ---- the database


def _database(db: str) -> Iterator[Found]:
    try:
        with closing(looked_into(db)) as store:
            told = described(store)
            last = store.record(told.records).at if told.records else 0
    except Failure as failure:
        yield Found(name="database", ok=False, detail=failure.message, help=failure.help or "")
        return
    yield Found(name="database", ok=True, detail=f"{told.kind}, {told.records} records, {told.bytes} bytes")
    if told.lacks:
        yield Found(name="schema", ok=False, detail=f"lacks {', '.join(told.lacks)}", help="overspill db migrate")
        return
    if told.restored is not None:
        detail = f"was put back from {told.restored.source}, and nobody has accepted what it lacks"
        yield Found(name="restored", ok=False, detail=detail, help="overspill db accept, or db recover")
    yield from _settlement(told)
    yield from _clock(last)
    if not is_url(db):
        yield _space(db)
    yield from _keys(db)


def _settlement(told: Described) -> Iterator[Found]:
    state = told.settling
    if state is None:
        return
    lag = state.lag(SystemClock().now())
    help = "" if lag <= LAG_MAX else "run an engine, a service or `overspill worker`"
    detail = f"through record {state.through}, {state.waiting} wait, the oldest for {lag // SECOND} s"
    yield Found(name="settlement", ok=lag <= LAG_MAX, detail=detail, help=help)
    if state.parked:
        help = "see `overspill reconcile`"
        yield Found(name="parked", ok=False, detail=f"{state.parked} records could not be posted", help=help)


def _clock(last: int) -> Iterator[Found]:
    ahead = last - SystemClock().now()
    if ahead > AHEAD_MAX:
        detail = f"this machine is {ahead // SECOND} s behind the journal, which ends at {instant_text(last)}"
        yield Found(name="clock", ok=False, detail=detail, help="set the clock of this machine")
    else:
        yield Found(name="clock", ok=True, detail="not behind the journal")


def _space(db: str) -> Found:
    free = shutil.disk_usage(Path(db).resolve().parent).free
    help = "" if free >= FREE_MIN else "make room: a full disk refuses decisions"
    return Found(name="disk", ok=free >= FREE_MIN, detail=f"{free // 1_000_000} MB are free", help=help)


def _keys(db: str) -> Iterator[Found]:
    now = SystemClock().now()
    with closing(opened_registry(db)) as registry:
        good = [
            key
            for key in registry.list_keys()
            if key.revoked_at is None and (key.expires_at is None or key.expires_at > now)
        ]
    help = "" if good else "overspill keys create, where it is to serve"
    yield Found(name="keys", ok=None if not good else True, detail=f"{len(good)} are good", help=help)


# ---- a service that runs


class _Check(Struct, frozen=True):
    name: str
    ok: bool
    detail: str


class _Readiness(Struct, frozen=True):
    checks: tuple[_Check, ...]


_readiness = json_decoder(_Readiness).decode


def _service(url: str) -> Iterator[Found]:
    if not url.startswith(("http://", "https://")):
        raise click.UsageError("--url is an address such as http://127.0.0.1:8080")
    try:
        with urlopen(f"{url.rstrip('/')}/readyz", timeout=SECONDS) as answer:
            body = answer.read()
    except (OSError, HTTPException) as error:
        body = error.read() if isinstance(error, HTTPError) else b""
        if not body:
            why = error.reason if isinstance(error, URLError) else "it speaks no HTTP, or says nothing"
            yield Found(
                name="service", ok=False, detail=f"{url} does not answer: {why}", help="start it, or name another"
            )
            return
    try:
        checks = _readiness(body).checks
    except ValueError:
        yield Found(name="service", ok=False, detail=f"{url} is no service of Overspill", help="name another")
        return
    for one in checks:
        yield Found(name="service", ok=one.ok, detail=f"{one.name}: {one.detail}")
