"""A payment provider for tests, demonstrations and simulations: it does what its script says, and charges nobody."""

from __future__ import annotations

from collections.abc import Iterable

from overspill.ports.payments import Declined, Intent, Paid, Payment, Pending
from overspill.words.ids import derived_id, key_text

PAY, DECLINE, WAIT, LOSE = "pay", "decline", "wait", "lose"
"""What a script says of the next question: `wait` answers that the payment is pending, `lose` charges and fails to say so."""


class AnswerLost(ConnectionError):
    """The provider charged, and its answer never came."""


class ScriptedPayments:
    """Answers by `script`, one word a question, and pays all that comes after it. A charge or a decline of an intent is
    remembered: asked again it gives the same answer."""

    def __init__(self, script: Iterable[str] = ()) -> None:
        self._script = list(script)
        self._given: dict[str, Payment] = {}
        self.asked: list[Intent] = []

    def next(self, word: str) -> None:
        """What it does at the end of its script."""
        self._script.append(word)

    @property
    def receipts(self) -> dict[str, str]:
        """Intent → receipt, of all that was charged."""
        return {id: given.receipt for id, given in self._given.items() if isinstance(given, Paid)}

    def charge(self, intent: Intent) -> Payment:
        self.asked.append(intent)
        given = self._given.get(intent.id)
        if given is not None:
            return given
        word = self._script.pop(0) if self._script else PAY
        if word == WAIT:
            return Pending()
        if word == DECLINE:
            self._given[intent.id] = Declined("card_declined")
            return self._given[intent.id]
        self._given[intent.id] = Paid(derived_id(key_text(intent.tenant, intent.id), "pay"))
        if word == LOSE:
            raise AnswerLost(intent.id)
        return self._given[intent.id]
