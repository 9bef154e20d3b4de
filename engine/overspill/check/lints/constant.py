"""Conditions, or parts of them, that no request changes: always true, always false, or said twice."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from overspill.cel.typed import Conditional, Logic, Not, TypedExpr, conjuncts
from overspill.check.lints.expressions import decided, disjuncts, shape, truth
from overspill.check.lints.subject import Situation, Subject, serves_of, situations
from overspill.words.diagnostics import Fault, Note, Severity

_HELP = {True: "leave it out: it decides nothing", False: "correct it, or delete what depends on it"}


def constant_conditions(subject: Subject) -> Iterator[Fault]:
    """OSP360. A `serves` that is true on purpose is none: it is how one waterfall serves everything."""
    for situation in situations(subject):
        yield from _constants(situation)
    for waterfall in subject.rules.waterfalls:
        for condition in serves_of(waterfall):
            if truth(condition.expr, {}) is not True:
                yield from _constants(Situation(condition, {}, None))


def _constants(situation: Situation) -> Iterator[Fault]:
    whole = situation.condition.expr
    for expr, value in decided(whole, situation.facts):
        word = "true" if value else "false"
        by_serves = situation.serves is not None and not any(part is expr for part, _ in decided(whole, {}))
        yield Fault(
            code="OSP360",
            span=situation.condition.span if expr is whole else expr.span,
            message=f"the condition is always {word}"
            if expr is whole
            else f"this part of the condition is always {word}",
            notes=(Note(situation.serves, "only these requests come here"),) if by_serves and situation.serves else (),
            help=_HELP[value],
            severity=Severity.WARNING,
        )


def repeated_clauses(subject: Subject) -> Iterator[Fault]:
    """OSP363."""
    serves = (condition for waterfall in subject.rules.waterfalls for condition in serves_of(waterfall))
    for condition in chain(serves, (situation.condition for situation in situations(subject))):
        for operator, clauses in _chains(condition.expr):
            first: dict[object, TypedExpr] = {}
            for clause in clauses:
                earlier = first.setdefault(shape(clause), clause)
                if earlier is not clause:
                    yield Fault(
                        code="OSP363",
                        span=clause.span,
                        message=f"the same stands on both sides of `{operator}`",
                        label="said again",
                        notes=(Note(earlier.span, "said here first"),),
                        help="delete one of them, or correct the one that was meant otherwise",
                        severity=Severity.WARNING,
                    )


def _chains(expr: TypedExpr) -> Iterator[tuple[str, tuple[TypedExpr, ...]]]:
    """The operands of each chain of `&&` or `||`, outer ones first."""
    match expr:
        case Logic(operator=operator):
            clauses = conjuncts(expr) if operator == "&&" else disjuncts(expr)
            yield operator, clauses
            for clause in clauses:
                yield from _chains(clause)
        case Not(operand=operand):
            yield from _chains(operand)
        case Conditional(condition=condition, then=then, otherwise=otherwise):
            for part in (condition, then, otherwise):
                yield from _chains(part)
        case _:
            return
