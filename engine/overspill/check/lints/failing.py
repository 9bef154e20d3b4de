"""Conditions that can fail where failing decides: an absent input, an overflow, a division by zero."""

from __future__ import annotations

from collections.abc import Iterator

from overspill.check.lints.subject import Subject
from overspill.check.rules import Condition
from overspill.words.diagnostics import Fault, Severity


def failing_conditions(subject: Subject) -> Iterator[Fault]:
    """OSP364: guards and skips. A draw's own condition has its `on error`, which OSP309 asks for."""
    for waterfall in subject.rules.waterfalls:
        for guard in waterfall.guards:
            if guard.when.expr.can_fail:
                yield _failing(guard.when, f"guard `{guard.name}` denies also when its condition fails")
    for skips in subject.skips():
        for skip in skips:
            if skip.when.expr.can_fail:
                yield _failing(
                    skip.when, f"the condition of skip `{skip.name}` can fail, and then the draw's `on error` decides"
                )


def _failing(condition: Condition, message: str) -> Fault:
    return Fault(
        code="OSP364",
        span=condition.span,
        message=message,
        help="show first that what it reads is there: has(…) && …",
        severity=Severity.HINT,
    )
