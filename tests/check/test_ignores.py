"""Ignores: where they stand, what they cover, what they cannot, and that they mean nothing."""

from __future__ import annotations

import pytest

from overspill.review.diff import read_side
from support.texts import DSL, YAML, faults_of

UNIT = "unit calls: integer;"
TWO = "unit calls: integer; unit rings: integer;"
REASON = 'reason "later"'


def codes(text: str, name: str = "t.spill") -> list[str]:
    return [fault.code for fault in faults_of(text, name)]


DSL_ROWS = [
    (UNIT, ["OSP350"]),
    (f"{UNIT} // overspill: ignore[OSP350] {REASON}", []),
    (f"// overspill: ignore[OSP350] {REASON}\n{UNIT}", []),
    (f"//overspill:ignore[ OSP350 ] {REASON}\n// and another word\n{UNIT}", []),
    (f'{UNIT} // overspill: ignore[OSP350] reason="later"', []),
    (f"{TWO} // overspill: ignore[OSP350] {REASON}", []),
    (f"{UNIT} // overspill: ignore[OSP350, OSP351] {REASON}", ["OSP403"]),
    (f"// overspill: ignore[OSP350] {REASON}\n\n{UNIT}", ["OSP403", "OSP350"]),
    (f"unit credit: integer; // overspill: ignore[OSP350] {REASON}\n{UNIT}", ["OSP350"]),
    (f"{UNIT}\n// overspill: ignore[OSP350] {REASON}", ["OSP350", "OSP403"]),
    (f"{UNIT} // overspill: ignore[OSP351] {REASON}", ["OSP350", "OSP403"]),
    (f"{UNIT} // overspill: ignore[OSP350]", ["OSP350", "OSP401"]),
    (f'{UNIT} // overspill: ignore[OSP350] reason "  "', ["OSP350", "OSP401"]),
    (f"{UNIT} // overspill: ignore {REASON}", ["OSP350", "OSP401"]),
    (f"{UNIT} // overspill: ignore[all] {REASON}", ["OSP350", "OSP401"]),
    (f"{UNIT} // overspill is what this is for", ["OSP350"]),
    (f"{UNIT} // overspill: ignore[OSP403, OSP350] {REASON}", ["OSP403"]),
]


@pytest.mark.parametrize(("line", "expected"), DSL_ROWS)
def test_an_ignore_in_the_dsl_covers_its_line_or_the_one_below(line: str, expected: list[str]) -> None:
    assert codes(DSL.replace("language 1;", f"language 1;\n{line}")) == expected


YAML_ROWS = [
    ("calls: integer", ["OSP350"]),
    (f"calls: integer # overspill: ignore[OSP350] {REASON}", []),
    (f"# overspill: ignore[OSP350] {REASON}\n  calls: integer", []),
    (f"calls: integer # overspill: ignore[OSP351] {REASON}", ["OSP350", "OSP403"]),
    ("calls: integer # overspill: ignore[OSP350]", ["OSP350", "OSP401"]),
    (f"calls: integer // overspill: ignore[OSP350] {REASON}", ["OSP120"]),
    (f"calls: {{type: integer, singular: '# overspill: ignore[OSP350] {REASON}'}}", ["OSP205"]),
]


@pytest.mark.parametrize(("line", "expected"), YAML_ROWS)
def test_an_ignore_in_yaml_is_a_comment_of_yaml(line: str, expected: list[str]) -> None:
    units = f"units:\n  credits: decimal(2)\n  {line}\n  images: {{type: integer, singular: image}}\n"
    text = YAML.replace("units: {credits: decimal(2), images: {type: integer, singular: image}}\n", units)
    assert codes(text, "t.spill.yaml") == expected


def test_an_error_stays_and_the_ignore_is_told_so() -> None:
    wrong = DSL.replace("draw plan_limit;", f"draw plan_limit; draw plan_limit; // overspill: ignore[OSP301] {REASON}")
    first, second = faults_of(wrong)
    assert (first.code, first.severity.value) == ("OSP301", "error")
    assert (second.code, second.severity.value, second.notes[0].span) == ("OSP402", "warning", first.span)


def test_with_an_error_about_none_is_said_to_be_unused() -> None:
    ignored = DSL.replace("language 1;", f"language 1;\n{UNIT} // overspill: ignore[OSP350] {REASON}")
    assert codes(ignored.replace("draw plan_limit;", "draw plan_limt;")) == ["OSP302", "OSP210"]


def test_an_ignore_never_changes_the_digest() -> None:
    plain = DSL.replace("language 1;", f"language 1;\n{UNIT}")
    ignored = plain.replace(UNIT, f"// overspill: ignore[OSP350] {REASON}\n{UNIT}")
    assert read_side({"t.spill": plain.encode()}).digest == read_side({"t.spill": ignored.encode()}).digest
