"""Shared by all tests: hypothesis profiles, and `--rule W4` to run what shows a rule of the language."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from overspill import Engine

if TYPE_CHECKING:
    from support import nats as nats_server
    from support.postgres import Server

settings.register_profile(
    "default", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=False
)
settings.register_profile("ci", parent=settings.get_profile("default"), max_examples=100, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(autouse=True)
def _engines_closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Closes every engine that a test opened and left open, as a process that ends would."""
    opened: list[Engine] = []
    real = Engine.open.__func__  # type: ignore[attr-defined]

    def tracked(cls: type[Engine], *arguments: object, **options: object) -> Engine:
        engine: Engine = real(cls, *arguments, **options)
        opened.append(engine)
        return engine

    monkeypatch.setattr(Engine, "open", classmethod(tracked))
    yield
    for engine in opened:
        engine.close()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rule", help="run the tests that show this rule of the language, such as W4")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    rule = config.getoption("--rule")
    if rule:
        items[:] = [item for item in items if any(mark.args[0] == rule for mark in item.iter_markers("rule"))]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server, started when the first test asks for it."""
    from support.postgres import Server

    with Server() as server:
        yield server


@pytest.fixture
def postgres_alone() -> Iterator[Server]:
    """A PostgreSQL server of one test, which may kill it."""
    from support.postgres import Server

    with Server() as server:
        yield server


@pytest.fixture(scope="session")
def nats() -> Iterator[nats_server.Server]:
    """A NATS server with JetStream, started when the first test asks for it."""
    from support.nats import Server

    with Server() as server:
        yield server


@pytest.fixture
def service() -> Iterator[dict[str, str]]:
    """A service with the demo's account that listens on loopback: what a client finds in its environment."""
    from support.services import with_ana
    from support.serving import serving

    with serving() as (one, url):
        with_ana(one)
        yield {"OVERSPILL_URL": url, "OVERSPILL_KEY": one.all.key}
