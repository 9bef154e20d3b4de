"""README and docs are true: their files are written, their console blocks run as shown, their Python blocks hold.

A block's first line may name a file after its language (`yaml plans.test.yaml`): the block is that file, in the
folder where the page's commands run, from there on. A page that speaks of `$DATABASE_URL` gets an empty database of PostgreSQL,
one that speaks of `OVERSPILL_NATS_URL` a NATS server. Before the first block that speaks of `$OVERSPILL_URL` a service is started
in that folder, as `overspill serve --dev` does it, with the folder's `gateway.yaml` where there is one.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from support.service_processes import process

ROOT = Path(__file__).parents[2]
WRITTEN = (ROOT / "docs" / "rules.md",)
"""Made from the tests by a tool, and shown to be current elsewhere."""
PAGES = [ROOT / "README.md", *[page for page in sorted((ROOT / "docs").rglob("*.md")) if page not in WRITTEN]]
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"^\$ (.*)$")
INSTALLS = ("pip install",)
"""What the continuous check itself runs, in a fresh environment."""


class Block(NamedTuple):
    kind: str
    file: str
    text: str


def blocks_of(page: Path) -> list[Block]:
    return [Block(*found) for found in BLOCK.findall(page.read_text("utf-8"))]


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


def _served(folder: Path, stack: ExitStack) -> dict[str, str]:
    """A service for whoever tries things, and the key that it printed."""
    rules = folder / "gateway.yaml"
    options = ("--gateway", str(rules)) if rules.exists() else ()
    one = stack.enter_context(process(str(folder / "dev.db"), "--dev", *options))
    [key] = [line.split(": ", 1)[1].strip() for line in one.told if line.startswith("the key")]
    return {"OVERSPILL_URL": f"http://127.0.0.1:{one.port}", "OVERSPILL_KEY": key}


def _ran(command: str, shown: str, folder: Path, environment: dict[str, str]) -> bool:
    """Whether the command was run; it must succeed and print what is shown."""
    if command.startswith(INSTALLS):
        return False
    shell = re.sub(r"(^|&& |; )overspill ", rf"\1{sys.executable} -m overspill ", command)
    done = subprocess.run(shell, shell=True, cwd=folder, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    assert _matches(shown, done.stdout), f"{command} printed\n{done.stdout}"
    return True


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_console_blocks_do_what_they_show(page: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    (tmp_path / "policies").symlink_to(ROOT / "policies")
    environment = dict(os.environ)
    if "DATABASE_URL" in page.read_text("utf-8"):
        environment["DATABASE_URL"] = request.getfixturevalue("postgres").database()
    if "OVERSPILL_NATS_URL" in page.read_text("utf-8"):
        environment["OVERSPILL_NATS_URL"] = request.getfixturevalue("nats").url()
    ran = 0
    with ExitStack() as stack:
        for block in blocks_of(page):
            if block.file:
                path = tmp_path / block.file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text, "utf-8")
            elif block.kind == "console":
                if "$OVERSPILL_URL" in block.text and "OVERSPILL_URL" not in environment:
                    environment |= _served(tmp_path, stack)
                ran += sum(_ran(command, shown, tmp_path, environment) for command, shown in _commands(block.text))
    assert ran >= (10 if page == ROOT / "README.md" else 1)


@pytest.mark.parametrize("block", [block for page in PAGES for block in blocks_of(page) if block.kind == "python"])
def test_the_python_block_holds(block: Block) -> None:
    exec(compile(block.text, "README.md", "exec"), {})


def test_a_wrong_output_would_be_found() -> None:
    """The canary of the matcher."""
    assert _matches("a\n...\nd\n", "a\nb\nc\nd\n")
    assert not _matches("a\n...\nd\n", "a\nb\nc\n")
