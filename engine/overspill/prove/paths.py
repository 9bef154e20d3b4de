"""All ways through a function: it is run again for each, and every claim is put to the solver on each of them.

A test of a term goes one way per run; the ways not taken are run later, each from the start with its decisions
replayed. A way that no values lead to is left out. What the solver cannot decide is run both ways.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import cast

import z3

from overspill.prove.solvers import Z3
from overspill.prove.terms import Term, Truth, truth
from overspill.words.codec import Struct

PATHS_MAX = 5_000


class Obligation(Struct, frozen=True):
    """What must hold on one way: there are no values with which all of `refuted` holds."""

    claim: str
    goal: str
    path: int
    refuted: tuple[z3.BoolRef, ...]
    names: tuple[str, ...]


class Given:
    """One run of a claim: hands out what is not known, takes what is assumed, and keeps what is to be shown."""

    def __init__(self, solver: Z3, taken: Sequence[bool]) -> None:
        self._solver = solver
        self._taken = taken
        self._decisions: list[bool] = []
        self._divided: dict[tuple[int, int], tuple[z3.ArithRef, z3.ArithRef]] = {}
        self.path: list[z3.BoolRef] = []
        self.goals: list[tuple[str, z3.BoolRef, int]] = []
        self.names: list[str] = []
        self.pruned: list[tuple[z3.BoolRef, ...]] = []
        """What no values fulfil: the ways that were left out."""
        self.later: list[list[bool]] = []

    def number(self, name: str, *, least: int | None = None) -> int:
        """Any integer, or any from `least` on."""
        self.names.append(name)
        term = Term(self, z3.Int(name))
        if least is not None:
            self.path.append(term.expr >= least)
        return cast(int, term)

    def assume(self, *conditions: bool) -> None:
        """What holds before."""
        self.path += [truth(condition) for condition in conditions]

    def shows(self, goal: str, condition: bool) -> None:
        """What must hold here."""
        self.goals.append((goal, truth(condition), len(self.path)))

    def lemma(self, statement: str, condition: bool) -> None:
        """What is shown first, and then helps to show the rest."""
        self.shows(statement, condition)
        self.path.append(truth(condition))

    def product(self, one: int, other: int) -> None:
        """Reminds the solvers that a product of two integers that are not negative is not negative; a claim of its own
        shows it."""
        self.path.append(truth(implies((one >= 0) & (other >= 0), one * other >= 0)))

    # ---- what terms ask

    def branch(self, condition: z3.BoolRef) -> bool:
        """Which way a test goes on this run."""
        at = len(self._decisions)
        if at < len(self._taken):
            way = self._taken[at]
        elif not self._possible(condition):
            way = False
        else:
            way = True
            if self._possible(z3.Not(condition)):
                self.later.append([*self._decisions, False])
        self._decisions.append(way)
        self.path.append(condition if way else z3.Not(condition))
        return way

    def _possible(self, condition: z3.BoolRef) -> bool:
        conditions = (*self.path, condition)
        try:
            possible = self._solver.model(conditions) is not None
        except TimeoutError:
            return True
        if not possible:
            self.pruned.append(conditions)
        return possible

    def divided(self, number: z3.ArithRef, divisor: z3.ArithRef) -> tuple[z3.ArithRef, z3.ArithRef]:
        """Quotient and rest by a divisor that is shown to be positive."""
        key = (number.get_id(), divisor.get_id())
        if key not in self._divided:
            self.goals.append(("what is divided by is positive", divisor > 0, len(self.path)))
            count, nothing = len(self._divided), z3.IntVal(0)
            if z3.simplify(number).eq(nothing):
                quotient, rest = nothing, nothing
            else:
                quotient, rest = z3.Int(f"quotient{count}"), z3.Int(f"rest{count}")
            self.path += [divisor > 0, number == quotient * divisor + rest, rest >= 0, rest < divisor]
            self._divided[key] = (quotient, rest)
        return self._divided[key]


def implies(condition: bool, then: bool) -> bool:
    """`then` wherever `condition` holds, without a branch."""
    return _joined(condition, then, z3.Implies(truth(condition), truth(then)))


def same(one: bool, other: bool) -> bool:
    """Both hold, or neither."""
    return _joined(one, other, truth(one) == truth(other))


def _joined(one: object, other: object, joined: z3.BoolRef) -> bool:
    known = one if isinstance(one, Truth) else other
    return cast(bool, Truth(known.run, joined) if isinstance(known, Truth) else z3.is_true(z3.simplify(joined)))


def ways(solver: Z3, run: Callable[[Given], None]) -> Iterator[Given]:
    """Every way through `run`, each as it stands at its end."""
    todo: list[list[bool]] = [[]]
    count = 0
    while todo:
        given = Given(solver, todo.pop())
        run(given)
        todo += given.later
        count += 1
        if count > PATHS_MAX:
            raise TimeoutError(f"more than {PATHS_MAX} paths")
        yield given
