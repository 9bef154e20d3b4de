"""Forms: a record's form and values → its answer, as far as anything of it can be wrong.

A decision repeats its request and the request's fingerprint. Where the form puts them in from the record's own command they
cannot differ from it, and are left out here: that the form does so is looked at once. Any other answer is read whole, and
what it repeats is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from overspill.records.journal import FormOf, Record, answer_of
from overspill.records.written import Form, Value
from overspill.words.codec import Raw

FINGERPRINT, COMMAND = 2, 3
"""Which of the values are the record's own (`records/written.py`)."""
REPEATED: Final = {FINGERPRINT: '"request_digest":"sha256:', COMMAND: '"request":'}
"""Value → what stands before it."""


class Forms:
    """Puts answers together; which forms repeat the command, and nowhere else use it, is found out once for each."""

    def __init__(self, form_of: FormOf) -> None:
        self._form_of = form_of
        self._known: dict[str, tuple[Callable[[Sequence[Value]], bytes], bool]] = {}

    def answer(self, record: Record) -> tuple[Raw | bytes, bool]:
        """The answer, and whether it repeats the command by its form. Raises KeyError, ValueError, TypeError or IndexError
        for one that the form does not give."""
        if not record.form:
            return record.answer, False
        known = self._known.get(record.form)
        if known is None:
            form = self._form_of(record.form)
            known = self._known[record.form] = (form.json_of, _repeats_command(form))
        json_of, repeats = known
        if not repeats:
            return answer_of(record, self._form_of), False
        str(record.command, "utf-8")  # raises where it is no text
        return json_of((record.id, record.key[3], "", "null", record.at, *record.values)), True


def _repeats_command(form: Form) -> bool:
    """Both stand in it once, as text, each in its place."""
    found = [
        (hole.value, hole.reads, before.endswith(REPEATED[hole.value]))
        for before, hole in zip(form.pieces, form.holes, strict=False)
        if hole.value in REPEATED
    ]
    return sorted(found) == [(FINGERPRINT, "text", True), (COMMAND, "text", True)]
