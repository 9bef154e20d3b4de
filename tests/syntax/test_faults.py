"""Policy texts that are wrong: each gives the fault that an author understands, at its place, and all of them at once."""

from __future__ import annotations

import pytest

from overspill.syntax.frame import render
from support.texts import DSL, YAML, faults_of

# (replace this, by that) → code, what the fault stands on, message
DSL_CASES = [
    ("unit credits: decimal(2);", "unit credits decimal(2);", "OSP110", "decimal", "unexpected `decimal`"),
    ("language 1;", "language 1", "OSP110", "unit", "unexpected `unit`"),
    (
        "  per user;\n  unit credits;\n  window",
        "  per user\n  unit credits;\n  window",
        "OSP110",
        "unit",
        "unexpected `unit`",
    ),
    ("draw plan_limit;", "draw 7;", "OSP110", "7", "unexpected `7`"),
    ("deny blocked when user.blocked;", "deny blocked when user.blocked &&;", "OSP110", ";", "unexpected `;`"),
    ('"m1": tokens 1.5;', '"m1": tokens 1.5.2;', "OSP110", ".2", "unexpected `.2`"),
    ('"m1": tokens 1.5;', '"m1": tokens 1e3;', "OSP110", "1e3", "unexpected `1e3`"),
    ("language 1;", "language 1;\ncap seat { per user; }", "OSP202", "cap", "the cap states no `unit`"),
    ("language 1;", "language 1;\nlimt x { }", "OSP201", "limt", "unknown statement `limt`"),
    ("limit plan_limit", "limit Plan", "OSP205", "Plan", "`Plan` is no name"),
    ("limit plan_limit", "limit рlan", "OSP110", "р", "unexpected `р` (U+0440)"),
    (
        "  unit credits;\n  window",
        "  unit credits;\n  unit credits;\n  window",
        "OSP203",
        "unit credits;",
        "`unit` is stated twice",
    ),
    ("  capacity by user.plan", "  // capacity by user.plan", "OSP202", "limit", "the limit states no `capacity`"),
    (
        'serves request.product == "text"',
        'serves request.product == "text',
        "OSP110",
        '"',
        "the string is not closed on its line",
    ),
    ("window day: calendar day in UTC;", "", "OSP202", "limit", "the limit states no `windows`"),
    ("policy tiny version 1;", "", "OSP202", None, "no file of the bundle has a `policy` line"),
    (
        "language 1;",
        "language 1;\npolicy other version 2;",
        "OSP203",
        "policy other version 2;",
        "`policy` is stated twice",
    ),
]

YAML_CASES = [
    ('version: "1"', "version: &a 1", "OSP121", "&a 1", "YAML's anchors are not read here"),
    ('version: "1"', "version: *a", "OSP121", "*a", "YAML's aliases are not read here"),
    ('version: "1"', "version: !!int 1", "OSP124", "!!int 1", None),
    ('version: "1"', "version: 1e3", "OSP205", "1e3", "`1e3` is no plain number"),
    ('version: "1"', "version: 017", "OSP205", "017", "`017` is no plain number"),
    ('version: "1"', "version: 1:30", "OSP205", "1:30", "`1:30` is no plain number"),
    ('version: "1"', "version: 1_0", "OSP205", "1_0", "`1_0` is no plain number"),
    ('version: "1"', "version: 0x1f", "OSP205", "0x1f", "`0x1f` is no plain number"),
    ('version: "1"', "version: .inf", "OSP205", ".inf", "`.inf` is no plain number"),
    ('default: "false"', "default: no", "OSP205", "no", "`no` is neither true nor false"),
    ("language:", 'language: "1"\nlanguage:', "OSP123", "language", "the key `language` is there twice"),
    ("language:", "<<: {a: b}\nlanguage:", "OSP122", "<<", "YAML's merge keys are not read here"),
    ("language:", "? [a]\n: b\nlanguage:", "OSP125", "[a]", "a key is plain text"),
    ("10 credits", "10.005 credits", "OSP221", "10.005", None),
    ("10 credits", "1e3000000 credits", "OSP205", "1e3000000", "`1e3000000` is no plain number"),
    ("10 credits", "10", "OSP205", "10", "`10` is no amount"),
    ("10 credits", "[10]", "OSP204", "[10]", "a bound is one value, not a list"),
    ('"user.blocked"}]', "user.blocked}]", "OSP205", "user.blocked", "an expression stands in quotes"),
    ("    unit: credits\n    windows", "    unt: credits\n    windows", "OSP201", "unt", "unknown key `unt`"),
    ("language:", "---\nlanguage:", None, None, None),
    ("pools:", "pools: [", "OSP120", None, None),
]


@pytest.mark.parametrize(("old", "new", "code", "on", "message"), DSL_CASES)
def test_a_wrong_dsl_line_is_named(old: str, new: str, code: str, on: str | None, message: str | None) -> None:
    assert old in DSL
    first = faults_of(DSL.replace(old, new, 1))[0]
    assert first.code == code
    assert on is None or first.span.text == on
    assert message is None or first.message == message


@pytest.mark.parametrize(("old", "new", "code", "on", "message"), YAML_CASES)
def test_a_yaml_trap_is_named(old: str, new: str, code: str | None, on: str | None, message: str | None) -> None:
    assert old in YAML
    first = faults_of(YAML.replace(old, new, 1), "t.spill.yaml")[0]
    assert code is None or first.code == code
    assert on is None or first.span.text == on
    assert message is None or first.message == message


@pytest.mark.parametrize(
    ("data", "name", "code"),
    [
        (b"policy \xff", "t.spill", "OSP101"),
        (b"a: " + b"x" * 300 * 1024, "t.spill.yaml", "OSP102"),
        (b"a: " + b"[" * 10_000, "t.spill.yaml", "OSP103"),
        (b"limit a " + b"{" * 10_000, "t.spill", "OSP103"),
        (b"- a\n" * 20_001, "t.spill.yaml", "OSP102"),
        ("policy a\u202eb version 1;".encode(), "t.spill", "OSP104"),
        ("a: b\u200bc".encode(), "t.spill.yaml", "OSP104"),
        (b"", "t.spill.yaml", "OSP204"),
        (b"", "t.spill", "OSP202"),
        (b"- a", "t.spill.yaml", "OSP204"),
        (b"a: 1\n--- \nb: 2", "t.spill.yaml", "OSP125"),
    ],
)
def test_a_file_that_is_no_policy_text_is_refused_at_once(data: bytes, name: str, code: str) -> None:
    assert faults_of(data, name)[0].code == code


def test_all_faults_of_a_file_are_found_at_once() -> None:
    text = DSL.replace("language 1;", "langage 1;").replace("draw plan_limit;", "drow plan_limit;")
    codes = [(fault.code, fault.span.text) for fault in faults_of(text)]
    assert ("OSP201", "langage") in codes
    assert ("OSP201", "drow") in codes


def test_all_traps_of_a_yaml_file_are_found_at_once() -> None:
    text = YAML.replace('version: "1"', "version: &a 1").replace(
        "language:", "<<: {b: *a}\n? [x]\n: y\nlanguage: !!int"
    )
    found = [fault.code for fault in faults_of(text + 'language: "1"\n', "t.spill.yaml")]
    assert found == ["OSP121", "OSP122", "OSP121", "OSP125", "OSP124", "OSP123"]


def test_an_end_that_comes_too_early_is_said_once() -> None:
    faults = faults_of(DSL.rstrip().removesuffix("}"))
    assert [fault.message for fault in faults] == ["unexpected end"]


def test_what_is_nested_too_deep_is_shown_where_it_is() -> None:
    (fault,) = faults_of(DSL.replace("when user.blocked;", f"when {'(' * 70}user.blocked{')' * 70};"))
    before = fault.span.source.text[: fault.span.start]
    assert (fault.code, before.rpartition("when ")[2]) == ("OSP103", "(" * 63)  # one brace is around them


def test_a_frame_shows_the_line_the_second_place_and_the_help() -> None:
    text = DSL.replace("draw money when", "draw plan_limit;\n  draw money when", 1)
    assert render(faults_of(text)) == (
        "error[OSP301]: layer `plan_limit` is drawn twice\n"
        "   ┌─ t.spill:23:8\n"
        "22 │   draw plan_limit;\n"
        "   │        ---------- drawn here first\n"
        "23 │   draw plan_limit;\n"
        "   │        ^^^^^^^^^^ drawn again\n"
        "   = help: keep the one whose place you mean\n"
    )
