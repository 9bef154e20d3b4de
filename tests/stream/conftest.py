"""`db`: an SQLite file and a database of PostgreSQL in turn, empty. `stream`: a name that no stream has yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.nats import Server


@pytest.fixture(params=["sqlite", "postgres"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres").database())
    return str(tmp_path / "x.db")


@pytest.fixture
def file(tmp_path: Path) -> str:
    """An SQLite file, for what is the same in every store."""
    return str(tmp_path / "x.db")


@pytest.fixture
def stream(nats: Server) -> str:
    return nats.stream()
