"""`fmt` and `convert` through their own door: what they write, what they leave alone, and what they say about it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from overspill.cli.io import write_file
from overspill.review.diff import read_side
from overspill.words.failures import Failure
from support.texts import DSL, YAML

TIDY = b"// why\nunit c: integer;\n"
UNTIDY = b"// why\r\nunit c :integer ;"
FAULTY = b"limt b {}\n"
DIFFERENCE = """--- {0}
+++ {0} (formatted)
@@ -1,2 +1,2 @@
-// why\r
-unit c :integer ;
\\ No newline at end of file
+// why
+unit c: integer;
"""


class Done:
    def __init__(self, done: subprocess.CompletedProcess[bytes]) -> None:
        self.code, self.out, self.err = done.returncode, done.stdout.decode(), done.stderr.decode()
        assert "Traceback" not in self.out + self.err


def run(*arguments: str, stdin: bytes = b"") -> Done:
    command = [sys.executable, "-m", "overspill", *arguments]
    return Done(subprocess.run(command, input=stdin, capture_output=True, check=False))


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test in a folder of its own, in which nothing half written stays."""
    monkeypatch.chdir(tmp_path)
    yield
    assert list(tmp_path.rglob("*.tmp")) == []


# ---- fmt

# options, the file's bytes before, exit code, bytes after, what stdout says
FORMATS: list[tuple[str, bytes, int, bytes, str]] = [
    ("", UNTIDY, 0, TIDY, ""),
    ("", TIDY, 0, TIDY, ""),
    ("", FAULTY, 2, FAULTY, ""),
    ("", b"\xef\xbb\xbf" + TIDY, 0, TIDY, ""),
    ("", b"\xff", 2, b"\xff", ""),
    ("", b"", 0, b"", ""),
    ("--check", UNTIDY, 1, UNTIDY, ""),
    ("--check", TIDY, 0, TIDY, ""),
    ("--check", FAULTY, 2, FAULTY, ""),
    ("--diff", UNTIDY, 1, UNTIDY, DIFFERENCE.format("t.spill")),
    ("--diff", TIDY, 0, TIDY, ""),
    ("--format=json", UNTIDY, 0, TIDY, '{"changed":["t.spill"],"refused":[]}\n'),
    ("--format=json", FAULTY, 2, FAULTY, '{"changed":[],"refused":["t.spill"]}\n'),
]


@pytest.mark.parametrize(("options", "before", "code", "after", "out"), FORMATS)
def test_a_file_is_formatted_in_its_place(options: str, before: bytes, code: int, after: bytes, out: str) -> None:
    Path("t.spill").write_bytes(before)
    done = run("fmt", *options.split(), "t.spill")
    assert (done.code, done.out, Path("t.spill").read_bytes()) == (code, out, after)
    assert ("error" in done.err) == (code == 2)


@pytest.mark.parametrize(
    ("options", "code", "out"),
    [("", 0, TIDY.decode()), ("--check", 1, ""), ("--diff", 1, DIFFERENCE.format("stdin.spill"))],
)
def test_stdin_is_formatted_to_stdout(options: str, code: int, out: str) -> None:
    done = run("fmt", *options.split(), "-", stdin=UNTIDY)
    assert (done.code, done.out) == (code, out)


def test_the_name_of_stdin_says_which_surface_it_is() -> None:
    done = run("fmt", "-", "--stdin-filename", "a.spill.yaml", stdin="units: {c: integer} # é".encode())
    assert (done.code, done.out) == (0, "units:  # é\n  c: integer\n")
    assert "a.spill.yaml:1:1" in run("fmt", "-", "--stdin-filename", "a.spill.yaml", stdin=b"a: b").err


def test_json_holds_the_text_of_stdin() -> None:
    shown = json.loads(run("fmt", "-", "--format", "json", stdin=UNTIDY).out)
    assert shown == {"changed": [], "refused": [], "text": TIDY.decode()}


def test_a_file_with_faults_keeps_no_other_from_being_formatted() -> None:
    for name, data in (("p/a.spill", FAULTY), ("p/in/b.spill", UNTIDY), ("p/c.spill.yaml", b"units: {c: integer}")):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(data)
    Path("p/.hidden").mkdir()
    Path("p/.hidden/d.spill").write_bytes(UNTIDY)
    done = run("fmt", "p", "nowhere.spill", "p/in/b.spill")
    assert done.code == 2
    assert "unknown statement `limt`" in done.err
    assert "nowhere.spill: No such file" in done.err
    kept = [Path(name).read_bytes() for name in ("p/a.spill", "p/in/b.spill", "p/.hidden/d.spill")]
    assert kept == [FAULTY, TIDY, UNTIDY]
    assert done.err.splitlines()[-2:] == ["formatted p/c.spill.yaml", "formatted p/in/b.spill"]


def test_links_and_permissions_stay() -> None:
    Path("real.spill").write_bytes(UNTIDY)
    Path("real.spill").chmod(0o640)
    Path("t.spill").symlink_to("real.spill")
    assert run("fmt", "t.spill").code == 0
    assert Path("t.spill").is_symlink()
    assert Path("real.spill").read_bytes() == TIDY
    assert Path("real.spill").stat().st_mode & 0o777 == 0o640


def test_a_write_that_fails_leaves_the_file_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    Path("t.spill").write_bytes(UNTIDY)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Failure, match="No space left"):
        write_file(Path("t.spill"), TIDY)
    assert Path("t.spill").read_bytes() == UNTIDY
    with pytest.raises(Failure, match="No such file"):
        write_file(Path("nowhere/t.spill"), TIDY)


# ---- convert


def test_a_file_there_and_back_is_the_same_text() -> None:
    Path("a.spill").write_text(f"// why\n{DSL}")
    assert run("fmt", "a.spill").code == 0
    there = run("convert", "a.spill")
    assert (there.code, there.err) == (0, "")
    assert there.out.startswith("# why\npolicy: {name: tiny")
    back = run("convert", "-", "--stdin-filename", "a.spill.yaml", stdin=there.out.encode())
    assert back.out == Path("a.spill").read_text()
    assert read_side({"a.spill.yaml": there.out.encode()}).digest == read_side({"a.spill": DSL.encode()}).digest


def test_a_file_is_converted_into_a_file_or_a_folder() -> None:
    Path("a.spill").write_text(DSL)
    Path("out").mkdir()
    assert run("convert", "a.spill", "-o", "b.spill.yaml").err == "wrote b.spill.yaml\n"
    assert run("convert", "a.spill", "-o", "out").err == "wrote out/a.spill.yaml\n"
    assert Path("out/a.spill.yaml").read_text() == Path("b.spill.yaml").read_text()
    assert run("convert", "a.spill", "--to", "dsl", "-o", "-").out == run("fmt", "-", stdin=DSL.encode()).out
    assert run("fmt", "--check", "b.spill.yaml", "out").code == 0


def test_the_files_of_a_bundle_are_converted_together() -> None:
    assert run("convert", "codex_sora", "-o", "there").code == 0
    names = ["access.spill.yaml", "codex.spill.yaml", "sora.spill.yaml"]
    assert sorted(path.name for path in Path("there").iterdir()) == names
    assert run("convert", "there", "-o", "back/again").code == 0
    shown = run("diff", "codex_sora", "back/again")
    assert shown.out.startswith("no change of meaning")
    assert run("diff", "there", "back/again").out == shown.out
    for path in sorted(Path("back/again").iterdir()):
        assert run("fmt", "--check", str(path)).code == 0


def test_json_holds_the_files_by_name() -> None:
    shown = json.loads(run("convert", "codex_sora", "--format", "json").out)
    assert sorted(shown["files"]) == ["access.spill.yaml", "codex.spill.yaml", "sora.spill.yaml"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["b", "--to", "yaml"], "2 files: name a folder for them with -o"),
        (["b", "-o", "b"], "the bundle is in both surfaces: say which one with --to"),
        (["b", "--to", "yaml", "-o", "b"], "a bundle has each file in one surface"),
        (["b", "--to", "yaml", "-o", "file"], "File exists"),
        (["f", "-o", "out"], "unknown statement `limt`"),
        (["nowhere.spill"], "No such file"),
        (["nowhere"], "there is no policy `nowhere`"),
        (["b", "--to", "json"], "'json' is not one of 'dsl', 'yaml'"),
        (["file", "--to", "yaml"], "cannot be written as yaml: the file is no mapping"),
        (["twice.spill"], "cannot be written as yaml without another meaning"),
    ],
)
def test_what_cannot_be_converted_is_said_and_nothing_is_written(arguments: list[str], said: str) -> None:
    files = {
        "b/a.spill": DSL.encode(),
        "b/b.spill.yaml": YAML.encode(),
        "f/a.spill": FAULTY,
        "f/b.spill": b"unit c: integer;",
        "file": b"",
    }
    files["twice.spill"] = b"unit c: integer; unit c: decimal(2);"
    for name, data in files.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(data)
    done = run("convert", *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert {str(path) for path in Path().rglob("*") if path.is_file()} == set(files)
    assert {name: Path(name).read_bytes() for name in files} == files
