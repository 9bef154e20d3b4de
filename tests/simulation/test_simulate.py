"""The simulator finds nothing where nothing is wrong, everything that is put in, and the same each time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from simulator.bugs import BUGS, Bug
from simulator.run import STEPS, run

ROOT = Path(__file__).parents[2]


@pytest.mark.rule("S6")
@pytest.mark.rule("T3")
@pytest.mark.parametrize("seed", range(1000, 1004))
def test_whatever_fails_the_auditor_finds_nothing(seed: int) -> None:
    done = run(seed, STEPS)
    assert done.finding is None, done.report()
    assert done.steps == sum(done.kinds.values()) >= STEPS
    assert sum(done.faults.values()) > 100


@pytest.mark.parametrize("bug", BUGS, ids=[bug.__name__ for bug in BUGS])
def test_every_mistake_is_found_within_its_seeds(bug: Bug) -> None:
    findings = (run(seed, STEPS, bug).finding for seed in range(BUGS[bug]))
    assert any(finding is not None for finding in findings)


@pytest.mark.rule("V2")
def test_a_seed_runs_the_same_way_whatever_the_hash_seed() -> None:
    script = "from simulator.run import run; print(*[run(seed, 3000).digest for seed in (7, 8)])"
    digests = set()
    for hash_seed in ("0", "1", "4711"):
        environment = {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT / "tools")}
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True
        )
        digests.add(done.stdout)
    assert len(digests) == 1


def test_a_finding_names_its_seed_and_what_happened_last() -> None:
    retry_as_new = next(bug for bug in BUGS if bug.__name__ == "retry_as_new")
    report = run(3, STEPS, retry_as_new).report()
    assert report.startswith("seed 3, step ")
    assert "has two records" in report
    assert "  ask 0 " in report
