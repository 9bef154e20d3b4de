"""Two surfaces, one meaning: digests, formatting, schemas."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given

from overspill.cel.tables import build
from overspill.review.diff import compare, read_side
from overspill.review.schema import suite_schema
from overspill.runtime.bundles import sources_of
from overspill.syntax import schema
from overspill.syntax.plain import Plain
from overspill.syntax.read import read
from overspill.syntax.validate import problems
from overspill.syntax.yaml_comments import comments
from overspill.syntax.yaml_nodes import read_nodes
from overspill.words.spans import Source
from support.texts import DSL, YAML, faults_of
from support.worlds import policy_texts

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "policies" / "overspill_policies" / "codex_sora"


def _digest(text: str, name: str = "t.spill") -> str:
    return read_side({name: text.encode()}).digest


def test_both_surfaces_of_a_policy_have_one_digest() -> None:
    assert faults_of(DSL) == faults_of(YAML, "t.spill.yaml") == ()
    assert _digest(DSL) == _digest(YAML, "t.spill.yaml")


def test_both_surfaces_of_the_shipped_policy_have_one_digest() -> None:
    assert read_side(sources_of(SHIPPED)).digest == read_side(sources_of(SHIPPED / "yaml")).digest


@given(policy_texts())
def test_generated_policies_have_one_digest_in_both_surfaces(text: str) -> None:
    side = read_side({"t.spill": text.encode()})
    again = json.dumps(_as_yaml(dict(side.canonical)))  # JSON is YAML, with every scalar in quotes
    assert read_side({"t.spill.yaml": again.encode()}).digest == side.digest


def _as_yaml(canonical: dict[str, Plain]) -> dict[str, Plain]:
    """The canonical form with the few lists turned into the mappings that authors write."""
    for counted in (*_values(canonical, "limits"), *_values(canonical, "caps")):
        counted["windows"] = {one.pop("window"): one for one in _copies(counted["windows"])}
        _skips(counted)
    for entitlement in _values(canonical, "entitlements"):
        _skips(entitlement)
    for pool in _values(canonical, "pools"):
        if pool.pop("free") is True:
            pool["free"] = "true"
        _skips(pool)
    return canonical


def _skips(layer: dict[str, Plain]) -> None:
    if "skips" in layer:
        layer["skips"] = {str(one["skip"]): one["when"] for one in _copies(layer["skips"])}


def _values(canonical: dict[str, Plain], key: str) -> list[dict[str, Plain]]:
    found = canonical.get(key, {})
    assert isinstance(found, dict)
    return list(found.values())  # type: ignore[arg-type]


def _copies(items: Plain) -> list[dict[str, Plain]]:
    assert isinstance(items, list)
    return [dict(one) for one in items]  # type: ignore[arg-type]


SAME = [
    ("1.5;", "1.50;"),
    ("per 1000 by", "per 1_000 by"),
    ("2 credits per image", "2 credits per images"),
    ("2 credits per image", "2 credits per 1 image"),
    ("language 1;", "language 1; // a comment\n\n"),
    ("deny blocked when user.blocked;", "deny blocked when (user.blocked);"),
    ('draw money when user.plan != "free";', "draw money when user.plan!='free';"),
    ("otherwise deny used_up;", "fill split; on shortfall deny; on error deny; otherwise deny used_up;"),
    ("otherwise deny used_up;", "holds expire after 900s, late capture 60min; otherwise deny used_up;"),
]
OTHER = [
    ("1.5;", "1.51;"),
    ("day 10 credits", "day 11 credits"),
    ("offer wait, add_money", "offer add_money, wait"),
    ('!= "free"', '== "free"'),
    ("otherwise deny used_up;", "fill whole; otherwise deny used_up;"),
]


@pytest.mark.parametrize(("old", "new"), SAME)
def test_how_it_is_written_never_changes_the_digest(old: str, new: str) -> None:
    assert old in DSL
    assert _digest(DSL.replace(old, new)) == _digest(DSL)


@pytest.mark.parametrize(("old", "new"), OTHER)
def test_what_it_says_always_does(old: str, new: str) -> None:
    assert old in DSL
    assert _digest(DSL.replace(old, new)) != _digest(DSL)


def test_splitting_and_reordering_files_never_changes_the_digest() -> None:
    head, tail = DSL.split("limit plan_limit")
    split = {"b.spill": head.encode(), "a.spill": ("limit plan_limit" + tail).encode()}
    assert read_side(split).digest == _digest(DSL)


def test_windows_may_be_bounded_each_by_itself_without_a_table() -> None:
    rows = 'by user.plan { "plus": day 10 credits; default: day 0 credits; }'
    text = DSL.replace(rows, "day 10 credits, week 30 credits;").replace(
        "in UTC;", "in UTC; window week: calendar week in UTC;"
    )
    yaml_text = YAML.replace(
        "windows: {day: {calendar: day, in: UTC}}",
        "windows: {day: {calendar: day, in: UTC}, week: {calendar: week, in: UTC}}",
    )
    yaml_text = yaml_text.replace(
        "capacity: {by: [user.plan], rows: {plus: {day: 10 credits}}, default: {day: 0 credits}}",
        "capacity: {day: 10 credits, week: 30 credits}",
    )
    assert faults_of(text) == ()
    assert _digest(text) == _digest(yaml_text, "t.spill.yaml")


def test_reader_and_schema_agree_on_the_shipped_yaml() -> None:
    document = yaml.load((SHIPPED / "yaml" / "codex_sora.spill.yaml").read_text(), Loader=yaml.BaseLoader)
    assert problems(document, schema.policy_schema()) == []
    for name in ("codex", "sora"):
        cases = yaml.load((SHIPPED / f"{name}.test.yaml").read_text(), Loader=yaml.BaseLoader)
        assert problems(cases, suite_schema()) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("unit: credits\n    windows", "unt: credits\n    windows"),
        ("10 credits", "ten credits"),
        ("calendar: day", "calendar: dy"),
    ],
)
def test_reader_and_schema_refuse_the_same(old: str, new: str) -> None:
    text = YAML.replace(old, new, 1)
    assert text != YAML
    assert problems(yaml.load(text, Loader=yaml.BaseLoader), schema.policy_schema())
    assert faults_of(text, "t.spill.yaml")


@pytest.mark.parametrize("tool", ["tables", "schemas", "rules"])
def test_what_is_made_from_the_sources_is_current(tool: str) -> None:
    command = [sys.executable, str(ROOT / "tools" / f"{tool}.py"), "--check"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_the_grammar_has_no_conflict() -> None:
    assert build() is not None


DIFFS = [
    ("day 10 credits", "day 8 credits", ["LIMIT"]),
    ("tokens 1.5", "tokens 2", ["PRICE"]),
    ('!= "free"', '== "free"', ["CONDITION"]),
    ("  draw plan_limit;\n", "", ["LAYER"]),
    ("2 credits per image", "3 credits per image", ["PRICE"]),
    ("deny blocked when user.blocked;", "", ["GUARD"]),
    ("offer wait, add_money", "offer wait", ["DEFAULT"]),
    ("version 1;", "version 2;", ["META"]),
    ("// nothing", "", []),
]


@pytest.mark.parametrize(("old", "new", "kinds"), DIFFS)
def test_a_change_is_named_by_what_it_touches(old: str, new: str, kinds: list[str]) -> None:
    before, after = read_side({"t.spill": DSL.encode()}), read_side({"t.spill": DSL.replace(old, new).encode()})
    changes = compare(before, after)
    assert [change.kind for change in changes] == kinds
    assert all(change.place is not None for change in changes)


def test_moved_draws_are_one_change_of_precedence() -> None:
    draws = '  draw plan_limit;\n  draw money when user.plan != "free";\n'
    moved = '  draw money when user.plan != "free";\n  draw plan_limit;\n'
    before, after = read_side({"t.spill": DSL.encode()}), read_side({"t.spill": DSL.replace(draws, moved).encode()})
    (change,) = compare(before, after)
    assert (change.kind, change.old, change.new) == ("PRECEDENCE", "plan_limit, money", "money, plan_limit")


def test_the_comments_of_both_surfaces_are_kept_with_their_places() -> None:
    yaml = "language: \"a # no\" # one\n# two\npolicy: {name: a#no, version: 'x # no'} # three\nowner: |  # head\n  # no\n# four\n"
    document, faults = read_nodes(Source("t.spill.yaml", yaml))
    assert document is not None and faults == ()
    found = comments(document.span.source, document)
    assert [comment.text for comment in found] == ["# one", "# two", "# three", "# head", "# four"]
    assert all(comment.span.text == comment.text for comment in found)
    file, _ = read("t.spill", b'language 1; // one\n// two\nowner "a // no";')
    assert file is not None
    assert [comment.text for comment in file.comments] == ["// one", "// two"]
