"""What became of the attempts of one process, in four words: what it counts is bounded, whatever endpoints answer."""

from __future__ import annotations

from collections import Counter
from threading import Lock

from overspill.hooks.sending import DELIVERED, GONE, Outcome

REFUSED, FAILED = "refused", "failed"
ATTEMPTS = (DELIVERED, REFUSED, FAILED, GONE)
"""`refused`: the endpoint does not want this one; `failed`: nobody has answered, or not with an opinion on this one."""


class Tally:
    """Counted by one thread and read by others."""

    def __init__(self) -> None:
        self._attempts: Counter[str] = Counter()
        self._given_up = 0
        self._lock = Lock()

    def attempt(self, outcome: Outcome) -> None:
        with self._lock:
            self._attempts[_word(outcome)] += 1

    def gave_up(self) -> None:
        """A delivery is a dead letter."""
        with self._lock:
            self._given_up += 1

    def attempts(self) -> dict[str, int]:
        """By each of the words."""
        with self._lock:
            return {word: self._attempts[word] for word in ATTEMPTS}

    def given_up(self) -> int:
        return self._given_up


def _word(outcome: Outcome) -> str:
    if outcome.code in (DELIVERED, GONE):
        return outcome.code
    return FAILED if outcome.is_down else REFUSED
