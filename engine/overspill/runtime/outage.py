"""What is granted while the store is away, kept until it is back (LANGUAGE.md L13).

An outage begins with a failure of the store that may pass by itself, and is over when everything that was granted in it
stands in the journal, in order, under the ids that it was answered with. The next one counts anew.
"""

from __future__ import annotations

from collections.abc import Mapping

from overspill.account.effects import apply, effects_in
from overspill.account.state import Account
from overspill.records.journal import Record
from overspill.records.written import Written
from overspill.runtime.states import States
from overspill.step.away import Counted, rebased
from overspill.step.commands import Consume, ConsumeAway
from overspill.step.keys import Identified
from overspill.step.step import Batch, Plans
from overspill.words.codec import Struct, replace

PASSING = ("busy", "disk_full", "read_only", "cannot_open", "unreachable")
"""The failures of a store that may pass by themselves. Behind any other the store is not what it should be, or must be
opened again, and what is only kept in memory would be lost."""
READABLE = ("busy", "disk_full", "read_only")
"""Those of them behind which there is a store that can be read."""
AT_ONCE = ("unreachable", "overtaken")
"""The failures behind which nothing has happened, and the same may be done at once: the store was lost before it could have
committed, or another process has written what was not decided on."""
COMMIT_UNKNOWN = "commit_unknown"
"""The store was lost while it committed, and cannot be asked yet. The same command again finds out."""


class Kept(Struct, frozen=True):
    """A record that waits for the store, with the states of all accounts that it was decided on."""

    record: Record
    counts: tuple[Counted, ...]
    before: Mapping[str, Account]


class Outage:
    """One outage of one process: `kept` waits for the store, `given` are the answers by id, each with the
    canonical JSON of its command."""

    def __init__(self, plans: Plans, states: States) -> None:
        self._plans, self._states = plans, states
        self._granted: dict[str, dict[str, int]] = {}
        """Account key → waterfall → base steps."""
        self.accounts: dict[str, Account] = {}
        """The states that are not stored."""
        self.kept: list[Kept] = []
        self.given: dict[str, tuple[bytes, Written]] = {}
        self.at = 0

    def account(self, key: str) -> Account:
        """The state as this process knows it. Raises StoreFailure for one that only the store has."""
        return self.accounts.get(key) or self._states.of(key)

    def grant(self, command: Identified, now: int) -> Written | None:
        """The answer to a request that the policy grants; None for one that it does not. Raises Failure."""
        asked = command.command
        assert isinstance(asked, Consume)
        work = Batch(self._plans, self.account, now, len(self.kept) + 1)
        sofar = self._granted.get(work.owner(asked.tenant, asked.request), {})
        away = ConsumeAway(tenant=asked.tenant, request=asked.request, granted=sofar)
        granted = work.while_away(command, away)
        if granted is None:
            return None
        self._granted[granted.account] = {**sofar, granted.waterfall: granted.before + granted.base}
        [record] = work.records
        record = replace(record, policy=self._plans.active().plan.digest)
        self.kept.append(Kept(record, granted.counts, work.met))
        self.accounts.update(work.accounts)
        self.given[command.id] = (command.payload, granted.written)
        self.at = now
        return granted.written

    def journalled(self, seq: int) -> tuple[list[Record], dict[str, Account]]:
        """(the records behind `seq`, the states after them), as the store is back; without those that another process has
        decided meanwhile."""
        known = self._states.ids.find([kept.record.id for kept in self.kept])
        accounts: dict[str, Account] = {}

        def account_of(key: str) -> Account:
            return accounts.get(key) or self._states.of(key)

        records: list[Record] = []
        for kept in self.kept:
            record = kept.record
            if record.id in known:
                continue
            met = {key: before for key, before in kept.before.items() if account_of(key) != before}
            effects = rebased(effects_in(record.effects), kept.counts, met, account_of, record.at)
            accounts.update({key: apply(account_of(key), changed, record.at) for key, changed in effects.items()})
            records.append(replace(record, seq=seq + len(records) + 1, effects=effects, met=met))
        return records, accounts
