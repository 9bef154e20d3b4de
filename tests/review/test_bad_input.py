"""Test files as nobody should write them: a suite or faults with places, and never anything else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill.words.failures import PolicyFaults
from support.suites import ASK, read, run, steps

WHOLE = """given:
  at: 2026-10-05T10:00:00Z
  account: {user: u_ana}
  attributes: {plan: plus, bound: 3 credits}
  windows: {plan_limit.day: {used: 9 credits, generation: 4, ends_at: 2026-10-06T00:00:00Z}}
  lots: {money: [{id: C1, amount: 5 credits, priority: 1, category: promotional, expires_at: 2026-10-07T00:00:00Z}]}
  holds: {h: {product: text, model: m1, tokens: 100}}
invariants: {small: 'granted <= requested'}
cases:
  - name: steps
    steps:
      - reserve: {product: text, model: m1, tokens: 1000}
        hold: one
        expect: {outcome: allow, granted: 1.5, draws: {plan_limit: 1}, layers: {money: drew}, lots: {money: {C1: 4.5}}}
      - capture: {tokens: 100}
        hold: one
      - grant: {pool: money, id: C2, amount: 5 credits}
      - set: {plan: free}
      - wait: 5h
      - at: 2027-01-01T00:00:00Z
      - preview: {product: pictures, images: 2}
        expect: {error: none}
  - name: matrix
    matrix:
      axes: {plan: [free, plus], tokens: [0, 1000], given: {a: {}, b: {lots: {}}}}
      decide: {product: text, model: m1}
      columns: [outcome, draws]
      table: |
        plan  tokens  given | outcome  draws
        free  0       a     | allow    -
"""
PIECES = [
    "",
    "-",
    "{}",
    "[]",
    "{a: b}",
    "'",
    '"',
    ": ",
    "\n",
    "9" * 30,
    "-1",
    "é",
    "0.000001 credits",
    "unlimited",
    "9999y",
    "|",
]


@given(st.integers(0, len(WHOLE)), st.integers(0, 40), st.sampled_from(PIECES))
def test_a_suite_or_faults_and_never_anything_else(start: int, length: int, piece: str) -> None:
    text = WHOLE[:start] + piece + WHOLE[start + length :]
    suite, faults = read(text)
    assert (suite is None) == bool(faults)
    assert all(fault.span.place.startswith("t.test.yaml:") for fault in faults)
    if suite is not None:
        try:
            run(text)
        except PolicyFaults as failure:
            assert all(fault.span.place.startswith("t.test.yaml:") for fault in failure.faults)


@pytest.mark.parametrize(
    "lines",
    [
        ["wait: 999999y", ASK],
        ["wait: 999999w"] * 20,
        ["at: 9999-12-31T23:59:59Z", ASK],
        ["wait: 99999mo", "wait: 99999mo", ASK],
    ],
)
def test_time_ends_somewhere(lines: list[str]) -> None:
    with pytest.raises(PolicyFaults, match="beyond"):
        run(steps(*lines))
