"""`check` and `rule` through their door: formats, exit codes, streams, fixes on disk, what changed since a revision."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest

from overspill.cli.changed import Lines
from overspill.cli.main import run as overspill
from overspill.report.pages import codes
from report.sarif_shape import problems
from support.texts import DSL, YAML

WARNED = DSL.replace("images: meter; }", "images: meter;\n  calls: meter;\n}")
"""One warning, on line 7."""
HINTED = DSL.replace('draw money when user.plan != "free"', "draw money when user.bound == user.bound")
"""One hint with a fix."""
BROKEN = DSL.replace("draw plan_limit;", "draw plan_limt;")
"""Two errors."""
STALE = DSL.replace("language 1;", 'language 1; // overspill: ignore[OSP350] reason "once"')


class Done(NamedTuple):
    code: int
    out: str
    err: str


Check = Callable[..., Done]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Check:
    """Runs `overspill check …` in a folder of its own; `stdin` is what - reads."""
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "GITHUB_WORKSPACE", "TERM"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str, stdin: str = "") -> Done:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        code = overspill(["check", *arguments])
        return Done(code, *capsys.readouterr())

    return run


@pytest.mark.parametrize(
    ("text", "level", "code"),
    [
        (DSL, "hint", 0),
        (HINTED, "warning", 0),
        (HINTED, "hint", 1),
        (WARNED, "error", 0),
        (WARNED, "warning", 1),
        (BROKEN, "error", 1),
    ],
)
@pytest.mark.parametrize("format_", ["text", "json", "github", "sarif", "junit"])
def test_the_fail_level_decides_the_exit_code_in_every_format(
    check: Check, text: str, level: str, code: int, format_: str
) -> None:
    assert check("-", "--format", format_, "--fail-level", level, stdin=text).code == code


def test_text_is_data_and_counts_are_narration(check: Check) -> None:
    done = check("-", stdin=HINTED)
    assert done.out.startswith("hint[OSP309]") and "+   draw money on error deny when" in done.out
    assert done.err.startswith("1 hint; 1 with a safe fix (--fix); sha256:")
    clean = check("-", stdin=DSL)
    assert (clean.out, clean.err.startswith("no findings; sha256:")) == ("", True)


def test_each_format_is_what_it_says(check: Check, tmp_path: Path) -> None:
    (tmp_path / "pol").mkdir()
    (tmp_path / "pol" / "t.spill").write_text(WARNED)
    assert check("pol", "--format", "github").out.startswith("::warning file=pol/t.spill,line=7,")
    assert json.loads(check("pol", "--format", "json").out)["faults"][0]["file"] == "pol/t.spill"
    log = json.loads(check("pol", "--format", "sarif").out)
    assert problems(log) == []
    (result,) = log["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "pol/t.spill"
    suite = ElementTree.fromstring(check("pol", "--format", "junit", "--fail-level", "warning").out)[0]
    assert [(case.get("classname"), case[0].tag) for case in suite] == [("pol/t.spill", "failure")]


def test_paths_are_relative_to_the_workspace_of_a_continuous_check(
    check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "t.spill").write_text(WARNED)
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    monkeypatch.chdir(tmp_path / "sub")
    assert "file=sub/t.spill," in check("t.spill", "--format", "github").out
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path / "elsewhere"))
    (result,) = json.loads(check("t.spill", "--format", "sarif").out)["runs"][0]["results"]
    location = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert location == {"uri": f"file://{tmp_path}/sub/t.spill"}


def test_what_is_cut_is_said(check: Check) -> None:
    fields = "".join(f"  f{index}: string;\n" for index in range(30))
    text = DSL.replace("images: meter; }", f"images: meter;\n{fields}}}")
    done = check("-", "--max", "3", stdin=text)
    assert done.out.count("warning[") == 3
    assert done.out.endswith("\n… and 27 warnings more\n")
    assert "27 warnings not shown; --max shows more" in done.err
    github = check("-", "--format", "github", stdin=text)
    assert github.out.count("::warning") == 10 and github.out.count("::notice") == 1
    assert "20 warnings not shown" in github.err


def test_ten_thousand_faults_are_no_flood(check: Check) -> None:
    fields = "".join(f"f{index}:striing;" for index in range(10_000))
    done = check("-", stdin=DSL.replace("images: meter; }", f"images: meter; {fields} }}"))
    assert done.code == 1
    assert len(done.out) < 60_000
    assert "and 9950 errors more" in done.out


def test_no_other_command_is_flooded_either(check: Check, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fields = "".join(f"f{index}: striing;\n" for index in range(200))
    (tmp_path / "t.spill").write_text(DSL.replace("images: meter; }", f"images: meter; {fields} }}"))
    assert overspill(["decide", "-p", "t.spill"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("error[OSP210]") == 50 and "… and 150 errors more" in err


def test_warnings_are_selected_and_errors_always_stay(check: Check) -> None:
    both = WARNED.replace('draw money when user.plan != "free"', "draw money when user.bound == user.bound")

    def found(*arguments: str, text: str = both) -> list[str]:
        return [
            fault["code"] for fault in json.loads(check("-", "--format", "json", *arguments, stdin=text).out)["faults"]
        ]

    assert found() == ["OSP351", "OSP309"]
    assert found("--ignore", "OSP35,osp4") == ["OSP309"]
    assert found("--select", "OSP35") == ["OSP351"]
    assert found("--select", "OSP3", "--ignore", "OSP351", "--ignore", "OSP309") == []
    assert found("--ignore", "OSP", text=BROKEN) == ["OSP302", "OSP210"]
    refused = check("-", "--select", "E501", stdin=both)
    assert (refused.code, "is no code" in refused.err) == (2, True)


def test_colour_is_for_terminals_or_where_it_is_forced(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b" not in check("-", stdin=WARNED).out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[1;33mwarning[OSP351]\x1b[0m" in check("-", stdin=WARNED).out
    assert "\x1b" not in check("-", "--format", "github", stdin=WARNED).out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in check("-", stdin=WARNED).out


# ---- fixes


def test_fixes_are_written_and_then_there_is_nothing_to_fix(check: Check, tmp_path: Path) -> None:
    path = tmp_path / "t.spill"
    path.write_bytes(STALE.replace("\n", "\r\n").encode())
    done = check("--fix", "t.spill")
    assert (done.code, done.out) == (0, "")
    assert done.err.startswith("fixed 1 finding in t.spill\nno findings")
    assert path.read_bytes() == DSL.replace("\n", "\r\n").encode()
    again = check("--fix", "t.spill")
    assert again.err.startswith("fixed 0 findings\n")
    assert path.read_bytes() == DSL.replace("\n", "\r\n").encode()


def test_only_what_was_asked_for_is_fixed(check: Check, tmp_path: Path) -> None:
    (tmp_path / "t.spill").write_text(STALE)
    assert check("--fix", "--ignore", "OSP403", "t.spill").err.startswith("fixed 0")
    assert (tmp_path / "t.spill").read_text() == STALE


def test_expressions_get_their_quotes_in_yaml(check: Check, tmp_path: Path) -> None:
    path = tmp_path / "t.spill.yaml"
    path.write_text(YAML.replace("'user.plan != \"free\"'", 'user.plan != "free" && user.id != "it\'s"'))
    assert check("--fix", path.name).code == 0
    assert path.read_text() == YAML.replace(
        "'user.plan != \"free\"'", """'user.plan != "free" && user.id != "it''s"'"""
    )


def test_the_fixed_text_of_stdin_is_the_output(check: Check) -> None:
    done = check("--fix", "-", stdin=STALE)
    assert done.out == DSL
    assert "fixed 1 finding" in done.err
    wrong = check("--fix", "-", stdin=BROKEN)
    assert (wrong.code, wrong.out) == (1, BROKEN)
    assert "error[OSP210]" in wrong.err


# ---- since a revision


@pytest.fixture
def repository(tmp_path: Path) -> Callable[..., None]:
    def git(*arguments: str) -> None:
        command = [
            "git",
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@example.org",
            "-c",
            "commit.gpgsign=false",
            *arguments,
        ]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    git("init", "-q")
    return git


def since(check: Check, *arguments: str) -> list[tuple[str, int]]:
    done = check("--since", "HEAD", "--format", "json", *arguments)
    return [(fault["code"], fault["line"]) for fault in json.loads(done.out)["faults"]]


def test_of_warnings_only_those_on_changed_lines(check: Check, tmp_path: Path, repository: Callable[..., None]) -> None:
    path = tmp_path / "pol" / "t.spill"
    path.parent.mkdir()
    path.write_text(WARNED)
    assert check("pol", "--since", "HEAD").code == 2, "there is no revision yet"
    repository("add", "-A")
    repository("commit", "-qm", "first")
    assert since(check, "pol") == []
    path.write_text(f"// above\n{WARNED}")
    assert since(check, "pol") == []
    path.write_text(WARNED.replace("  calls: meter;", "  calls: meter;\n  rings: meter;"))
    assert since(check, "pol") == [("OSP351", 8)]
    path.write_text(WARNED.replace("draw plan_limit;", "draw plan_limt;"))
    assert [code for code, _ in since(check, "pol")] == ["OSP302", "OSP210"], "errors always"
    path.write_text(WARNED)
    (path.parent / "more.spill").write_text("unit calls: integer;\n")
    assert since(check, "pol") == [("OSP350", 1)], "a new file is all new"


def test_what_moved_is_changed(check: Check, tmp_path: Path, repository: Callable[..., None]) -> None:
    fields = ["calls: meter;", "product: string;", "model: string;", "tokens: meter;", "images: meter;"]

    def write(*fields: str) -> None:
        request = "request { product: string; model: string; tokens: meter; images: meter; }"
        (tmp_path / "t.spill").write_text(DSL.replace(request, "\n  ".join(["request {", *fields, "}"])))

    write(*fields)
    repository("add", "-A")
    repository("commit", "-qm", "first")
    assert since(check, "t.spill") == []
    write(*fields[1:], fields[0])
    assert since(check, "t.spill") == [("OSP351", 11)]


def test_a_hook_may_ask_too(
    check: Check, tmp_path: Path, repository: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pol").mkdir()
    (tmp_path / "pol" / "t.spill").write_text(WARNED)
    repository("add", "-A")
    repository("commit", "-qm", "first")
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/next-index")
    assert since(check, "pol") == []


def test_a_second_place_on_a_changed_line_counts(check: Check, tmp_path: Path, repository: Callable[..., None]) -> None:
    guards = "deny blocked when user.blocked;\n  deny again when user.blocked;"
    text = DSL.replace("deny blocked when user.blocked;", guards)
    (tmp_path / "t.spill").write_text(text.replace("blocked when user.blocked;", 'blocked when user.plan == "a";', 1))
    repository("add", "-A")
    repository("commit", "-qm", "first")
    (tmp_path / "t.spill").write_text(text)
    assert [code for code, _ in since(check, "t.spill")] == ["OSP361"]


def test_fixes_stay_on_changed_lines(check: Check, tmp_path: Path, repository: Callable[..., None]) -> None:
    (tmp_path / "t.spill").write_text(STALE)
    repository("add", "-A")
    repository("commit", "-qm", "first")
    changed = STALE.replace(
        "unit credits: decimal(2);", 'unit credits: decimal(2); // overspill: ignore[OSP351] reason "x"'
    )
    (tmp_path / "t.spill").write_text(changed)
    assert check("--fix", "--since", "HEAD", "t.spill").code == 0
    assert (tmp_path / "t.spill").read_text() == STALE


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["t.spill", "--since", "HEAD"], "is in no git repository"),
        (["-", "--since", "HEAD"], "--since needs files of a repository"),
        (["codex_sora", "--since", "HEAD"], "--since needs files of a repository"),
        (["codex_sora", "--fix"], "comes with the program: copy it first"),
        (["-", "--fix", "--format", "sarif"], "--fix of stdin takes - alone"),
        (["-", "t.spill", "--fix"], "--fix of stdin takes - alone"),
        (["t.spill", "--fail-level", "fatal"], "fail-level"),
        (["t.spill", "--format", "xml"], "format"),
    ],
)
def test_what_cannot_be_done_is_said(check: Check, tmp_path: Path, arguments: list[str], said: str) -> None:
    (tmp_path / "t.spill").write_text(DSL)
    done = check(*arguments, stdin=DSL)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_an_unknown_revision_is_named(check: Check, tmp_path: Path, repository: Callable[..., None]) -> None:
    (tmp_path / "t.spill").write_text(DSL)
    done = check("t.spill", "--since", "--output=x")
    assert (done.code, "git knows no revision `--output=x`" in done.err) == (2, True)
    assert not (tmp_path / "x").exists()


def test_changed_lines_are_half_open_ranges() -> None:
    lines = Lines((3, 10), (5, 11))
    assert [number for number in range(1, 13) if lines.touches(number, number)] == [3, 4, 10]
    assert lines.touches(1, 3) and not lines.touches(5, 9) and lines.touches(5, 10)
    assert Lines((), (), whole=True).touches(7, 7)


PAGE = (Path(__file__).parents[2] / "docs" / "checking.md").read_text("utf-8")
SNIPPETS = [line for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
COMMANDS = [
    match[1] for line in SNIPPETS if (match := re.search(r"overspill check ([^>|,]*)", line)) and match[1].strip()
]


@pytest.mark.parametrize("arguments", COMMANDS)
def test_the_continuous_checks_of_the_documentation_use_what_there_is(arguments: str) -> None:
    from overspill.cli.check import check as command

    assert command.make_context("check", arguments.split()).params["paths"]


def test_the_documentation_has_continuous_checks() -> None:
    assert len(COMMANDS) >= 4


# ---- rule


def test_rule_prints_a_page_or_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert overspill(["rule", "osp301"]) == 0
    assert capsys.readouterr().out.startswith("# OSP301: a layer is drawn twice")
    assert overspill(["rule"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(codes())
    assert overspill(["rule", "OSP403", "--format", "json"]) == 0
    page = json.loads(capsys.readouterr().out)
    assert (page["can_be_ignored"], page["fix"], page["surfaces"]) == (True, "safe, deletes it", ["DSL", "YAML"])
    assert overspill(["rule", "OSP3o1"]) == 2
    assert "did you mean `OSP3" in capsys.readouterr().err
