"""`overspill doctor`: what is well is told, and what is not has its remedy and exit code 1."""

from __future__ import annotations

import json
import socket
import sqlite3
import threading
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from overspill import Engine
from overspill.cli.doctor import EXTRAS
from overspill.cli.main import run
from overspill.runtime.clock import SystemClock
from support.serving import serving

DAY = 86_400 * 1_000_000


class Ahead(SystemClock):
    def now(self) -> int:
        return super().now() + DAY


def _made(folder: Path, **options: Any) -> Path:
    db = folder / "x.db"
    with Engine.open(db=db, **options) as engine:
        engine.grant({"user": "u_ana"}, "credits", "50", id="C1")
    return db


def _asked(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, dict[str, Any]]]:
    code = run(["doctor", *map(str, arguments), "--format", "json"])
    return code, {one["name"]: one for one in json.loads(capsys.readouterr().out)}


def test_what_is_well_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = _asked(capsys, "--db", _made(tmp_path))
    assert code == 0
    assert {name: one["ok"] for name, one in found.items() if name != "extra"} == {
        "program": True,
        "zones": True,
        "policy": True,
        "database": True,
        "settlement": True,
        "clock": True,
        "disk": True,
        "keys": None,
    }


DEVELOPERS = {"dev", "differential", "fuzz", "prove"}
"""Extras that no installation wants."""


def test_every_extra_is_looked_for() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    assert set(EXTRAS) == set(project["optional-dependencies"]) - DEVELOPERS


def _ahead(folder: Path) -> list[object]:
    return ["--db", _made(folder, clock=Ahead())]


def _unsettled(folder: Path) -> list[object]:
    class Behind(SystemClock):
        def now(self) -> int:
            return super().now() - DAY

    return ["--db", _made(folder, clock=Behind(), settle=False)]


def _old(folder: Path) -> list[object]:
    db = _made(folder)
    file = sqlite3.connect(db)
    file.executescript("DROP TABLE api_keys; DROP TABLE admin_log; PRAGMA user_version = 9")
    file.execute("DELETE FROM migrations WHERE number > 9")
    file.commit()
    file.close()
    return ["--db", db]


def _no_database(folder: Path) -> list[object]:
    (folder / "x.db").write_text("something else, and long enough to be looked at " * 20)
    return ["--db", folder / "x.db"]


def _bad_policy(folder: Path) -> list[object]:
    (folder / "p.spill").write_text("policy p version")
    return ["-p", folder / "p.spill"]


ILL: dict[str, tuple[Callable[[Path], list[object]], str, str]] = {
    "a clock behind the journal": (_ahead, "clock", "set the clock of this machine"),
    "nobody settles": (_unsettled, "settlement", "run an engine, a service or `overspill worker`"),
    "an older schema": (_old, "schema", "overspill db migrate"),
    "no database": (_no_database, "database", ""),
    "a policy with faults": (_bad_policy, "policy", ""),
    "a service that is not there": (lambda _: ["--url", "http://127.0.0.1:9"], "service", "start it, or name another"),
}


@pytest.mark.parametrize("greeting", [b"INFO {}\r\n", b"", b"\x00" * 99], ids=["another protocol", "nothing", "zeros"])
def test_a_server_that_speaks_no_http_is_no_service(capsys: pytest.CaptureFixture[str], greeting: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            peer, _ = server.accept()
            with peer:
                peer.recv(65536)
                peer.sendall(greeting)

        other = threading.Thread(target=greet)
        other.start()
        code, found = _asked(capsys, "--url", f"http://127.0.0.1:{server.getsockname()[1]}")
        other.join()
    assert (code, found["service"]["ok"], found["service"]["help"]) == (1, False, "start it, or name another")


@pytest.mark.parametrize("make, name, help", ILL.values(), ids=ILL)
def test_what_is_not_well_has_its_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], make: Callable[[Path], list[object]], name: str, help: str
) -> None:
    code, found = _asked(capsys, *make(tmp_path))
    assert (code, found[name]["ok"]) == (1, False)
    assert found[name]["help"] if not help else found[name]["help"] == help


def test_a_service_is_asked_how_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with serving() as (_, url):
        code, found = _asked(capsys, "--url", url)
    assert (code, found["service"]["ok"]) == (0, True)
