"""Replay: each record's command again, under the policy and on the states that it was decided by, must make the same
record (LEDGER.md LED12).

Records come in, in the journal's order from the first one on; findings come out. The states are the fold of the records
as they stand, not of what is made again: each record answers for itself, and one that is wrong is one finding. Compared
is everything that the command has made, the answer and the effects byte by byte. Not compared is what stands in a
record of how it was made, which is what a replay starts from: `policy`, `met`, `away`, the clock's `drift`, the `build`.

What follows from a command in the same commit (the test of a balance behind a change of it) is made with it and compared
with the records that follow. Where the command was not run, such a record is a command of its own, and gives the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from overspill.account.effects import apply, effects_in
from overspill.account.state import EMPTY, Account, pack, unpack
from overspill.plan.program import Program
from overspill.records.journal import Record, answered
from overspill.step.away import rebased
from overspill.step.commands import ConsumeAway
from overspill.step.keys import identify
from overspill.step.plans import RecordOf
from overspill.step.recorded import command_of
from overspill.step.step import Batch
from overspill.words.codec import JsonFault, Struct, convert, json_bytes, json_decoder, replace
from overspill.words.failures import Failure
from overspill.words.first_difference import ABSENT, first_difference

DIFFERENCE, MISSING_POLICY = "difference", "missing_policy"
LIVE_MAX = 2048
"""So many accounts, at most, stand unpacked."""


class Finding(Struct, frozen=True):
    """What is wrong with a record. `place` is a JSON pointer into it, `was` and `now` are what stands there in the journal
    and in what was made again, as JSON, empty for nothing."""

    finding: str
    """`difference`, or `missing_policy`: it could not be run again."""
    record: int
    id: str
    command: str
    """The kind of command."""
    place: str
    was: str
    now: str


class _Decided(Struct, frozen=True):
    """What of a decision says which policy it was made under."""

    policy: _Policy


class _Policy(Struct, frozen=True):
    digest: str


_decode_decided = json_decoder(_Decided).decode


class Replay:
    """One journal. `program_of` gives the program of a policy's digest and raises Failure for one that it has not;
    `record_of` finds earlier records by id, and may find later ones too."""

    def __init__(self, program_of: Callable[[str], Program], record_of: RecordOf) -> None:
        self._plans = _Plans(program_of)
        self._record_of = record_of
        self._accounts = _Accounts()
        self._due: deque[Record] = deque()
        """Made already: what the next records must be."""
        self._seq = 0
        self.compared = 0
        """How many records were compared."""
        self.missed = 0
        """How many could not be, for want of a policy."""
        self._told: set[str] = set()

    def again(self, record: Record, *, chosen: bool = True) -> Finding | None:
        """Compares the next record where it is chosen, and what follows from a chosen one; the others are only folded."""
        self._plans.digest = record.policy or self._plans.digest
        self._seq = self._seq + 1 if self._seq else record.seq
        found = None
        if self._due or chosen:
            found = self._compared(record)
            if found is not None:
                self._due.clear()
        self._seq = record.seq
        self._fold(record)
        return found

    def end(self) -> Finding | None:
        """What the journal's last command has made beyond its last record."""
        if not self._due:
            return None
        return _lacking(self._due[0])

    # ---- one record

    def _compared(self, record: Record) -> Finding | None:
        self.compared += 1
        try:
            made = self._due.popleft() if self._due else self._made(record)
        except _NotThereError as missing:
            return self._not_compared(record, str(missing))
        except Exception as error:  # whatever a damaged record leads to
            refused = {"code": "internal_error", "message": type(error).__name__}
            if isinstance(error, Failure):
                refused = {"code": error.code, "message": error.message}
            answer = bytes(record.answer).decode("utf-8", "replace")
            return _finding(DIFFERENCE, record, "/answer", answer, json_bytes({"error": refused}).decode())
        if made.id != record.id:
            return _lacking(made)
        was = replace(record, policy="", met={}, drift=0, build=None)
        place = first_difference(json_bytes(was), json_bytes(made))
        return None if place is None else _finding(DIFFERENCE, record, place.pointer, place.was, place.now)

    def _not_compared(self, record: Record, why: str) -> Finding | None:
        """One finding for all records that the same policy is missing for."""
        self.compared -= 1
        self.missed += 1
        if why in self._told:
            return None
        self._told.add(why)
        return _finding(MISSING_POLICY, record, "", ABSENT, json_bytes(why).decode())

    def _made(self, record: Record) -> Record:
        """The record that its command makes; what follows from it is due."""
        self._plans.digest = self._plans.digest or _named(record)
        command = identify(command_of(record))
        asked = command.command
        met = {key: convert(account, Account) for key, account in record.met.items()}
        batch = Batch(
            self._plans, lambda key: met.get(key) or self._accounts.of(key), record.at, self._seq, self._before
        )
        if not isinstance(asked, ConsumeAway):
            batch.step(command)
            first, *further = [answered(made, batch.forms.__getitem__) for made in batch.records]
            self._due.extend(further)
            return first
        granted = batch.while_away(command, asked)
        if granted is None:
            raise Failure("not_granted", "the policy grants nothing while the store is away")
        [made] = [answered(made, batch.forms.__getitem__) for made in batch.records]
        own = effects_in(made.effects)
        return replace(made, effects=rebased(own, granted.counts, met, self._accounts.of, record.at))

    def _before(self, id: str) -> Record | None:
        """The record that an id leads to, of those before this one."""
        found = self._record_of(id)
        return found if found is not None and found.seq < self._seq else None

    def _fold(self, record: Record) -> None:
        try:
            changed = effects_in(record.effects)
        except JsonFault:
            raise Failure(
                "unreadable_record", f"the effects of record {record.seq} cannot be read", help="restore a backup"
            ) from None
        for key, effects in changed.items():
            self._accounts.put(key, apply(self._accounts.of(key), effects, record.at))


def _named(record: Record) -> str:
    """The policy that a decision's own answer names, for a journal that begins before any record names one."""
    try:
        return _decode_decided(record.answer).policy.digest
    except JsonFault:
        raise _NotThereError("no record up to here names the policy that it was made under") from None


def _lacking(made: Record) -> Finding:
    """The journal has another record, or none, where one must be."""
    return _finding(DIFFERENCE, made, "", ABSENT, json_bytes(made).decode())


def _finding(finding: str, record: Record, place: str, was: str, now: str) -> Finding:
    return Finding(finding, record.seq, record.id, record.key[2], place, was, now)


class _NotThereError(Exception):
    """A policy that is needed is not there."""


class _Plans:
    """The programs of the record under way: active is the one that it was made under."""

    def __init__(self, program_of: Callable[[str], Program]) -> None:
        self._program_of = program_of
        self._missing: dict[str, str] = {}
        self.digest = ""

    def active(self) -> Program:
        return self.of(self.digest)

    def of(self, digest: str) -> Program:
        if digest not in self._missing:
            try:
                return self._program_of(digest)
            except Failure as failure:
                self._missing[digest] = failure.message
        raise _NotThereError(self._missing[digest])


class _Accounts:
    """The states so far; all but those at work as packed bytes, a fifth of the size."""

    def __init__(self) -> None:
        self._live: dict[str, Account] = {}
        self._packed: dict[str, bytes] = {}

    def of(self, key: str) -> Account:
        account = self._live.get(key)
        if account is None:
            packed = self._packed.get(key)
            account = EMPTY if packed is None else unpack(packed)
        return account

    def put(self, key: str, account: Account) -> None:
        self._live[key] = account
        if len(self._live) >= LIVE_MAX:
            self._packed.update((key, pack(account)) for key, account in self._live.items())
            self._live.clear()
