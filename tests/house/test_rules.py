"""The page of rules is what the tests say: marks of tests and of state machines, each of a rule that there is."""

from __future__ import annotations

from pathlib import Path

import pytest

import rules

MACHINES = sorted(
    path for path in (Path(__file__).parents[1] / "machines").glob("test_*.py") if "canaries" not in path.name
)


def test_the_page_is_the_one_that_the_marks_come_to() -> None:
    assert rules.PAGE.read_text("utf-8") == rules.page(), "run python tools/rules.py"


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.stem)
def test_every_state_machine_names_the_rules_that_it_shows(path: Path) -> None:
    name = path.stem.removeprefix("test_").title()
    shown = [rule for rule, test in rules.marked() if test == f"machines/{path.name}::Test{name}"]
    assert shown
    assert set(shown) <= set(rules.RULES)
