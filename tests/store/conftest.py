"""`place`: each kind of store in turn, empty; `shared`: those that several processes can open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from overspill.ports.store import Store
from store.places import Place, file_in


def _place(kind: str, request: pytest.FixtureRequest) -> Place:
    if kind == "postgres":
        return Place(kind, request.getfixturevalue("postgres").database())
    folder: Path = request.getfixturevalue("tmp_path")
    return file_in(folder) if kind == "sqlite" else Place(kind, None)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def place(request: pytest.FixtureRequest) -> Place:
    return _place(request.param, request)


@pytest.fixture(params=["sqlite", "postgres"])
def shared(request: pytest.FixtureRequest) -> Place:
    return _place(request.param, request)


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    store = place.open()
    yield store
    store.close()


@pytest.fixture
def url(postgres: object) -> str:
    """An empty database of PostgreSQL."""
    return postgres.database()  # type: ignore[attr-defined,no-any-return]
