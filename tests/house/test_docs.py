"""README and docs are true: their files are written, their console blocks run as shown, their Python blocks hold.

A block's first line may name a file after its language (`yaml plans.test.yaml`): the block is that file, in the
folder where the page's commands run, from there on. A page that speaks of `$DATABASE_URL` gets an empty database of PostgreSQL,
one that speaks of `OVERSPILL_NATS_URL` a NATS server. A command with `2> FILE &` goes on beside the others, from when its file says
that it serves, on a port that is free in the place of the one that is shown. Who speaks of `OVERSPILL_URL` finds a service there, as
`overspill serve --dev` runs it, with the folder's `gateway.yaml` where there is one.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from support.service_processes import process

ROOT = Path(__file__).parents[2]
WRITTEN = (ROOT / "docs" / "rules.md", ROOT / "docs" / "api.md")
"""Made by tools, and shown to be current elsewhere."""
PAGES = [ROOT / "README.md", *[page for page in sorted((ROOT / "docs").rglob("*.md")) if page not in WRITTEN]]
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"^\$ (.*)$")
GOES_ON = re.compile(r".* 2> (\S+) &$")
SHOWN_PORT = "8080"
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


class Beside:
    """The commands of a page that go on beside the others."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[subprocess.Popen[bytes]] = []
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = str(free.getsockname()[1])

    def here(self, text: str) -> str:
        return text.replace(SHOWN_PORT, self._port)

    def start(self, shell: str, file: str, environment: dict[str, str]) -> None:
        log = self._folder / file
        one = subprocess.Popen(f"exec {shell}", shell=True, cwd=self._folder, env=environment)
        self._running.append(one)
        while "serving on" not in (log.read_text() if log.exists() else ""):
            assert one.poll() is None, log.read_text()

    def stop(self) -> None:
        for one in self._running:
            one.terminate()
            assert one.wait(60) == 0

    def kill(self) -> None:
        """What a test that failed has left."""
        for one in self._running:
            one.kill()
            one.wait()


def _served(folder: Path, stack: ExitStack) -> dict[str, str]:
    """A service for whoever tries things, and the key that it printed."""
    rules = folder / "gateway.yaml"
    options = ("--gateway", str(rules)) if rules.exists() else ()
    one = stack.enter_context(process(str(folder / "dev.db"), "--dev", *options))
    [key] = [line.split(": ", 1)[1].strip() for line in one.told if line.startswith("the key")]
    return {"OVERSPILL_URL": f"http://127.0.0.1:{one.port}", "OVERSPILL_KEY": key}


def _ran(command: str, shown: str, folder: Path, environment: dict[str, str], beside: Beside) -> bool:
    """Whether the command was run; it must succeed and print what is shown."""
    if command.startswith(INSTALLS):
        return False
    shell = beside.here(re.sub(r"(^|&& |; )overspill ", rf"\1{sys.executable} -m overspill ", command))
    shell = re.sub(r"(^|&& |; )python ", rf"\1{sys.executable} ", shell)
    going_on = GOES_ON.match(shell)
    if going_on:
        beside.start(shell.removesuffix(" &"), going_on[1], environment)
        return True
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
    ran, beside = 0, Beside(tmp_path)
    request.addfinalizer(beside.kill)
    with ExitStack() as stack:
        for block in blocks_of(page):
            if block.file:
                path = tmp_path / block.file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text, "utf-8")
            elif block.kind == "console":
                asks = "$OVERSPILL_URL" in block.text or 'environ["OVERSPILL_URL"]' in page.read_text("utf-8")
                if asks and "OVERSPILL_URL" not in environment:
                    environment |= _served(tmp_path, stack)
                commands = _commands(block.text)
                ran += sum(_ran(command, shown, tmp_path, environment, beside) for command, shown in commands)
    beside.stop()
    assert ran >= (10 if page == ROOT / "README.md" else 1)


@pytest.mark.parametrize("block", [block for page in PAGES for block in blocks_of(page) if block.kind == "python"])
def test_the_python_block_holds(block: Block, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "OVERSPILL_URL" in block.text:
        for name, value in request.getfixturevalue("service").items():
            monkeypatch.setenv(name, value)
    exec(compile(block.text, "README.md", "exec"), {})


def test_a_wrong_output_would_be_found() -> None:
    """The canary of the matcher."""
    assert _matches("a\n...\nd\n", "a\nb\nc\nd\n")
    assert not _matches("a\n...\nd\n", "a\nb\nc\n")
