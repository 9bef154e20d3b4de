"""`db`: an SQLite file and a database of PostgreSQL in turn, empty; `file`: a file, for what is the same in every store.
`receiver`: an endpoint on loopback that does what its script says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hooks.receiver import Receiver


@pytest.fixture(params=["sqlite", "postgres"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres").database())
    return str(tmp_path / "x.db")


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(tmp_path / "x.db")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as one:
        yield one
