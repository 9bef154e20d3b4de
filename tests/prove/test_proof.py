"""The proof holds of the kernel as it is, and does not of one that is wrong."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import cast

import pytest

import rules
from overspill.account import kernel
from overspill.plan import arithmetic, counting
from overspill.prove.claims import Claim, claim
from overspill.prove.digest import FILES, kernel_digest
from overspill.prove.mutants import mutants, planted, targets
from overspill.prove.paths import Given
from overspill.prove.proof import CLAIMS, show
from overspill.prove.solvers import Z3, second_opinion, versions

BY_NAME = {one.name: one for one in CLAIMS}


@pytest.mark.parametrize("claim", CLAIMS, ids=list(BY_NAME))
def test_the_claim_is_shown_on_every_way_through(claim: Claim) -> None:
    shown = show(claim, Z3(), twice=False)
    assert shown.findings == ()
    assert shown.paths and shown.obligations


# (function, what it is instead, the claim that must not hold of it)
WRONG: list[tuple[Callable[..., object], Callable[..., object], str]] = [
    (kernel.freed, lambda part, keep: (min(part, keep), part), "part_splits"),
    (kernel.kept, lambda asked, base, amount, n, d: (asked, amount), "capture_keeps"),
    (kernel.still_counted, lambda counted, held, keep: keep, "counter_gives_back"),
    (kernel.repaid, lambda debt, bought: (0, bought, debt), "debt_is_repaid_first"),
    (kernel.phase, lambda open, expires_at, late_until, now: 0 if open else 2, "holds_go_one_way"),
    (counting.less, lambda used, amount: used - amount, "window_is_bounded"),
    (counting.room_left, lambda used, bound, finishes, settles: bound - used, "counter_bounds"),
    (arithmetic.drawn_from, lambda left, start, end, wanted, now: min(left, wanted), "lot_gives"),
    (arithmetic.ceil_ratio, lambda amount, n, d: amount * n // d, "covered"),
]


@pytest.mark.parametrize(("function", "wrong", "name"), WRONG, ids=[name for *_, name in WRONG])
def test_a_wrong_kernel_is_refuted_with_values(
    function: Callable[..., object], wrong: Callable[..., object], name: str
) -> None:
    with planted(cast(FunctionType, function), cast(FunctionType, wrong).__code__):
        findings = show(BY_NAME[name], Z3(), twice=False).findings
    assert "refuted" in {finding.kind for finding in findings}
    assert any("=" in finding.detail for finding in findings)
    assert show(BY_NAME[name], Z3(), twice=False).findings == ()


@claim(kernel.freed)
def _assumes_too_much(given: Given) -> None:
    part = given.number("part", least=1)
    given.assume(part <= 0)
    given.shows("anything", part == 7)


@claim(kernel.freed)
def _divides_by_what_may_be_zero(given: Given) -> None:
    given.shows("anything", 1 // given.number("divisor", least=0) >= 0)


@claim(kernel.freed)
def _raises(given: Given) -> None:
    raise KeyError("lot")


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [(_assumes_too_much, "undecided"), (_divides_by_what_may_be_zero, "refuted"), (_raises, "raises")],
)
def test_a_claim_that_shows_nothing_is_not_shown(wrong: Claim, kind: str) -> None:
    assert kind in {finding.kind for finding in show(wrong, Z3(), twice=True).findings}


def test_both_solvers_are_asked_every_question() -> None:
    shown = show(BY_NAME["part_splits"], Z3(), twice=True)
    assert shown.second_opinions == shown.obligations + shown.left_out > 0
    assert shown.findings == ()
    assert set(versions()) == {"z3", "cvc5"}


@pytest.mark.parametrize(("goal", "said"), [("(> a 1)", "sat"), ("(> a a)", "unsat")])
def test_the_second_solver_reads_the_question(goal: str, said: str) -> None:
    assert second_opinion(f"(declare-fun a () Int)\n(assert {goal})\n(check-sat)\n") == said


def test_each_claim_names_rules_of_the_language() -> None:
    assert {rule for claim in CLAIMS for rule in claim.rules} <= set(rules.RULES)
    assert len(BY_NAME) == len(CLAIMS)


def test_the_digest_covers_every_file_that_a_claim_is_about() -> None:
    of = {one.__module__.removeprefix("overspill.").replace(".", "/") + ".py" for claim in CLAIMS for one in claim.of}
    assert of == set(FILES)
    assert kernel_digest() == kernel_digest()
    assert kernel_digest().startswith("sha256:")


def test_every_function_of_the_kernel_is_planted_with_wrongs() -> None:
    names = {function.__name__ for function in targets()}
    assert {"kept", "still_counted", "freed", "phase", "overshoot", "repaid"} <= names
    assert {"cover", "cover_more", "refilled", "counts_until"} <= names
    changed = [mutant.says for mutant in mutants(cast(FunctionType, kernel.freed))]
    assert "return (used, part - used)  →  return (used, part + used)" in changed
