"""The README and the pages in `docs` are true: console blocks are run as shown, Python blocks hold."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = {path.name: path.read_text("utf-8") for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))}
BLOCKS = {
    name: re.findall(r"^```(console|python)\n(.*?)^```", page, re.DOTALL | re.MULTILINE) for name, page in PAGES.items()
}
COMMAND = re.compile(r"^\$ (.*)$")
INSTALLS = ("pip install",)
"""What the continuous check itself runs, in a fresh environment."""


def _commands(block: str) -> list[tuple[str, str]]:
    """(command, output shown below it)."""
    found: list[tuple[str, str]] = []
    for line in block.splitlines():
        match = COMMAND.match(line)
        if match:
            found.append((match[1], ""))
        else:
            command, shown = found[-1]
            found[-1] = (command, f"{shown}{line}\n")
    return found


def _matches(shown: str, output: str) -> bool:
    """`...` stands for any text, on a line of its own for any lines."""
    pattern = re.escape(shown.rstrip("\n")).replace(r"\.\.\.", "[\\s\\S]*?")
    return re.fullmatch(pattern, output.rstrip("\n")) is not None


@pytest.mark.parametrize("page", BLOCKS)
def test_the_console_blocks_do_what_they_show(tmp_path: Path, page: str) -> None:
    (tmp_path / "policies").symlink_to(ROOT / "policies")
    ran = 0
    for kind, block in BLOCKS[page]:
        for command, shown in _commands(block) if kind == "console" else []:
            if command.startswith(INSTALLS):
                continue
            shell = (
                command.replace("overspill ", f"{sys.executable} -m overspill ", 1)
                if command.startswith("overspill")
                else command
            )
            done = subprocess.run(shell, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{command}: {done.stderr}"
            assert _matches(shown, done.stdout), f"{command} printed\n{done.stdout}"
            ran += 1
    assert ran >= (10 if page == "README.md" else 0)


@pytest.mark.parametrize("block", [block for found in BLOCKS.values() for kind, block in found if kind == "python"])
def test_the_python_block_holds(block: str) -> None:
    exec(compile(block, "page", "exec"), {})


def test_a_wrong_output_would_be_found() -> None:
    """The canary of the matcher."""
    assert _matches("a\n...\nd\n", "a\nb\nc\nd\n")
    assert not _matches("a\n...\nd\n", "a\nb\nc\n")
