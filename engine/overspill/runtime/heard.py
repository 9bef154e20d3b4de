"""What became of commands, for who hears of it in a loop: first what is expected, while the commit is waited for, so that an answer
can be made ready meanwhile; then what is so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from overspill.records.answers import Decision
from overspill.records.written import Written
from overspill.runtime.waiting import Waiting
from overspill.words.failures import Failure

Outcomes = Sequence[Decision | Failure]
"""What became of each command, in their order."""


class Hears(Protocol):
    """Neither method raises anything."""

    def expect(self, outcomes: Sequence[Decision]) -> None:
        """What they come to unless the commit fails: nobody may be told yet, and nothing may change by it. Not always known."""

    def answer(self, outcomes: Outcomes) -> None:
        """What they have come to: the very object that was expected, if that has come."""


class HeardAlone:
    """A command, and who hears of it: an asker (`runtime.turns.Asker`)."""

    __slots__ = ("_expected", "_hears", "_waiting")
    expects = True

    def __init__(self, waiting: Waiting, hears: Hears) -> None:
        self._waiting, self._hears = waiting, hears
        self._expected: tuple[Decision] | None = None

    def expect(self) -> None:
        waiting = self._waiting
        if type(waiting.expected) is Written:
            expected = self._expected = (Decision(waiting.expected, waiting.replayed),)
            self._hears.expect(expected)

    def answer(self) -> None:
        expected, waiting = self._expected, self._waiting
        if expected is None or waiting.written is not expected[0].written:
            self._hears.answer((outcome_of(waiting),))
        else:
            self._hears.answer(expected)


class Heard:
    """The same of several, or of what is wrong with them."""

    __slots__ = ("_expected", "_found", "_hears")
    expects = True

    def __init__(self, found: Sequence[Waiting | Failure], hears: Hears) -> None:
        self._found, self._hears = found, hears
        self._expected: list[Decision] | None = None

    def expect(self) -> None:
        expected = []
        for one in self._found:
            if isinstance(one, Failure) or type(one.expected) is not Written:
                return
            expected.append(Decision(one.expected, one.replayed))
        self._expected = expected
        self._hears.expect(expected)

    def answer(self) -> None:
        self._hears.answer(self._as_expected() or [*map(outcome_of, self._found)])

    def _as_expected(self) -> Outcomes | None:
        expected = self._expected
        if expected is not None:
            for one, found in zip(expected, self._found, strict=True):
                if found.written is not one.written:  # type: ignore[union-attr]
                    return None
        return expected


def outcome_of(found: Waiting | Failure) -> Decision | Failure:
    if isinstance(found, Failure):
        return found
    failure = found.failure
    return failure if isinstance(failure, Failure) else decision_of(found)


def decision_of(done: Waiting) -> Decision:
    """Raises its failure."""
    return Decision(done.result(), done.replayed)
