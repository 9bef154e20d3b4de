"""The two tools that compare with other CELs: cases pass and fail as they should, and a difference is found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import cel_conformance
import cel_differential
from overspill.plan.times import Duration
from overspill.plan.values import Map, UInt

PASSING: list[dict[str, object]] = [
    {"expr": "1 + 1", "value": {"int": "2"}},
    {"expr": "1 / 0", "error": ["divide by zero"]},
    {"expr": 'x == "a"', "type_env": [{"name": "x", "type": "string"}], "bindings": {"x": {"value": {"string": "a"}}}, "value": {"bool": True}},
    {"expr": "x || true", "disable_check": True, "value": {"bool": True}},
    {"expr": "y", "container": "a", "type_env": [{"name": "a.y", "type": "uint"}], "bindings": {"a.y": {"value": {"uint": "3"}}}, "value": {"uint": "3"}},
    {"expr": "l.all(x, x > 0)", "type_env": [{"name": "l", "type": {"list": "int"}}], "bindings": {"l": {"value": {"list": [{"int": "1"}]}}}, "implicit_true": True},
    {"expr": "{'a': [1.5, b'x', null]}", "value": {"map": [[{"string": "a"}, {"list": [{"double": "1.5"}, {"bytes": "eA=="}, {"null": True}]}]]}},
    {"expr": "0.0 / 0.0", "value": {"double": "NaN"}},
    {"expr": "duration('1.5s')", "value": {"duration": {"s": "1", "n": 500000000}}},
    {"expr": "type(timestamp(0))", "value": {"type": "google.protobuf.Timestamp"}},
    {"expr": "1 == 'a'", "error": ["no such overload"]},
    {"expr": "x + 1", "type_env": [{"name": "x", "type": "int"}], "check_only": True},
    {"expr": "x > 1 || true", "type_env": [{"name": "x", "type": "int"}], "bindings": {"x": {"error": ["no"]}}, "value": {"bool": True}},
]  # fmt: skip
FAILING: list[dict[str, object]] = [
    {"expr": "1 + 1", "value": {"int": "3"}},
    {"expr": "1", "value": {"uint": "1"}},
    {"expr": "1 + 1", "error": ["overflow"]},
    {"expr": "1 / 0", "value": {"int": "0"}},
    {"expr": "1 +", "value": {"int": "1"}},
    {"expr": "1 == 'a'", "value": {"bool": False}},
    {"expr": "1", "value": {"message": "none is known"}},
    {"expr": "[1].all(x, x > 0)", "disable_macros": True, "value": {"bool": True}},
]


def run(tmp_path: Path, cases: list[dict[str, object]]) -> int:
    file = tmp_path / "cases.jsonl"
    named = [{"id": f"case/{number}", "file": "f", "section": "s", **case} for number, case in enumerate(cases)]
    file.write_text("\n".join(map(json.dumps, named)), "utf-8")
    return cel_conformance.main([str(file)])


def test_what_conforms_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, PASSING) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["f/s", "13", "passed", "0", "failed"]
    assert lines[-1] == "13 of 13 passed, interpreted and compiled"


@pytest.mark.parametrize("case", FAILING, ids=str)
def test_what_does_not_conform_fails(case: dict[str, object], tmp_path: Path) -> None:
    assert run(tmp_path, [*PASSING, case]) == 1


def test_no_cases_are_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cel_conformance.main([]) == 2
    assert cel_conformance.main([str(tmp_path / "missing.jsonl")]) == 2
    assert "missing.jsonl" in capsys.readouterr().err
    assert run(tmp_path, []) == 2


@pytest.mark.parametrize(
    ("left", "right", "agrees"),
    [
        (1, 1, True),
        (1, UInt(1), False),
        (1, 1.0, False),
        (1, True, False),
        (float("nan"), float("nan"), True),
        ((1, "a"), (1, "a"), True),
        ((1, "a"), (1, "b"), False),
        (Map([(1, 2)]), Map([(UInt(1), 2)]), True),
        (Map([(1, 2)]), Map([(1, 3)]), False),
        (Duration(1001), Duration(1999), True),
        (Duration(1000), Duration(2000), False),
        (1, cel_differential.Failed(False, "an error"), False),
        (cel_differential.Failed(True, "a fault"), cel_differential.Failed(False, "an error"), True),
    ],
)
def test_a_difference_is_found(left: object, right: object, agrees: bool) -> None:
    assert cel_differential.agree(left, right) is agrees


def test_no_deviation_explains_a_plain_difference() -> None:
    assert not any(
        item.applies("1 + 1", 2, 3) or item.applies("dyn(1)", 2, cel_differential.Failed(False, "x"))
        for item in cel_differential.DEVIATIONS
    )
