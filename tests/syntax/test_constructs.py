"""Every construct in both surfaces: one tree, one canonical form, one digest, and printers that lose nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given

from overspill.review.diff import compare, read_side
from overspill.syntax import tree
from overspill.syntax.constructs import CONSTRUCTS
from overspill.syntax.read import read
from overspill.syntax.schema import policy_schema
from overspill.syntax.style import in_order
from overspill.syntax.validate import problems
from overspill.syntax.write_dsl import write_dsl
from overspill.syntax.write_yaml import write_yaml
from support.everything import EVERYTHING, any_policies, without_spans
from support.texts import faults_of

SHARED = Path(__file__).parents[3] / "shared" / "examples"


def _items(text: str, name: str = "t.spill") -> tuple[tree.Item, ...]:
    file, faults = read(name, text.encode())
    assert faults == ()
    assert file is not None
    return file.items


def _said(items: tuple[tree.Item, ...]) -> object:
    return without_spans(tuple(in_order(items)))


def _digest(text: str, name: str = "t.spill") -> str:
    return read_side({name: text.encode()}).digest


def test_the_policy_that_says_everything_has_every_construct_and_every_statement() -> None:
    items = _items(EVERYTHING)
    for kind, construct in CONSTRUCTS.items():
        found = [item for item in items if type(item) is kind]
        assert found or kind is tree.Include, construct.word
        for statement in construct.statements if found else ():
            assert any(getattr(item, statement.field) for item in found), f"{construct.word} {statement.field}"


@given(any_policies())
def test_what_is_written_in_dsl_reads_back_as_the_same_tree(text: str) -> None:
    items = _items(text)
    assert _said(_items(write_dsl(items))) == _said(items)


@given(any_policies())
def test_what_is_written_in_yaml_reads_back_as_the_same_tree(text: str) -> None:
    items = _items(text)
    written = write_yaml(items)
    assert _said(_items(written, "t.spill.yaml")) == _said(items)
    assert _digest(written, "t.spill.yaml") == _digest(text)


@given(any_policies())
def test_from_dsl_to_yaml_and_back_is_the_same_text(text: str) -> None:
    once = write_dsl(_items(text))
    assert write_dsl(_items(write_yaml(_items(once)), "t.spill.yaml")) == once
    assert _digest(once) == _digest(text)


@given(any_policies())
def test_what_is_written_in_yaml_is_what_the_schema_says(text: str) -> None:
    document = yaml.load(write_yaml(_items(text)), Loader=yaml.BaseLoader)
    assert problems(document, policy_schema()) == []


def test_the_language_example_has_one_digest_in_both_surfaces() -> None:
    """Runs where the language's own example stands beside the clone."""
    files = sorted(SHARED.glob("codex_sora.spill*")) if SHARED.is_dir() else []
    digests = {read_side({file.name: file.read_bytes()}).digest for file in files}
    assert len(digests) == min(len(files), 1)
    for file in files:
        assert faults_of(file.read_bytes(), file.name) == ()


# Names of the policy → words of the language.
KEYWORDS = {
    "plan_limit": "window",
    "gift": "draw",
    "money": "cap",
    "founders": "until",
    "staff": "times",
    "finish": "when",
    "seat": "within",
    "streams": "occupy",
    "rooms": "holds",
    "is_large": "skip",
    "may_pay": "order",
    "five": "by",
    "fixed": "from",
    "hour": "sliding",
    "rush": "bucket",
    "credits": "per",
    "tier": "of",
    "job": "at",
    "text": "waterfall",
    "pictures": "policy",
    "party": "reset",
    "quiet": "text",
    "company": "many",
}


def test_words_of_the_language_may_be_names() -> None:
    text = re.sub(r"\b[a-z_]+\b(?![^\"\n]*\" ?[;&|\]:])", lambda match: KEYWORDS.get(match[0], match[0]), EVERYTHING)
    assert "pool cap {" in text
    assert [fault.code for fault in faults_of(text)] == ["OSP310"]
    items = _items(text)
    assert _said(_items(write_dsl(items))) == _said(_items(write_yaml(items), "t.spill.yaml")) == _said(items)


DEFAULTS: list[tuple[str, str]] = [
    ("waterfalls.text.admission", "admission verify_only;"),
    ("waterfalls.text.on_unavailable", "on unavailable allow up to 5 credits;"),
    ("waterfalls.text.on_reversal.closed_window", "on reversal closed_window transfer;"),
    ("waterfalls.text.on_reversal.expired_lot", "on reversal expired_lot reissue 7d;"),
    ("waterfalls.text.holds", "holds expire after 90s, late capture 2h;"),
    ("waterfalls.text.holds.late_capture", ", late capture 2h"),
    ("pools.money.on_overshoot", "on overshoot debt up to 50 credits;"),
    ("pools.money.on_expired_in_hold", "on expired_in_hold reissue 7d;"),
    ("pools.money.top_up.on_top_up_cap", "on top_up_cap none;"),
    ("caps.seat.mode", "mode finish_started;"),
]
VALUES = {
    "admission": "hold",
    "on_unavailable": "deny",
    "closed_window": "no_transfer",
    "expired_lot": "breakage",
    "holds": {"expire_after": "15min", "late_capture": "1h"},
    "late_capture": "1h",
    "on_overshoot": "refund",
    "on_expired_in_hold": "honor",
    "on_top_up_cap": "partial",
    "mode": "strict",
}


@pytest.mark.parametrize(("path", "statement"), DEFAULTS)
def test_what_is_not_said_stands_in_the_canonical_form(path: str, statement: str) -> None:
    assert statement in EVERYTHING
    value: object = read_side({"t.spill": EVERYTHING.replace(statement, "", 1).encode()}).canonical
    for word in path.split("."):
        assert isinstance(value, dict)
        value = value[word]
    assert value == VALUES[path.split(".")[-1]]


SAME: list[tuple[str, str]] = [
    ("6_000 credits", "6000.0 credits"),
    ("7d from 2026-01-05", "1w from 2026-01-05"),
    ("warn at 95%, 80%", "warn at 80%, 095%"),
    ("hour 007 credits", "hour 7 credits"),
    ("occupy streams;\n  occupy rooms when has(company.id);", "occupy rooms when has(company.id);\n  occupy streams;"),
    ("burst 20 credits", "burst 20.000 credits"),
    ("at 2 credits per image", "at 2 credits per 1 images"),
]
OTHER: list[tuple[str, str, str]] = [
    ("burst 20 credits", "burst 21 credits", "LIMIT"),
    ("capacity times 2 from", "capacity times 3 from", "LIMIT"),
    ("draw gift at 2 credits", "draw gift at 3 credits", "PRICE"),
    ("draw plan_limit within seat;", "draw plan_limit;", "LIMIT"),
    ("mode finish_started", "mode strict", "LIMIT"),
    ('user.tier in ["large", "huge"]', 'user.tier in ["large"]', "CONDITION"),
    ("!user.blocked || is_large", "user.pays || is_large", "INVARIANT"),
    ("default: 2 holds", "default: 3 holds", "LIMIT"),
    ("admission verify_only", "admission hold", "HOLD"),
]


@pytest.mark.parametrize(("old", "new"), SAME)
def test_how_a_construct_is_written_never_changes_the_digest(old: str, new: str) -> None:
    assert old in EVERYTHING
    assert _digest(EVERYTHING.replace(old, new)) == _digest(EVERYTHING)


@pytest.mark.parametrize(("old", "new", "kind"), OTHER)
def test_what_a_construct_says_changes_the_digest_and_shows_in_the_diff(old: str, new: str, kind: str) -> None:
    assert old in EVERYTHING
    before, after = (read_side({"t.spill": text.encode()}) for text in (EVERYTHING, EVERYTHING.replace(old, new, 1)))
    changes = compare(before, after)
    assert [change.kind for change in changes] == [kind]
    assert changes[0].place is not None


YAML_FAULTS: list[tuple[str, str, str, str]] = [
    (
        "sliding: 1h",
        "slidin: 1h",
        "OSP204",
        "a window is {length, from}, {calendar, in}, {sliding} or {bucket, per, burst}",
    ),
    ("mode: finish_started", "mod: finish_started", "OSP201", "unknown key `mod`"),
    ("on_overshoot: debt up to 50 credits", "on_overshoot: debt up to", "OSP205", "`debt up to` is no reaction"),
    ('warn_at: ["95%", "80%"]', 'warn_at: ["95", "80%"]', "OSP205", "`95` is no percentage"),
    ("is_large: '", "is_large: x  # '", "OSP205", "an expression stands in quotes"),
    ('many: "true"', 'many: "yes"', "OSP205", "`yes` is neither true nor false"),
    ("from: request", "from: anywhere", "OSP205", "`anywhere` is no origin of a field"),
    ("settings: user", "setting: user", "OSP201", "unknown key `setting`"),
    ("valid: 30d, anchor: restart_anchor", "valid: 30d", "OSP202", "`banked_reset` states no `anchor`"),
    ("{first_set: [", "{least: [], first_set: [", "OSP204", "a choice of amounts has one key"),
]


@pytest.mark.parametrize(("old", "new", "code", "message"), YAML_FAULTS)
def test_a_slip_in_yaml_is_named(old: str, new: str, code: str, message: str) -> None:
    text = write_yaml(_items(EVERYTHING))
    assert old in text
    faults = faults_of(text.replace(old, new, 1), "t.spill.yaml")
    assert (code, message) in [(fault.code, fault.message) for fault in faults]


DSL_FAULTS: list[tuple[str, str, str, str]] = [
    ("mode finish_started;", "mode finish_started; mode strict;", "OSP203", "`mode` is stated twice"),
    ("on overshoot debt up to 50 credits;", "on undershoot refund;", "OSP201", "unknown statement `on undershoot`"),
    ("at most 4 holds;", "", "OSP202", "the concurrency states no `at_most`"),
    ("unlimited; }", "unlimited; up to 1 images per calendar day in UTC; }", "OSP203", "`allowance` is stated twice"),
    ("settings user;", "", "OSP202", "the top_up states no `settings`"),
    ("many { ceiling", "mny { ceiling", "OSP110", "unexpected `mny`"),
]


@pytest.mark.parametrize(("old", "new", "code", "message"), DSL_FAULTS)
def test_a_slip_in_dsl_is_named(old: str, new: str, code: str, message: str) -> None:
    assert old in EVERYTHING
    faults = faults_of(EVERYTHING.replace(old, new, 1))
    assert (code, message) in [(fault.code, fault.message) for fault in faults]


@pytest.mark.parametrize("write", [write_dsl, write_yaml])
def test_a_writer_that_forgets_a_statement_is_found(write: Callable[..., str]) -> None:
    """The canary: a tree that says less is not the same tree."""
    items = _items(EVERYTHING)
    name = "t.spill" if write is write_dsl else "t.spill.yaml"
    assert _said(_items(write(items[:-1]), name)) != _said(items)
