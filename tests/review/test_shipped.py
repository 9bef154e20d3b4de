"""The shipped tests are worth having: each small change of the shipped policy's meaning makes one of them fail."""

from __future__ import annotations

from importlib.resources import files

import pytest

from overspill.plan.program import Program
from overspill.review.cases import run_steps
from overspill.review.matrix import run_matrix
from overspill.review.suite import Case
from overspill.review.suite_reader import read_suite
from overspill.review.vocabulary import Vocabulary, vocabulary_of
from overspill.runtime.bundles import sources_of
from overspill.runtime.policies import compiled
from overspill.syntax.yaml_nodes import read_nodes
from overspill.words.failures import PolicyFaults
from overspill.words.spans import Source

SHIPPED = sources_of("codex_sora")


def failing(sources: dict[str, bytes]) -> list[str]:
    """The names of the shipped cases that do not hold of this policy, or what its tests name and it has not."""
    program = compiled(sources)
    words = vocabulary_of(program.plan)
    found: list[str] = []
    for path in sorted((files("overspill_policies") / "codex_sora").iterdir(), key=lambda path: path.name):
        if path.name.endswith(".test.yaml"):
            source = Source(path.name, path.read_text("utf-8"))
            top, _ = read_nodes(source)
            assert top is not None
            suite, faults = read_suite(top, source, words)
            found += [fault.message for fault in faults]
            for case in () if suite is None else suite.cases:
                found += [] if _holds(program, words, case) else [case.name]
    return found


def _holds(program: Program, words: Vocabulary, case: Case) -> bool:
    try:
        if case.matrix is None:
            return run_steps(program, words, case).holds
        return run_matrix(program, words, case, case.matrix.table.text).holds
    except PolicyFaults:  # what is given cannot be
        return False


def test_the_policy_as_it_is_passes() -> None:
    assert failing(SHIPPED) == []


CHANGES = [
    ("codex.spill", '"plus":  five_hours 60 credits', '"plus": five_hours 60.000001 credits'),
    ("codex.spill", '"plus":  five_hours 60 credits, week 300', '"plus": five_hours 60 credits, week 299.999999'),
    ("codex.spill", "week 6_000 credits", "week 6000.000001 credits"),
    ("codex.spill", '"pro":   five_hours unlimited', '"pro": five_hours 6000 credits'),
    ("codex.spill", "default: five_hours 0 credits, week 0 credits", "default: five_hours 1 credits, week 1 credits"),
    ("codex.spill", "window five_hours: 5h", "window five_hours: 6h"),
    ("codex.spill", "window week:       7d", "window week: 8d"),
    ("codex.spill", '"fast": 2.5', '"fast": 2'),
    ("codex.spill", "deny account_suspended when user.suspended;", ""),
    ("codex.spill", "when user.suspended", "when !user.suspended"),
    ("codex.spill", "draw plan_windows;\n  draw promo;", "draw promo;\n  draw plan_windows;"),
    ("codex.spill", "has(workspace.id) && !workspace.frozen", "has(workspace.id)"),
    ("codex.spill", "offer wait, add_credits, upgrade", "offer wait, add_credits"),
    ("codex.spill", "deny usage_exhausted", "deny usage_used_up"),
    ("codex.spill", "fill split", "fill whole"),
    ("codex.spill", "expire after 15min", "expire after 16min"),
    ("codex.spill", "late capture 1h", "late capture 1ms"),
    ("codex.spill", "on shortfall deny", "on shortfall partial"),
    ("codex.spill", "fresh_input_tokens 125,", "fresh_input_tokens 126,"),
    ("codex.spill", "cached_input_tokens 12.5,", "cached_input_tokens 13,"),
    ("codex.spill", "output_tokens 750", "output_tokens 751"),
    ("codex.spill", "fresh_input_tokens 62.5,", "fresh_input_tokens 63,"),
    ("codex.spill", "output_tokens 375", "output_tokens 376"),
    ("codex.spill", "cached_input_tokens 6.25,", "cached_input_tokens 6.5,"),
    ("codex.spill", "from 2027-01-01T00:00:00Z", "from 2027-01-01T00:00:01Z"),
    ("codex.spill", "fresh_input_tokens 100,", "fresh_input_tokens 101,"),
    ("codex.spill", "cached_input_tokens 10,", "cached_input_tokens 11,"),
    ("codex.spill", "output_tokens 500", "output_tokens 501"),
    ("codex.spill", "fresh_input_tokens 50,", "fresh_input_tokens 51,"),
    ("codex.spill", "cached_input_tokens 5,", "cached_input_tokens 6,"),
    ("codex.spill", "output_tokens 300", "output_tokens 301"),
    ("codex.spill", "round half_even", "round up"),
    ("access.spill", "  free;\n", ""),
    ("access.spill", 'user.use_credits == "never"', 'user.use_credits == "no"'),
    ("access.spill", "lots expire after 12mo", "lots expire after 11mo"),
    (
        "access.spill",
        "order priority, expires_at, category, granted_at, id",
        "order expires_at, priority, category, granted_at, id",
    ),
    ("access.spill", 'when user.plan in ["plus", "pro"]', 'when user.plan in ["plus"]'),
    ("access.spill", '    when user.plan in ["plus", "pro"];\n', ""),
    ("access.spill", "on top_up_cap partial", "on top_up_cap none"),
    ("sora.spill", "capacity 30 generations", "capacity 31 generations"),
    ("sora.spill", "America/Los_Angeles", "America/Denver"),
    ("sora.spill", "10 credits per generation", "11 credits per generation"),
    ("sora.spill", "offer wait, add_credits", "offer add_credits"),
]


@pytest.mark.parametrize(
    ("name", "old", "new"), CHANGES, ids=[f"{old.strip()[:40]} → {new[:20]}" for _, old, new in CHANGES]
)
def test_a_change_of_meaning_is_noticed(name: str, old: str, new: str) -> None:
    text = SHIPPED[name].decode()
    assert old in text
    assert failing({**SHIPPED, name: text.replace(old, new, 1).encode()}) != []
