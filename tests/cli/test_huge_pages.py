"""Huge pages: of which memory, where there are any, and that a process goes on in them."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from overspill.cli.huge_pages import page_bytes, whole_pages

SIZE = 2**21
MAPPED = {
    "the heap": ("55f000000000-55f000400000 rw-p 00000000 00:00 0   [heap]", [(0x55F000000000, 2 * SIZE)]),
    "what begins and ends within a page": (
        "7f0000100000-7f0000700000 rw-p 00000000 00:00 0 ",
        [(0x7F0000200000, 2 * SIZE)],
    ),
    "less than a page": ("7f0000100000-7f0000300000 rw-p 00000000 00:00 0 ", []),
    "a stack": ("7ffc00000000-7ffc00400000 rw-p 00000000 00:00 0   [stack]", []),
    "a file with a space": ("7f0000000000-7f0000400000 rw-p 00000000 fe:00 11   /tmp/a b", []),
    "what others see": ("7f0000000000-7f0000400000 rw-s 00000000 00:00 0 ", []),
    "what is read only": ("7f0000000000-7f0000400000 r--p 00000000 00:00 0 ", []),
}


@pytest.mark.parametrize("name", MAPPED)
def test_own_memory_is_asked_for_in_whole_pages(name: str) -> None:
    line, pages = MAPPED[name]
    assert list(whole_pages([line], SIZE)) == pages


SETTINGS = {
    "asked for": ("always [madvise] never\n", "2097152\n", SIZE),
    "always": ("[always] madvise never\n", "2097152\n", SIZE),
    "never": ("always madvise [never]\n", "2097152\n", None),
    "too large": ("always [madvise] never\n", "536870912\n", None),
    "unknown": (None, None, None),
    "no number": ("[always] madvise never\n", "\n", None),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_the_system_says_what_there_is(name: str, tmp_path: Path) -> None:
    enabled, size, expected = SETTINGS[name]
    for file, text in (("enabled", enabled), ("hpage_pmd_size", size)):
        if text is not None:
            (tmp_path / file).write_text(text)
    assert page_bytes(tmp_path) == expected


PROGRAM = """
from overspill.cli.huge_pages import MAPS, ask_for_huge_pages
kept = [str(number) for number in range(400_000)]
ask_for_huge_pages()
assert kept == [str(number) for number in range(400_000)]
print(MAPS.with_name("smaps_rollup").read_text() if MAPS.exists() else "")
"""


def test_a_process_goes_on_in_them() -> None:
    said = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stdout
    found = re.search(r"AnonHugePages:\s+(\d+) kB", said)
    release = tuple(map(int, re.findall(r"\d+", platform.release())[:2]))
    has_some = found is not None and int(found[1]) > 0
    assert has_some or page_bytes() is None or release < (6, 1)
