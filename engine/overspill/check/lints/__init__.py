"""Checked rules → warnings and hints: what is legal and most likely not meant. One pass a question.

A pass is a function of the subject; it only says what it can decide from the text and its constants, and is silent where
it cannot. Passes run only on bundles without errors. A new one is a function in a file of its own and a line in `LINTS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from overspill.check.lints.constant import constant_conditions, repeated_clauses
from overspill.check.lints.failing import failing_conditions
from overspill.check.lints.shadowed import shadowed_guards, shadowed_skips, unreached_draws
from overspill.check.lints.subject import Subject, subject_of
from overspill.check.lints.unused import (
    unread_attributes,
    unread_request_fields,
    unused_cards,
    unused_lets,
    unused_units,
)
from overspill.check.rules import Rules
from overspill.syntax import tree
from overspill.words.diagnostics import Fault

LINTS: tuple[Callable[[Subject], Iterable[Fault]], ...] = (
    unused_units,
    unread_request_fields,
    unread_attributes,
    unused_cards,
    unused_lets,
    constant_conditions,
    repeated_clauses,
    shadowed_guards,
    shadowed_skips,
    unreached_draws,
    failing_conditions,
)


def lint(rules: Rules, bundle: tree.Bundle) -> Iterator[Fault]:
    """The findings of all passes."""
    subject = subject_of(rules, bundle)
    for find in LINTS:
        yield from find(subject)
