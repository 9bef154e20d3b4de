"""The decision of LANGUAGE.md section 5, to the byte, under four hash seeds, zones and locales."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from overspill.syntax.validate import problems

GOLDEN = Path(__file__).parent / "golden" / "split.json"

SCRIPT = """
import sys
from overspill.account.state import Account, EMPTY
from overspill.records.request import Request
from overspill.runtime.bundles import sources_of
from overspill.runtime.policies import compiled
from overspill.step.commands import Consume
from overspill.step.keys import identify
from overspill.step.step import step
from overspill.words.instants import instant_from_text as at

class Plans:
    program = compiled(sources_of("codex_sora"))
    def active(self): return self.program
    def of(self, digest): return self.program

ana = Account(118, 0, {"plan": "plus"}, {
    "plan_windows.five_hours": (41, at("2026-10-05T09:00:00Z"), at("2026-10-05T14:00:00Z"), 57_000_000),
    "plan_windows.week": (7, at("2026-10-02T08:00:00Z"), at("2026-10-09T08:00:00Z"), 100_000_000),
}, {
    "promo": (("P1", 2_000_000, 0, at("2026-10-31T00:00:00Z"), 0, 0, 2_000_000),),
    "credits": (("C1", 50_000_000, 0, at("2027-05-01T00:00:00Z"), 0, 1, 50_000_000),),
}, {})
request = Request(
    id="req-7f3", account={"user": "u_ana"},
    fields={"product": "codex", "model": "gpt-5.5", "speed": "fast", "turn": "t-19"},
    meters={"input_tokens": 90000, "cached_input_tokens": 50000, "output_tokens": 8000},
)
outcome = step(Plans(), {"default/user/u_ana": ana}.get, identify(Consume(tenant="default", request=request)),
               at("2026-10-05T10:00:00Z"), 1)
sys.stdout.buffer.write(outcome.answer)
"""


def _run(**environment: str) -> bytes:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT], env={**os.environ, **environment}, capture_output=True, check=True
    ).stdout


@pytest.mark.parametrize("seed", ["0", "1", "42", "4294967295"])
@pytest.mark.rule("V2")
def test_the_languages_own_example_comes_out_to_the_byte(seed: str) -> None:
    zones = {"0": "UTC", "1": "Asia/Kolkata", "42": "America/Los_Angeles", "4294967295": "Pacific/Apia"}
    answer = _run(PYTHONHASHSEED=seed, TZ=zones[seed], LC_ALL="C")
    assert answer == GOLDEN.read_bytes()


@pytest.mark.rule("M3")
def test_the_golden_says_what_the_language_says() -> None:
    decision = json.loads(GOLDEN.read_bytes())
    assert (decision["requested"], decision["granted"], decision["charge"]) == (
        "11.625",
        "11.625",
        {"credits": "18.85"},
    )
    assert [(draw["layer"], draw["base"], draw["amount"]) for draw in decision["draws"]] == [
        ("plan_windows", "1.2", "3"),
        ("promo", "1", "2"),
        ("credits", "9.425", "18.85"),
    ]
    windows = decision["draws"][0]["windows"]
    assert [(one["before"], one["after"], one["binds"]) for one in windows] == [
        ("57", "60", True),
        ("100", "103", False),
    ]


def test_decisions_are_what_their_schema_says() -> None:
    shipped = json.loads((files("overspill_grammar") / "schemas" / "decision.schema.json").read_text())
    golden = json.loads(GOLDEN.read_bytes())
    assert problems(golden, shipped) == []
    assert problems({**golden, "granted": 11}, shipped)
