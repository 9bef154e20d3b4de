"""`place`: each kind of store in turn, empty; `shared`: those that several processes can open; `world`: one with a simulated
journal, settled, and `whole`: its export."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from book.settled import copied, settled
from overspill.ports.store import Store
from overspill.store.export_writer import export
from overspill.store.opened import opened
from store.exports import BUILD, SEED
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


@pytest.fixture(scope="module")
def world() -> Iterator[Store]:
    store = opened(None)
    yield settled(copied(SEED, store))
    store.close()


@pytest.fixture(scope="module")
def whole(world: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of all of it, in every form."""
    target = tmp_path_factory.mktemp("exports") / "whole"
    export(world, target, BUILD, formats=("csv", "parquet"))
    return target
