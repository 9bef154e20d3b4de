"""A file system that finds an error in itself says of a sync under way that it has succeeded, and refuses the write behind it:
whoever is refused that acknowledges nothing."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from overspill import Engine, Request, StoreFailure
from overspill.store import anchor
from store.places import ANA, POLICY


def _request(id: str) -> Request:
    return Request(id=id, account=ANA, meters={"credits": 1})


def _refusing(number: int) -> None:
    raise OSError(number, os.strerror(number))


@pytest.mark.parametrize("number", [errno.EROFS, errno.EIO])
def test_a_commit_behind_which_the_disk_takes_no_write_is_acknowledged_to_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    with Engine.open(POLICY, db=tmp_path / "x.db", settle=False) as engine:
        engine.grant(ANA, "money", "10", id="C1")
        monkeypatch.setattr(anchor.os, "pwrite", lambda *_: _refusing(number))
        for code in ("disk_error", "store_stopped"):
            with pytest.raises(StoreFailure) as failure:
                engine.decide(_request("r1"))
            assert failure.value.code == code
        monkeypatch.undo()
    with Engine.open(POLICY, db=tmp_path / "x.db") as engine:
        assert engine.decide(_request("r1")).allowed


@pytest.mark.parametrize(("name", "number"), [("elsewhere", errno.EROFS), (None, errno.ENOSPC)])
def test_an_anchor_on_another_disk_or_without_room_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str | None, number: int
) -> None:
    named = None if name is None else tmp_path / name
    with Engine.open(POLICY, db=tmp_path / "x.db", settle=False, anchor=named) as engine:
        engine.grant(ANA, "money", "10", id="C1")
        monkeypatch.setattr(anchor.os, "pwrite", lambda *_: _refusing(number))
        assert engine.decide(_request("r1")).allowed
        monkeypatch.undo()


def test_an_anchor_that_could_never_be_written_is_refused_and_nothing_is_there(tmp_path: Path) -> None:
    with pytest.raises(StoreFailure) as failure:
        Engine.open(POLICY, db=tmp_path / "x.db", settle=False, anchor=tmp_path / "none" / "anchor")
    assert (failure.value.code, str(tmp_path / "none") in failure.value.message) == ("no_such_folder", True)
    assert list(tmp_path.iterdir()) == []
