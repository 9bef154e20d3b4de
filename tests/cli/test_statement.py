"""`account statement` through its own door."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from book.scenes import ANA, NOON, Scene
from cli.test_commands import run
from overspill.store.opened import opened
from overspill.syntax.validate import problems
from overspill.words.instants import HOUR


@pytest.fixture
def db(tmp_path: Path) -> str:
    """Ana's credits, some used at noon and some an hour later."""
    scene = Scene("money", db=str(tmp_path / "x.db"))
    scene.grant("money", "10", "C")
    scene.consume(300)
    scene.clock.advance(HOUR)
    scene.consume(200)
    scene.engine.settle()
    scene.engine.close()
    return "x.db"


def test_a_statement_is_lines_or_json(db: str, tmp_path: Path) -> None:
    found = run("account", "statement", "user/ana", "--db", db, "--since", "2026-10-05T12:30:00Z", cwd=tmp_path)
    assert (found.code, found.err) == (0, "")
    lines = found.out.splitlines()
    assert lines[0] == "user/ana  from 2026-10-05T12:30:00.000000Z, settled through record 3"
    assert lines[1:4] == ["opening", "  money: 7 credits", "    lot C: 7"]
    assert lines[4].startswith("2026-10-05T13:00:00.000000Z  usage      money/C  -2 → 5 credits  dec_")
    assert lines[5:] == ["closing", "  money: 5 credits", "    lot C: 5"]
    told = json.loads(run("account", "statement", "ana", "--db", db, "--format", "json", cwd=tmp_path).out)
    assert [(one["why"], one["amount"]) for one in told["entries"]] == [
        ("granted", "10"),
        ("usage", "-3"),
        ("usage", "-2"),
    ]
    schema = json.loads((files("overspill_grammar") / "schemas" / "statement.schema.json").read_text())
    assert problems(told, schema) == []


def test_a_statement_as_csv_has_the_entries_of_its_json(db: str, tmp_path: Path) -> None:
    asked = ("account", "statement", "ana", "--db", db, "--format")
    told = json.loads(run(*asked, "json", cwd=tmp_path).out)["entries"]
    command = [sys.executable, "-m", "overspill", *asked, "csv"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    lines = done.stdout.decode("utf-8").split("\r\n")
    assert (lines[0], lines[-1], done.stderr) == (
        "seq,at,effective_at,kind,why,decision,request,hold,pool,of,lot,amount,held,unit,balance,balance_held,pool_settled",
        "",
        b"",
    )
    assert len(lines) == 2 + len(told) == 5
    rows = list(csv.DictReader(line + "\r\n" for line in lines[:-1]))
    assert rows == [{key: "" if cell is None else str(cell) for key, cell in entry.items()} for entry in told]


def test_a_statement_without_entries_is_a_header(db: str, tmp_path: Path) -> None:
    found = run(
        "account", "statement", "ana", "--db", db, "--as-of", "2020-01-01T00:00:00Z", "--format", "csv", cwd=tmp_path
    )
    assert (found.code, found.out.count("\n"), found.out[:7]) == (0, 1, "seq,at,")


def test_a_decision_of_a_statement_is_explained(db: str, tmp_path: Path) -> None:
    told = json.loads(run("account", "statement", "ana", "--db", db, "--format", "json", cwd=tmp_path).out)
    store = opened(tmp_path / db)
    [policy] = store.policies()
    store.close()
    (tmp_path / "p.spill").write_bytes(policy.sources["p.spill"])
    decision = told["entries"][1]["decision"]
    assert run("explain", decision, "--db", db, "--policy", "p.spill", cwd=tmp_path).out.startswith(
        "✓ allowed 3 credits"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--since", "noon"], "since: `noon` is not an instant in UTC"),
        (["--since", "2026-10-06T00:00:00Z", "--as-of", "2026-10-05T00:00:00Z"], "has no time in it"),
        (["--db", "y.db"], "there is no database y.db"),
    ],
)
def test_what_cannot_be_told_is_one_error(db: str, tmp_path: Path, arguments: list[str], said: str) -> None:
    done = run("account", "statement", "ana", "--db", db, *arguments, cwd=tmp_path)
    assert done.code in (2, 3)
    assert said in done.err
    assert done.out == ""


def test_an_engine_has_it_too() -> None:
    scene = Scene("money")
    scene.grant("money", "10", "C")
    scene.engine.settle()
    found = scene.engine.statement(ANA, as_of="2026-10-05T12:00:01Z")
    assert [(one.pool, one.settled) for one in found.closing] == [("money", "10")]
    assert scene.engine.statement(ANA, as_of="2026-10-05T12:00:00Z").closing == ()
    assert scene.engine.now() + 1 > NOON
