"""The page of faults has every row, and points at what is there: tests, claims that are proved, planted bugs, faults of the
simulation."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from overspill.prove.proof import CLAIMS
from protocol_bugs import BUGS as MODELLED
from simulator.bugs import BUGS as PLANTED
from simulator.faults import FAULTS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "faults.md").read_text("utf-8")
ROWS = [*range(1, 17), *range(18, 30), 32, 33, *range(34, 60)]
NAMED = {
    "proof": {claim.name for claim in CLAIMS},
    "model": {bug.name for bug in MODELLED},
    "simulation": set(FAULTS),
    "planted": {bug.__name__ for bug in PLANTED},
}
"""What a word is followed by → the names that there are."""


@cache
def _tests(path: str) -> frozenset[str]:
    """The names at the top of a test file, none where there is no such file."""
    file = ROOT / path
    if not file.is_file():
        return frozenset()
    body = ast.parse(file.read_text("utf-8")).body
    return frozenset(one.name for one in body if isinstance(one, (ast.FunctionDef, ast.ClassDef)))


def rows(page: str) -> Iterator[tuple[int, list[str]]]:
    """(number, the cells behind it) of each row."""
    for line in page.splitlines():
        number, *cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| ") and number.isdigit():
            yield int(number), cells


def wrong(page: str) -> list[str]:
    """What it names and is not there, and rows that nothing shows."""
    found = []
    for number, (_, promise, shown) in rows(page):
        tests = re.findall(r"`(tests/[^`]*)::([^`]*)`", shown)
        found += [f"{number}: {path}::{name}" for path, name in tests if name not in _tests(path)]
        for word, names in NAMED.items():
            for some in re.findall(rf"{word} (`[^`]+`(?:, `[^`:]+`)*)", shown):
                found += [f"{number}: {word} {name}" for name in re.findall(r"`([^`]+)`", some) if name not in names]
        if not tests or not promise:
            found.append(f"{number}: nothing")
    return found


def test_it_has_every_row_once_and_in_order() -> None:
    assert [number for number, _ in rows(PAGE)] == ROWS
    assert all(len(cells) == 3 for _, cells in rows(PAGE))


def test_what_it_names_is_there() -> None:
    assert wrong(PAGE) == []


# (what is put in place of what, what is found)
CANARIES = [
    ("::test_what_times_out_is_swept`", "::test_what_is_not_there`", "6: tests/store/test_engines.py::test_what_is_not_there"),
    ("tests/machines/test_holds.py", "tests/machines/no_holds.py", "6: tests/machines/no_holds.py::TestHolds"),
    ("proof `value_is_conserved`", "proof `value_is_kept`", "6: proof value_is_kept"),
    ("model `denials are not stored`", "model `denials`", "5: model denials"),
    ("`tail_lost`", "`head_lost`", "34: simulation head_lost"),
    ("planted `retry_as_new`", "planted `retry`", "19: planted retry"),
]  # fmt: skip


@pytest.mark.parametrize(("was", "now", "found"), CANARIES)
def test_what_is_not_there_would_be_found(was: str, now: str, found: str) -> None:
    assert found in wrong(PAGE.replace(was, now))
