"""Every order of events in a small world keeps the invariants, and every planted bug of the protocol breaks one."""

from __future__ import annotations

import pytest

import model
from protocol import QUICK, Scope
from protocol_bugs import BUGS, Bug

SMALL = Scope((2, 1, 2, 1, 1, 1, 0, 0), 1)


def test_the_invariants_hold_in_every_state() -> None:
    found = model.explore(SMALL, Bug("none"))
    assert found.counterexample == ""
    assert found.states > 5_000


@pytest.mark.parametrize("bug", BUGS, ids=[bug.name for bug in BUGS])
def test_a_planted_bug_gives_a_counterexample(bug: Bug) -> None:
    assert model.explore(QUICK._replace(sends=(2, 2, 2, 1, 1, 2, 1, 2)), bug).counterexample != ""
