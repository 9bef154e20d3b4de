"""`overspill serve`: decisions over HTTP, until it is told to stop."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

from overspill.cli.io import policy_option, say
from overspill.runtime.engine import Engine
from overspill.store.registry import opened_registry
from overspill.words.failures import Failure

if TYPE_CHECKING:
    from overspill.serve.service import Service

DEV_DB = "overspill-dev.db"
DEV_TENANT = "default"


@click.command()
@click.option(
    "--db", type=click.Path(), help="The database: a file, made when it is not there, or a postgresql:// URL."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0: any that is free.")
@click.option(
    "--dev", is_flag=True, help=f"Try it: {DEV_DB} with the demo's account, and a key that may do everything."
)
@policy_option
def serve(db: str | None, host: str, port: int, dev: bool, policy: str) -> int:
    """Serve decisions over HTTP.

    \b
    overspill serve --dev                            a key, printed once, and an account to try it with
    overspill keys create --tenant acme --db x.db    a key, then:
    overspill serve --db x.db --port 8080
    """
    if db is None and not dev:
        raise click.UsageError("name a database with --db, or try it with --dev")
    _needs_server()
    path = db or DEV_DB
    with _listening(host, port) as listener, _service(path, policy) as service:
        if dev:
            _prepare(service)
        run(service, listener)
    return 0


def _needs_server() -> None:
    if any(find_spec(name) is None for name in ("starlette", "uvicorn", "uvloop", "httptools")):
        what = "the service needs Starlette and uvicorn, which are not installed"
        raise Failure("missing_extra", what, help='pip install "overspill[server]"') from None


@contextlib.contextmanager
def _service(db: str, policy: str) -> Iterator[Service]:
    from overspill.serve.service import Service

    with Engine.open(policy, db=db) as engine, contextlib.closing(opened_registry(db)) as registry:
        service = Service(engine, registry)
        try:
            yield service
        finally:
            service.credentials.tell()


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
            raise Failure("no_port", what, help="name another with --port; 0 is any that is free") from None
        yield listener


def run(service: Service, listener: socket.socket) -> None:
    """Until SIGTERM or SIGINT: what is under way is answered, then it ends."""
    import uvicorn

    from overspill.runtime.build import build
    from overspill.serve.app import App
    from overspill.serve.openapi import described
    from overspill.serve.operations import OPERATIONS

    operations = (*OPERATIONS, described(OPERATIONS, build().overspill))
    config = uvicorn.Config(
        App(service, operations),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=30,
        backlog=1024,
    )
    host, port = listener.getsockname()[:2]
    say(f"serving on http://{f'[{host}]' if ':' in host else host}:{port}")
    uvicorn.Server(config).run(sockets=[listener])


def _prepare(service: Service) -> None:
    """The demo's account, and a key for everything."""
    from overspill.cli.keys import put_key
    from overspill.serve.credentials import SCOPES

    engine = service.engine_of(DEV_TENANT)
    account = {"user": "u_ana"}
    engine.set_attributes(account, {"plan": "plus"}, id="signup", actor="demo")
    engine.grant(account, "promo", "2", id="P1", category="promotional", actor="demo")
    engine.grant(account, "credits", "50", id="C1", actor="demo")
    text, _ = put_key(service.registry, DEV_TENANT, "dev", SCOPES, engine.now(), None)
    say(f"the key, shown this once: {text}")
