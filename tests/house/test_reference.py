"""The language reference is whole and true: its policies compile, its tests hold, nothing of the language is left out.

The blocks of a page that name a file are that page's folder; those of one sub-folder are one policy.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from house.test_docs import ROOT, blocks_of
from overspill.syntax import tree
from overspill.syntax.constructs import CONSTRUCTS
from overspill.syntax.format import formatted
from overspill.syntax.read import read
from overspill.syntax.shapes import INLINE, Listed, Named, OneOf, Record, Shape
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_examples_are_formatted(page: Path) -> None:
    policies = [block for block in blocks_of(page) if block.file.endswith((".spill", ".spill.yaml"))]
    assert policies
    for block in policies:
        assert formatted(block.file, block.text.encode()) == (block.text, ())


def test_an_untidy_example_would_be_found() -> None:
    """The canary of the above."""
    (first,) = [block for block in blocks_of(PAGES[0].parent / "README.md") if block.file.endswith(".spill")]
    text = first.text.replace("account user {}", "account user { }")
    assert formatted(first.file, text.encode()) == (first.text, ())
    assert text != first.text


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
    others = [page for page in PAGES if page.stem != "further_layers"]
    assert {"Entitlement", "Entitlement.billed"} <= _language() - _said(others)


def _keys(shape: Shape) -> Iterator[str]:
    """The keys that a value of the shape has in YAML, at any depth."""
    match shape:
        case Record(statements=statements, bare=False):
            for statement in statements:
                yield from () if statement.key == INLINE else (statement.key,)
                yield from _keys(statement.shape)
        case OneOf(records=records):
            for record in records:
                yield from _keys(record)
        case Named(record=record) | Listed(record=record):
            yield from _keys(record)
        case _:
            pass


def _yaml_keys() -> set[str]:
    found: set[str] = set()
    for construct in CONSTRUCTS.values():
        found.add(construct.key)
        for statement in () if construct.bare else construct.statements:
            found |= {statement.key, *_keys(statement.shape)}
    return found


def _explained(text: str) -> set[str]:
    """The words in backticks outside of blocks."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    return {word for code in re.findall(r"`([^`]+)`", prose) for word in re.findall(r"[a-z_]+", code)}


def test_every_key_of_yaml_is_explained() -> None:
    text = (ROOT / "docs" / "language" / "yaml.md").read_text("utf-8")
    assert sorted(_yaml_keys() - _explained(text)) == []
    assert "late_capture" in _yaml_keys() - _explained(text.replace(", late_capture", ""))
