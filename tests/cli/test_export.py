"""`export` through its own door: bounds as text, what it prints, and failures that leave nothing behind."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from cli.test_commands import run
from overspill import Engine
from overspill.store.export_reader import opened_export

ANA = {"user": "u_ana"}


@pytest.fixture
def db(tmp_path: Path) -> str:
    path = tmp_path / "x.db"
    with Engine.open("codex_sora", db=path) as engine:
        engine.set_attributes(ANA, {"plan": "plus"}, id="signup")
        for number in range(5):
            engine.grant(ANA, "credits", "50", id=f"C{number}")
    return "x.db"


def test_an_export_says_what_it_wrote(db: str, tmp_path: Path) -> None:
    done = run("export", "--db", db, "--out", "a", "--format", "csv", "--format", "jsonl", cwd=tmp_path)
    assert done.code == 0
    assert done.out.startswith("a  records 1 to 6, settled through ")
    manifest = opened_export(tmp_path / "a").manifest
    for name, facts in manifest.files.items():
        assert f"  {name:<28} {facts.rows:>10} row" in done.out
    assert [name for name in manifest.files if name.endswith(".csv")] == [
        "balance_updates.csv",
        "legs.csv",
        "monetization_events.csv",
        "usage_events.csv",
    ]
    assert "\x1b" not in done.err
    assert {*manifest.files, "manifest.json"} == {path.name for path in (tmp_path / "a").iterdir()}


def test_a_range_is_numbers_or_instants(db: str, tmp_path: Path) -> None:
    assert run("export", "--db", db, "--out", "a", "--from", "2", "--to", "4", cwd=tmp_path).code == 0
    found = opened_export(tmp_path / "a")
    assert (found.manifest.from_, found.manifest.to) == (2, 4)
    [first, *_] = found.records()
    at = json.loads(bytes(first.answer))["at"]
    assert run("export", "--db", db, "--out", "b", "--from", at, "--to", "2100-01-01T00:00:00Z", cwd=tmp_path).code == 0
    assert opened_export(tmp_path / "b").manifest.from_ == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--from", "yesterday"], "--from: `yesterday` is not an instant in UTC"),
        (["--to", "2026-01-01"], "--to: `2026-01-01` is not an instant in UTC"),
        (["--from", "-1"], "--from: `-1` is not an instant in UTC"),
        (["--from", "9" * 40], "is not an instant"),
        (["--from", "7"], "error[nothing_to_export]: the journal has no records from 7"),
        (["--to", "2001-01-01T00:00:00Z"], "the journal has no records from 1 to 2001-01-01T00:00:00Z"),
        (["--out", "no/a"], "there is no folder no"),
        (["--out", "x.db"], "error[exists]: x.db is there already"),
        (["--db", "y.db"], "there is no database y.db"),
    ],
)
def test_what_cannot_be_exported_is_one_error(db: str, tmp_path: Path, arguments: list[str], said: str) -> None:
    done = run("export", "--db", db, "--out", "a", *arguments, cwd=tmp_path)
    assert done.code in (2, 3)
    assert said in done.err
    assert "  = help: " in done.err
    assert not (tmp_path / "a").exists()


def test_parquet_needs_its_extra(db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from overspill.cli.main import run as run_here

    monkeypatch.setitem(sys.modules, "duckdb", None)
    monkeypatch.chdir(tmp_path)
    assert run_here(["export", "--db", db, "--out", "a", "--format", "parquet"]) == 2
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith((".a", "a"))] == []
