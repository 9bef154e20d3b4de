"""`overspill serve`: decisions over HTTP, until it is told to stop."""

from __future__ import annotations

import contextlib
import errno
import gc
import socket
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from overspill.cli.beside import settled_beside
from overspill.cli.huge_pages import in_huge_pages
from overspill.cli.io import anchor_option, policy_option, say
from overspill.cli.libraries import libraries_told
from overspill.cli.telemetry import telemetry
from overspill.hooks.delivering import delivering
from overspill.hooks.reach import LOOPBACK, Reach, networks
from overspill.runtime.engine import Engine
from overspill.store.registry import opened_registry
from overspill.words.failures import Failure, StoreFailure

if TYPE_CHECKING:
    from overspill.serve.credentials import Tokens
    from overspill.serve.gateway import Gateway
    from overspill.serve.metrics import Metrics
    from overspill.serve.observing import Seen
    from overspill.serve.service import Service

DEV_DB = "overspill-dev.db"
DEV_TENANT = "default"
NEEDED = ("httptools", "jwt", "prometheus_client", "starlette", "uvicorn", "uvloop")
BACKLOG = 1024
KEEP_SECONDS = 75
"""So long a connection that says nothing is kept for its next call."""
GARBAGE_EVERY = 20_000
"""Objects more than before that are looked through for cycles; a thousand calls at once have that many."""
SWITCH_SECONDS = 0.0005
"""So long a thread that settles or commits may have the interpreter while the loop waits for it, which it does at each turn."""
GRACE_SECONDS = 30
"""So long calls that are under way may take when it is told to stop."""


@click.command()
@click.option(
    "--db", type=click.Path(), help="The database: a file, made when it is not there, or a postgresql:// URL."
)
@anchor_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0: any that is free.")
@click.option(
    "--dev", is_flag=True, help=f"Try it: {DEV_DB} with the demo's account, and a key that may do everything."
)
@click.option("--issuers", type=click.Path(), help="A JSON file of the issuers whose tokens are good here.")
@click.option("--url", help="Where callers find it (https://…), for the metadata of AuthZEN.")
@click.option("--gateway", type=click.Path(), help="A YAML file of what the calls are that a gateway asks about.")
@click.option(
    "--log",
    type=click.Choice(["changes", "calls"]),
    default="changes",
    show_default=True,
    help="Which calls have a line on standard error: those that change accounts otherwise than by a decision, and failures; or all.",
)
@click.option("--at-once", type=click.IntRange(1), default=256, show_default=True, help="Calls of a tenant at once.")
@click.option("--total", type=click.IntRange(1), default=1024, show_default=True, help="Calls of all tenants at once.")
@click.option("--holds", type=click.IntRange(1), default=100_000, show_default=True, help="Open holds of a tenant.")
@click.option(
    "--settle/--no-settle",
    default=True,
    show_default=True,
    help="Settle too, in a process beside, or leave it to workers.",
)
@click.option("--hooks/--no-hooks", default=True, show_default=True, help="Deliver webhooks too.")
@click.option(
    "--hooks-allow",
    "allowed",
    multiple=True,
    metavar="NETWORK",
    help="A network beside the public ones that endpoints of webhooks may be in, also by http: 10.0.0.0/8.",
)
@policy_option
def serve(
    db: str | None,
    anchor: str | None,
    host: str,
    port: int,
    dev: bool,
    issuers: str | None,
    url: str | None,
    gateway: str | None,
    log: str,
    at_once: int,
    total: int,
    holds: int,
    settle: bool,
    hooks: bool,
    allowed: tuple[str, ...],
    policy: str,
) -> int:
    """Serve decisions over HTTP.

    \b
    overspill serve --dev                            a key, printed once, and an account to try it with
    overspill keys create --tenant acme --db x.db    a key, then:
    overspill serve --db x.db --port 8080
    """
    if db is None and not dev:
        raise click.UsageError("name a database with --db, or try it with --dev")
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        what = f"the service needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed"
        raise Failure("missing_extra", what, help='pip install "overspill[server]"')
    from overspill.serve.observing import Lines
    from overspill.serve.service import Limits

    limits = Limits(at_once=at_once, total=total, holds=holds)
    tokens = None if issuers is None else _tokens(issuers)
    rules = None if gateway is None else _gateway(gateway)
    path, reach = db or DEV_DB, Reach(networks((*allowed, *(LOOPBACK if dev else ()))))
    parts = {"limits": limits, "tokens": tokens, "url": _checked(url), "gateway": rules, "reach": reach}
    with _listening(host, port) as listener, _service(path, anchor, policy, parts) as service:
        if rules is not None:
            rules.check(service.engine.policies.active().plan)
        if dev:
            _prepare(service)
        with (
            libraries_told(),
            settled_beside(service.engine, path, anchor) if settle else contextlib.nullcontext(),
            delivering(path, reach, service.tally) if hooks else contextlib.nullcontext(),
        ):
            run(service, listener, (Lines(log == "calls"),))
    return 0


# ---- its parts


def _tokens(path: str) -> Tokens:
    from overspill.serve.tokens import tokens_from

    return tokens_from(_read(path), path)


def _gateway(path: str) -> Gateway:
    from overspill.serve.gateway_file import gateway_from

    return gateway_from(_read(path), path)


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise Failure("unreadable", f"{path}: {error.strerror}", help="check its name and its permissions") from None


def _checked(url: str | None) -> str | None:
    from overspill.serve.authzen_metadata import checked_url

    return None if url is None else checked_url(url)


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that is bound before anything else is done: a port that is taken is said at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            what = f"{host}:{port} cannot be listened on: {error.strerror}"
            remedy = "name another with --port; 0 is any that is free"
            if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
                remedy = "name an address of this machine with --host, such as 127.0.0.1 or 0.0.0.0"
            raise Failure("no_port", what, help=remedy) from None
        yield listener


@contextlib.contextmanager
def _service(db: str, anchor: str | None, policy: str, parts: dict[str, Any]) -> Iterator[Service]:
    """One that is closed with what it stands on; `parts` are those that it may be given."""
    from overspill.serve.service import Service

    with (
        Engine.open(policy, db=db, settle=False, anchor=anchor) as engine,
        contextlib.closing(opened_registry(db)) as registry,
    ):
        service = Service(engine, registry, **parts)
        try:
            yield service
        finally:
            service.credentials.tell()


def run(service: Service, listener: socket.socket, seen: Sequence[Seen] = ()) -> None:
    """Until SIGTERM or SIGINT: what is under way is answered, then it ends."""
    from overspill.serve.metrics import Metrics

    metrics = Metrics(service)
    with telemetry(metrics) as traced:
        _run(service, listener, metrics, (metrics, *seen, *traced))


def _run(service: Service, listener: socket.socket, metrics: Metrics, seen: Sequence[Seen]) -> None:
    import uvicorn

    from overspill.cli.stopping import Quietly
    from overspill.runtime.build import build
    from overspill.serve.app import App
    from overspill.serve.lane import Lane
    from overspill.serve.operations import all_operations
    from overspill.serve.protocol import LaneProtocol

    app = App(service, all_operations(metrics, build().overspill), seen)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=partial(LaneProtocol, Lane(app)),  # type: ignore[arg-type]
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        backlog=BACKLOG,
    )
    listener.listen(BACKLOG)  # whoever connects before the loop runs waits for it
    gc.collect()
    gc.freeze()  # what is there by now stays, and need not be looked at again and again
    gc.set_threshold(GARBAGE_EVERY)  # calls that are under way are no garbage, and what they leave is in no cycle
    sys.setswitchinterval(SWITCH_SECONDS)
    host, port = listener.getsockname()[:2]
    say(f"serving on http://{f'[{host}]' if ':' in host else host}:{port}")
    with in_huge_pages():
        Quietly(config).run(sockets=[listener])


def _prepare(service: Service) -> None:
    """The demo's account, as far as the policy knows what it has, and a key for everything."""
    from overspill.cli.keys import put_key
    from overspill.serve.credentials import SCOPES

    engine = service.engine_of(DEV_TENANT)
    account = {"user": "u_ana"}
    for give in (
        partial(engine.set_attributes, account, {"plan": "plus"}, id="signup", actor="demo"),
        partial(engine.grant, account, "promo", "2", id="P1", category="promotional", actor="demo"),
        partial(engine.grant, account, "credits", "50", id="C1", actor="demo"),
    ):
        try:
            give()
        except StoreFailure:
            raise
        except Failure as failure:
            say(f"left out of the demo's account: {failure.message}")
    text, _ = put_key(service.registry, DEV_TENANT, "dev", SCOPES, engine.now(), None)
    say(f"the key, shown this once: {text}")
