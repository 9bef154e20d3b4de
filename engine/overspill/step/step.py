"""step : plans, account states, command, now → answer, records, states after. Pure; everything that decides calls it.

Each command is one function below; they share how an account is looked up, how a timed-out hold is met, and how a
record is put together. A Failure stores nothing and changes nothing (LANGUAGE.md I1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from overspill.account.state import Account
from overspill.records.journal import Record
from overspill.records.written import Form, Written
from overspill.step.batch import Batch
from overspill.step.keys import Identified
from overspill.step.plans import AccountOf, Plans, RecordOf, no_record
from overspill.words.codec import Light

__all__ = ["AccountOf", "Batch", "Outcome", "Plans", "RecordOf", "no_record", "step"]


class Outcome(Light, frozen=True):
    """What a command did: its answer, its records in order, and every state it changed."""

    written: Written
    records: Sequence[Record]
    accounts: Mapping[str, Account]
    forms: Mapping[str, Form]
    """Those of the records' answers, by id."""

    @property
    def answer(self) -> bytes:
        """The answer's exact bytes."""
        return self.written.json


def step(
    plans: Plans, account_of: AccountOf, command: Identified, now: int, seq: int, record_of: RecordOf = no_record
) -> Outcome:
    """Runs one command at the instant `now`; its records are numbered from `seq`, `record_of` finds those before it. Raises
    Failure."""
    batch = Batch(plans, account_of, now, seq, record_of)
    return Outcome(batch.step(command), batch.records, batch.accounts, batch.forms)
