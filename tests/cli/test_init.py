"""`overspill init`: what it writes is in order by the commands it suggests, in both surfaces, and nothing is lost."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from overspill.cli.main import run
from overspill.review.diff import read_side
from overspill.runtime.bundles import sources_of
from overspill.syntax.validate import problems

SURFACES = {"dsl": [], "yaml": ["--yaml"]}
COMMANDS = (
    ["check", "--fail-level", "hint", "policies/"],
    ["fmt", "--check", "policies/"],
    ["test", "policies/", "--coverage-fail-under", "100"],
)


@pytest.fixture(params=SURFACES)
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    assert run(["init", str(tmp_path / "new"), *SURFACES[request.param]]) == 0
    monkeypatch.chdir(tmp_path / "new")
    return tmp_path / "new"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_what_is_written_is_in_order(folder: Path, command: list[str]) -> None:
    assert run(command) == 0


def test_both_surfaces_are_one_policy(tmp_path: Path) -> None:
    digests = set()
    for name, options in SURFACES.items():
        run(["init", str(tmp_path / name), *options])
        digests.add(read_side(sources_of(tmp_path / name / "policies")).digest)
    assert len(digests) == 1


def test_the_continuous_check_runs_commands_that_hold(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    workflow = yaml.safe_load((folder / ".github/workflows/policies.yml").read_text())
    lines = [step["run"] for step in workflow["jobs"]["policies"]["steps"] if "run" in step]
    assert re.fullmatch(r'pip install "overspill==[0-9.]+"', lines[0])
    for line in lines[1:]:
        assert run(line.removeprefix("overspill ").split()) == 0, capsys.readouterr()


def test_the_readme_names_files_that_are_there(folder: Path) -> None:
    named = re.findall(r"`([a-z./]+/[a-z./]*)`", (folder / "README.md").read_text())
    assert len(named) >= 3
    assert [name for name in named if not (folder / name).exists()] == []


def test_the_schemas_that_editors_are_pointed_to_are_there_and_accept_the_files(folder: Path) -> None:
    pointed = 0
    for path in (folder / "policies").glob("*.yaml"):
        found = re.match(r"# yaml-language-server: \$schema=(\S+)\n", path.read_text())
        assert found is not None
        schema = json.loads((path.parent / found[1]).read_text())
        assert problems(yaml.safe_load(path.read_text()), schema) == []
        pointed += 1
    assert pointed >= 1


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "README.md").write_text("mine")
    assert run(["init", str(tmp_path)]) == 2
    assert "holds README.md already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]
    assert (tmp_path / "README.md").read_text() == "mine"


def test_it_says_what_was_written_and_what_comes_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", str(tmp_path / "a")]) == 0
    said = capsys.readouterr()
    assert f"{tmp_path}/a/policies/usage.spill\n" in said.out
    assert f"cd {tmp_path}/a\n  overspill check policies/" in said.err
    assert run(["init", str(tmp_path / "b"), "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["written"]) == 6


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert run(["init", str(tmp_path / "file" / "new")]) == 2
    assert "Not a directory" in capsys.readouterr().err
