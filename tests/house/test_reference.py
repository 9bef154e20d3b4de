"""The language reference is whole and true: its policies compile, its tests hold, nothing of the language is left out.

The blocks of a page that name a file are that page's folder; those of one sub-folder are one policy.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from house.test_docs import ROOT, blocks_of
from overspill.syntax import tree
from overspill.syntax.read import read
from overspill.words.spans import Span

PAGES = sorted((ROOT / "docs" / "language").glob("*.md"))


def _written(page: Path, folder: Path) -> list[Path]:
    """The page's files under `folder`; the sub-folders that hold policies."""
    for block in blocks_of(page):
        if block.file:
            path = folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, "utf-8")
    return sorted({path.parent for path in folder.rglob("*.spill*")})


def _overspill(*arguments: str) -> str:
    """What a command prints; it must succeed."""
    command = [sys.executable, "-m", "overspill", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_policies_compile_without_a_warning_and_tests_hold(page: Path, tmp_path: Path) -> None:
    policies = _written(page, tmp_path)
    assert policies
    for policy in policies:
        _overspill("check", "--fail-level", "warning", str(policy))
        if list(policy.glob("*.test.yaml")):
            _overspill("test", str(policy))


def test_a_wrong_example_would_be_found(tmp_path: Path) -> None:
    """The canary: one number of one test is another."""
    page = tmp_path / "page.md"
    text = (ROOT / "docs" / "language" / "README.md").read_text("utf-8")
    page.write_text(text.replace("capacity 10 runs", "capacity 11 runs"), "utf-8")
    (policy,) = _written(page, tmp_path / "folder")
    with pytest.raises(AssertionError, match="the eleventh run waits"):
        _overspill("test", str(policy))


def _nodes(value: object) -> Iterator[msgspec.Struct]:
    if isinstance(value, msgspec.Struct):
        if type(value).__module__.startswith(tree.__name__):
            yield value
        for field in value.__struct_fields__:
            yield from _nodes(getattr(value, field))
    elif isinstance(value, tuple):
        for part in value:
            yield from _nodes(part)


def _said(pages: Sequence[Path]) -> set[str]:
    """`Limit.warn_at` for each part of the language that an example states, in the DSL."""
    found: set[str] = set()
    for page in pages:
        for block in blocks_of(page):
            if not block.file.endswith(".spill"):
                continue
            file, faults = read(block.file, block.text.encode())
            assert file is not None, faults
            for node in _nodes(file.items):
                name = type(node).__name__
                found.add(name)
                found |= {
                    f"{name}.{field}"
                    for field in node.__struct_fields__
                    if getattr(node, field) not in (None, (), False)
                }
    return found


def _language() -> set[str]:
    """Every node of the tree, and every part that a node may state."""
    kinds = [
        kind
        for kind in vars(tree).values()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and "span" in kind.__struct_fields__
    ]
    assert Span not in kinds
    found = {kind.__name__ for kind in kinds} - {"Comment"}
    return found | {
        f"{kind.__name__}.{field}" for kind in kinds for field in kind.__struct_fields__ if kind.__name__ in found
    }


def test_every_part_of_the_language_has_an_example() -> None:
    assert sorted(_language() - _said(PAGES)) == []


def test_a_part_without_an_example_would_be_found() -> None:
    """The canary of the above."""
    assert {"Grace", "Grace.only_if"} <= _language() - _said([page for page in PAGES if page.stem != "further_layers"])
