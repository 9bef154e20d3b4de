"""The first paid use of an account on a day: the first decision or capture in the journal that charges.

What charges is what the `charge` of an answer says (LANGUAGE.md S7): it drew from a pool that is not marked `free`, or was
drawn beyond its lots. The account is the one that asked, the day is that of UTC in which the record was made. So the
journal alone says which record was the first, from the first record of that day on.
"""

from __future__ import annotations

from overspill.records.journal import Record
from overspill.records.told import used_told
from overspill.records.usage import USAGE
from overspill.words.codec import Light, json_decoder
from overspill.words.instants import DAY

MAY = ("consume", "capture")


class Charged(Light, frozen=True, kw_only=True):
    """What such an answer tells."""

    request: str
    charge: dict[str, str]


charged_told = json_decoder(Charged).decode


def may_charge(record: Record) -> bool:
    """Whether its answer must be read to know."""
    return record.events == USAGE and record.key[2] in MAY


def charge_of(record: Record) -> Charged | None:
    """None for a record that charges nothing."""
    if not may_charge(record):
        return None
    told = charged_told(record.answer)
    return told if any(not amount.startswith("-") for amount in told.charge.values()) else None


def asking_account(record: Record) -> str:
    """`user/u_ana`."""
    if record.key[2] != "capture":
        return record.key[1]
    account = used_told(record.command).account
    assert isinstance(account, str)
    return account.partition("/")[2]


def day_of(record: Record) -> int:
    """Days since 1970-01-01."""
    return record.at // DAY


class FirstUses:
    """The first paid uses of one day, of the records up to `through`: all of the journal's from the first one of that day on
    have to be noted, each once and in order."""

    def __init__(self, day: int, after: int) -> None:
        self.day, self.through = day, after
        self._first: dict[tuple[str, str], int] = {}

    def note(self, record: Record) -> None:
        """The record behind those that are noted, with its answer where it `may_charge`."""
        assert record.seq == self.through + 1
        self.through = record.seq
        if day_of(record) == self.day and charge_of(record) is not None:
            self._first.setdefault((record.key[0], asking_account(record)), record.seq)

    def is_first(self, record: Record) -> bool:
        """Of a record of that day which is noted."""
        return self._first.get((record.key[0], asking_account(record))) == record.seq
