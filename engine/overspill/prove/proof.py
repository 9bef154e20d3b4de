"""The proof: each claim on each way through it, put to z3 and again to cvc5."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import z3

from overspill.prove import debts, draws, holds, windows
from overspill.prove.claims import Claim
from overspill.prove.paths import Given, ways
from overspill.prove.solvers import Z3, second_opinion, smt_text
from overspill.words.codec import Struct

CLAIMS: tuple[Claim, ...] = (*draws.CLAIMS, *holds.CLAIMS, *debts.CLAIMS, *windows.CLAIMS)


class Finding(Struct, frozen=True):
    """An obligation that is not shown: `kind` is `refuted` (with values that break it), `undecided`, `raises`, or
    `disagreement` where the second solver does not say what the first one does."""

    kind: str
    goal: str
    detail: str


class Shown(Struct, frozen=True, kw_only=True):
    """What became of one claim. It holds when nothing is found."""

    claim: str
    paths: int
    obligations: int
    left_out: int
    """Ways that no values lead to, which both solvers are asked about too."""
    second_opinions: int
    findings: tuple[Finding, ...]


def show(claim: Claim, solver: Z3, *, twice: bool, first: bool = False) -> Shown:
    """Shows one claim; `twice`: with both solvers; `first`: no further than the first finding."""
    paths = obligations = left_out = opinions = 0
    found: list[Finding] = []
    reached = False
    try:
        for given in ways(solver, claim.run):
            paths += 1
            obligations += len(given.goals)
            left_out += len(given.pruned)
            found += islice(findings(given, solver), 1 if first else None)
            if first and found:
                break
            reached = reached or _reached(given, solver)
            if twice:
                for goal, question in _questions(given):
                    opinions += 1
                    said = second_opinion(smt_text(question), solver.milliseconds)
                    if said != "unsat":
                        found.append(Finding("disagreement", goal, f"cvc5 says {said}"))
        if not reached and not found:
            found.append(Finding("undecided", "what is assumed", "no values are known for which it holds"))
    except TimeoutError as error:
        found.append(Finding("undecided", "the ways through it", str(error)))
    except Exception as error:  # whatever the code under proof raises
        found.append(Finding("raises", type(error).__name__, str(error)))
    return Shown(
        claim=claim.name,
        paths=paths,
        obligations=obligations,
        left_out=left_out,
        second_opinions=opinions,
        findings=tuple(found),
    )


def _reached(given: Given, solver: Z3) -> bool:
    """Whether there are values that go this way: a claim that assumes too much would show anything."""
    try:
        return solver.model(given.path) is not None
    except TimeoutError:
        return False


def findings(given: Given, solver: Z3) -> Iterator[Finding]:
    """What z3 does not show of one way's goals."""
    for goal, condition, upto in given.goals:
        try:
            model = solver.model([*given.path[:upto], z3.Not(condition)])
        except TimeoutError as error:
            yield Finding("undecided", goal, str(error))
            continue
        if model is not None:
            values = (f"{name} = {model.eval(z3.Int(name), model_completion=True)}" for name in given.names)
            yield Finding("refuted", goal, ", ".join(values))


def _questions(given: Given) -> Iterator[tuple[str, list[z3.BoolRef]]]:
    """All that z3 answered with: there are no such values."""
    for goal, condition, upto in given.goals:
        yield goal, [*given.path[:upto], z3.Not(condition)]
    for conditions in given.pruned:
        yield "a way that is left out", list(conditions)
