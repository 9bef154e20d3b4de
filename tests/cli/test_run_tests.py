"""`overspill test`: which cases run, how results are printed, what is written, exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from overspill.cli.main import run
from overspill.review.schema import suite_schema
from overspill.syntax.validate import problems
from support.texts import DSL

HOLDS = """given: {attributes: {plan: plus}}
cases:
  - name: a small one
    steps:
      - decide: {product: text, model: m1, tokens: 1000}
        expect: {granted: 1.5}
"""
FAILS = HOLDS.replace("a small one", "a wrong one").replace("1.5", "2")
TABLE = """cases:
  - name: a table
    matrix:
      axes: {plan: [free, plus]}
      decide: {product: text, model: m1, tokens: 1000}
      table: WHERE
"""
GOLDEN = """plan | outcome  granted  draws           code
free | deny     0        -               used_up
plus | allow    1.5      plan_limit 1.5  -
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "t.spill").write_text(DSL)
    (tmp_path / "holds.test.yaml").write_text(HOLDS)
    (tmp_path / "fails.test.yaml").write_text(FAILS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


Captured = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("arguments", "code", "counts"),
    [
        (["."], 1, "1 passed, 1 failed"),
        (["holds.test.yaml"], 0, "1 passed, 0 failed"),
        ([".", "--filter", "small"], 0, "1 passed, 0 failed"),
        ([".", "--filter", "case=small"], 0, "1 passed, 0 failed"),
        ([".", "--filter", "case=a * one"], 1, "1 passed, 1 failed"),
        ([".", "--filter", "case=* small *"], 0, "1 passed, 0 failed"),
        ([".", "--filter", "file=holds"], 0, "1 passed, 0 failed"),
        ([".", "--filter", "file=f*.test.yaml;case=wrong"], 1, "0 passed, 1 failed"),
        ([".", "--filter", "case=small;file=fails"], 2, "no case matches"),
        ([".", "--filter", "cas=small"], 2, "--filter knows no `cas`; did you mean `case`?"),
        ([".", "--filter", "none such"], 2, "no case matches"),
        (["nowhere"], 2, "there is no file nowhere"),
        (["t.spill"], 2, "this is not YAML"),
        (["holds.test.yaml", "--coverage-fail-under", "101"], 2, "101"),
        (["holds.test.yaml", "--coverage-fail-under", "11"], 0, "1 passed, 0 failed"),
        (["holds.test.yaml", "--coverage-fail-under", "12"], 1, "coverage is 11 %, below 12 %"),
    ],
)
def test_which_cases_run_and_what_the_exit_code_says(
    folder: Path, capsys: Captured, arguments: list[str], code: int, counts: str
) -> None:
    assert run(["test", *arguments]) == code
    assert counts in capsys.readouterr().err


def test_without_paths_the_shipped_tests_run_and_cover_the_whole_shipped_policy(capsys: Captured) -> None:
    assert run(["test", "--coverage", "--coverage-fail-under", "100"]) == 0
    assert capsys.readouterr().out.endswith("coverage 100 %\n")


def test_a_folder_without_tests_cannot_be_run(tmp_path: Path, capsys: Captured) -> None:
    assert run(["test", str(tmp_path)]) == 2
    assert "no .test.yaml file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("step", "message"), [("capture: {}", "`capture` follows no `reserve`"), ("decid: {}", "did you mean `decide`?")]
)
def test_a_file_that_cannot_be_read_shows_its_line_and_stops(
    folder: Path, capsys: Captured, step: str, message: str
) -> None:
    (folder / "odd.test.yaml").write_text(HOLDS.replace("decide: {product: text, model: m1, tokens: 1000}", step))
    assert run(["test", "."]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "odd.test.yaml:5:9" in said.err
    assert message in said.err


def test_the_faults_of_all_files_come_at_once(folder: Path, capsys: Captured) -> None:
    (folder / "odd.test.yaml").write_text(HOLDS.replace("granted", "grantd"))
    (folder / "odder.test.yaml").write_text("cases: [")
    assert run(["test", ".", "--format", "json"]) == 2
    error = json.loads(capsys.readouterr().err)["error"]
    assert [(fault["file"], fault["code"]) for fault in error["faults"]] == [
        ("odd.test.yaml", "OSP201"),
        ("odder.test.yaml", "OSP120"),
    ]


def test_a_test_file_may_name_its_policy(folder: Path, capsys: Captured) -> None:
    (folder / "apart").mkdir()
    (folder / "apart" / "a.test.yaml").write_text("policy: ../t.spill\n" + HOLDS)
    assert run(["test", "apart"]) == 0


@pytest.mark.parametrize("data", [b"\xff\xfe", b"cases: [] # \xe2\x80\xae", b"# " + b"x" * 300_000])
def test_text_that_deceives_or_overwhelms_is_not_read(folder: Path, capsys: Captured, data: bytes) -> None:
    (folder / "odd.test.yaml").write_bytes(data)
    assert run(["test", "odd.test.yaml"]) == 2
    assert "error[OSP10" in capsys.readouterr().err


# ---- formats


def test_json_says_everything(folder: Path, capsys: Captured) -> None:
    assert run(["test", ".", "--format", "json", "--coverage"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["passed"], found["failed"], found["coverage"]["percent"]) == (1, 1, 11)
    assert found["cases"][0] == {
        "file": "fails.test.yaml",
        "line": 3,
        "case": "a wrong one",
        "passed": False,
        "problems": [
            {
                "where": "step 1, decide",
                "file": "fails.test.yaml",
                "line": 6,
                "part": "granted",
                "expected": "2",
                "got": "1.5 credits",
                "message": None,
            }
        ],
    }


def test_junit_is_what_build_servers_read(folder: Path, capsys: Captured) -> None:
    assert run(["test", ".", "--format", "junit", "--coverage"]) == 1
    said = capsys.readouterr()
    root = Xml.fromstring(said.out)
    assert [(suite.get("name"), suite.get("tests"), suite.get("failures")) for suite in root] == [
        ("fails.test.yaml", "1", "1"),
        ("holds.test.yaml", "1", "0"),
    ]
    (failure,) = root.iter("failure")
    assert "granted: expected 2, got 1.5 credits" in (failure.text or "")
    assert "coverage 11 %" in said.err


def test_coverage_alone_is_text_and_a_path_behind_it_stays_a_path(folder: Path, capsys: Captured) -> None:
    assert run(["test", "--coverage", "holds.test.yaml"]) == 0
    assert capsys.readouterr().out.startswith("tiny 1: 4 of 34 points seen\n")
    assert run(["test", "--coverage", "json", "holds.test.yaml"]) == 0
    assert json.loads(capsys.readouterr().out)["percent"] == 11


def test_points_may_be_declared_unreachable_by_their_names(folder: Path, capsys: Captured) -> None:
    text = "unreachable: {'outcome pictures: rate_zero': nobody asks for none}\n" + HOLDS
    (folder / "holds.test.yaml").write_text(text)
    assert run(["test", "holds.test.yaml", "--coverage"]) == 0
    assert "tiny 1: 4 of 33 points seen" in capsys.readouterr().out
    (folder / "holds.test.yaml").write_text(text.replace("rate_zero", "rate_zeros"))
    assert run(["test", "holds.test.yaml", "--coverage"]) == 2
    assert "did you mean `outcome pictures: rate_zero`?" in capsys.readouterr().err


# ---- updates


@pytest.mark.parametrize("where", ["t.golden.txt", '""'])
def test_update_writes_the_tables_and_what_else_differs_stays_so(folder: Path, capsys: Captured, where: str) -> None:
    path = folder / "table.test.yaml"
    path.write_text(TABLE.replace("WHERE", where))
    assert run(["test", "table.test.yaml"]) == 1
    assert "--update" in capsys.readouterr().out
    assert run(["test", ".", "--update"]) == 1
    said = capsys.readouterr()
    assert ("1.5 credits" in said.out, "wrote the table in" in said.err) == (True, True)
    assert (folder / "fails.test.yaml").read_text() == FAILS
    if where == "t.golden.txt":
        assert (folder / where).read_text() == GOLDEN
    else:
        indented = "".join(f"        {line}\n" for line in GOLDEN.splitlines())
        assert path.read_text() == TABLE.replace("WHERE\n", f"|\n{indented}")
    before = path.read_bytes()
    assert run(["test", "table.test.yaml", "--update"]) == 0
    assert "wrote" not in capsys.readouterr().err
    assert path.read_bytes() == before


# ---- the schema


@pytest.mark.parametrize(
    ("old", "new", "valid"),
    [
        ("granted: 1.5", "granted: 1.5", True),
        ("granted: 1.5", "grantd: 1.5", False),
        ("granted: 1.5", "used: 1", False),
        ("granted: 1.5", "outcome: alow", False),
        ("decide:", "decid:", False),
        ("steps:", "stepz:", False),
        ("{plan: plus}", "[plus]", False),
        ("given: {", "given: {lots: {money: [{id: C1, amount: 5 credits}]}, ", True),
        ("given: {", "given: {lots: {money: [{id: C1, amount: 5}]}, ", False),
    ],
)
def test_reader_and_schema_agree(folder: Path, old: str, new: str, valid: bool) -> None:
    import yaml

    text = HOLDS.replace(old, new)
    assert (problems(yaml.load(text, Loader=yaml.BaseLoader), suite_schema()) == []) is valid
    (folder / "holds.test.yaml").write_text(text)
    assert (run(["test", "holds.test.yaml"]) != 2) is valid
