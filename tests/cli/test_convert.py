"""`overspill convert`: the other surface of a file, with one digest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from overspill.review.diff import read_side
from support.everything import EVERYTHING


def _convert(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "overspill", "convert", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)


def test_a_file_there_and_back_means_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.spill").write_text("// why\n" + EVERYTHING)
    there = _convert(str(tmp_path / "a.spill"))
    assert (there.returncode, there.stderr) == (0, "")
    assert there.stdout.startswith("# why\npolicy:\n")
    back = _convert("-", "--stdin-filename", "a.spill.yaml", stdin=there.stdout)
    digests = {
        read_side({name: text.encode()}).digest
        for name, text in (("a.spill", EVERYTHING), ("a.spill.yaml", there.stdout), ("b.spill", back.stdout))
    }
    assert len(digests) == 1


def test_a_file_that_does_not_parse_is_not_converted(tmp_path: Path) -> None:
    done = _convert("-", stdin="policy a version 1;\nlimt b { }")
    assert (done.returncode, done.stdout) == (2, "")
    assert "unknown statement `limt`" in done.stderr
