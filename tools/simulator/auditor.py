"""The auditor: reads the journal as a stranger would and counts everything again (ASSURANCE.md section 4).

Shares with the engine its words and its records. A record's answer says what was promised, its effects what was done to
the accounts: the auditor keeps books by the one and accounts by the other, and a difference is a finding. A kind of
command is one row of `_KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from hashlib import sha256
from typing import Any

from overspill.records.journal import GENESIS, FormOf, Record, Segment, records_of
from overspill.words.instants import instant_from_text
from simulator import decisions, expiry, holds, purchases, reversals
from simulator.book import Account, Changes, Finding, LotKey, Where
from simulator.counters import at_most, check
from simulator.ledger import Hold, Lot
from simulator.shown import moved, steps

Within = tuple[int, int]


class Auditor:
    """`finish_started` are the caps that may be passed by what was started below them; `caps` are all."""

    def __init__(self, caps: frozenset[str], finish_started: frozenset[str]) -> None:
        self.caps, self.finish_started = caps, finish_started
        self.accounts: dict[str, Account] = {}
        self.lots: dict[LotKey, Lot] = {}
        self.holds: dict[str, Hold] = {}
        self.requests: dict[str, Hold] = {}
        """The id of every decision that granted something → what it drew; of a consumed request as a hold that is over."""
        self.credited: set[Where] = set()
        """Windows to which use of an earlier one came back."""
        self.consents: dict[Where, purchases.Consent] = {}
        self.purchases: dict[str, purchases.Purchase] = {}
        self.receipts: dict[str, str] = {}
        """A provider's receipt → the purchase that it paid."""
        self.changed: set[str] = set()
        """The accounts that the segment has changed so far, or whose purchases it speaks of."""
        self.answers: dict[str, bytes] = {}
        """The id of every record → its answer."""
        self.seq = self.at = 0
        self.hash = GENESIS
        self.marks: dict[str, int] = {}
        """How often each thing that can happen has happened."""

    def read(self, segments: Iterable[Segment], form_of: FormOf) -> list[Record]:
        """Audits new segments. Raises Finding."""
        found: list[Record] = []
        for segment in segments:
            if segment.previous_hash != self.hash or sha256(self.hash + segment.body).digest() != segment.hash:
                raise Finding(f"the chain breaks at record {segment.first_seq}")
            for record in records_of([segment], form_of):
                self._record(record)
                found.append(record)
            if self.seq != segment.last_seq:
                raise Finding(f"the segment ends at {segment.last_seq}, its records at {self.seq}")
            self.hash = segment.hash
            purchases.tested_enough(self, self.changed)
            self.changed.clear()
        return found

    def mark(self, what: str) -> None:
        self.marks[what] = self.marks.get(what, 0) + 1

    # ---- one record

    def _record(self, record: Record) -> None:
        if record.seq != self.seq + 1:
            raise Finding(f"record {record.seq} follows {self.seq}")
        if record.at < self.at and record.away is None:
            raise Finding(f"time ran backwards at record {record.seq}")
        if record.id in self.answers:
            raise Finding(f"{record.key[2]} {record.key[3]} of {record.key[1]} has two records")
        self.seq, self.at = record.seq, max(self.at, record.at)
        self.answers[record.id] = bytes(record.answer)
        root = record.key[1]
        version = self.accounts[root].version if root in self.accounts else 0
        changes = self._fold(record)
        kind = record.key[2]
        if kind not in _KINDS:
            raise Finding(f"a {kind} has a record")
        self.mark(kind)
        touched = _KINDS[kind](self, record, changes, version)
        self._met(record)
        for key in {**dict.fromkeys(touched), **changes.lots}:
            self._conserved(record, key, changes)

    def _fold(self, record: Record) -> Changes:
        changes = Changes()
        for key, effects in record.effects.items():
            name = key.split("/", 1)[1]
            self.changed.add(name)
            account = self.accounts.setdefault(name, Account())
            account.fold(name, effects, record.at, changes)  # type: ignore[arg-type]
        return changes

    def _met(self, record: Record) -> None:
        """What has ended on an account is written down before anything else happens to it."""
        if record.key[2] in _BY_THEMSELVES or record.away is not None:
            return
        for key in record.effects:
            name = key.split("/", 1)[1]
            due = self.accounts[name].ended(record.at)
            if due:
                raise Finding(f"{record.key[2]} changed {name}, on which {due} had ended by {record.at}")

    def drawn(self, key: LotKey, at: int) -> Lot:
        """The lot that something is drawn from: usable then."""
        lot = self.lots[key]
        if not lot.granted_at <= at < lot.expires_at:
            raise Finding(f"lot {key} was drawn from at {at}: {lot}")
        return lot

    def arrived(self, changes: Changes, key: LotKey, lot: Lot, repaid: int) -> None:
        """A purchase repays what its pool owes, and the rest is the lot."""
        account = self.accounts[key[0]]
        owed = changes.debts[key[:2]][0] if key[:2] in changes.debts else account.debts.get(key[1], 0)
        if repaid != min(owed, lot.granted) or account.debts.get(key[1], 0) != owed - repaid:
            raise Finding(f"{owed} was owed in {key[:2]} and {lot.granted} repaid {repaid} of it")
        if repaid:
            self.mark("debt repaid")
        lot.granted -= repaid
        self.lots[key] = lot

    def _conserved(self, record: Record, key: LotKey, changes: Changes) -> None:
        """Granted = left + held + used + gone, and nothing below nothing."""
        lot = self.lots.get(key)
        if lot is None:
            raise Finding(f"{record.key[2]} changed lot {key}, which nobody granted")
        account = self.accounts.get(key[0])
        stated = 0 if account is None else account.pools.get(key[1], {}).get(key[2], (0, 0))[1]
        if stated != lot.left or min(lot.left, lot.held, lot.used, lot.gone) < 0:
            raise Finding(f"{record.key[2]} leaves {stated} in lot {key}, the answers come to {lot}")
        before = changes.lots.get(key, (0, 0))[0]
        if (lot.voided or lot.expired) and stated > before:
            raise Finding(f"lot {key} came back after it was voided or had expired: {lot}")

    def windows(
        self,
        record: Record,
        changes: Changes,
        added: Mapping[Where, Within],
        back: Mapping[Where, Mapping[int, int]],
    ) -> None:
        """Whether windows changed by what the answer counts: `added` is the least and the most by window, `back` what came
        back by window and generation."""
        for where, (before, after) in changes.windows.items():
            within = added.get(where, (0, 0))
            gone = back.get(where, {})
            if where in self.credited:
                gone = at_most(before, gone)
            check(f"{where} at {record.key[2]}", before, after, record.at, within, gone)
        for (where, generation), (used, now) in changes.closed.items():
            self.mark("counted in a generation that is over" if now > used else "returned to one that is over")
            rest = max(used - back.get(where, {}).get(generation, 0), 0)
            if not rest <= now <= rest + added.get(where, (0, 0))[1]:
                raise Finding(
                    f"{record.key[2]} made {now} of {used} in generation {generation} of {where}, which is over"
                )
        for where, (least, _) in added.items():
            if least and where not in changes.windows:
                raise Finding(f"{record.key[2]} counted {least} in {where}, and no window changed")
        for where, gone in back.items():
            state = self.accounts[where[0]].windows.get(where[1])
            if where not in changes.windows and state is not None and len(state) == 4 and gone.get(state[0]):
                raise Finding(f"{record.key[2]} gave {gone} back to {where}, and no window changed")

    def differs(self, name: str, state: list[Any]) -> str | None:
        """Where the engine's state of an account is not the fold of the journal."""
        return self.accounts.get(name, Account()).differs(state)


# ---- lots


def _granted(auditor: Auditor, record: Record, changes: Changes, _: int) -> list[LotKey]:
    answer = moved(record.answer)
    key = (answer.account, answer.pool, answer.lot)
    if key in auditor.lots:
        raise Finding(f"lot {key} was granted twice")
    granted_at = record.at if answer.effective_at is None else instant_from_text(answer.effective_at)
    paid = (0, 0) if answer.cost is None else (steps(answer.cost.split(" ")[0]), steps(answer.amount))
    lot = Lot(steps(answer.amount), granted_at, expiry.end_of(answer.expires_at), paid)
    auditor.arrived(changes, key, lot, steps(answer.repaid))
    return [key]


def _voided(auditor: Auditor, record: Record, changes: Changes, _: int) -> list[LotKey]:
    answer = moved(record.answer)
    key = (answer.account, answer.pool, answer.lot)
    auditor.lots[key].gone += steps(answer.amount)
    auditor.lots[key].voided = True
    return [key]


def _refunded(auditor: Auditor, record: Record, changes: Changes, version: int) -> list[LotKey]:
    """A lot that was paid for is taken away, and its part of the money is due back: to the nearest cent, half to even."""
    answer = moved(record.answer)
    cost, bought = auditor.lots[answer.account, answer.pool, answer.lot].paid
    due = round(Fraction(cost * steps(answer.amount), bought)) if bought else 0
    if {unit: steps(amount) for unit, amount in answer.money.items()} != {"usd": due}:
        raise Finding(f"{answer.money} is due back for {answer.amount} of {bought} steps that cost {cost}")
    return _voided(auditor, record, changes, version)


def _transferred(auditor: Auditor, record: Record, changes: Changes, _: int) -> list[LotKey]:
    answer = moved(record.answer)
    source, target = (answer.account, answer.pool, answer.lot), (answer.to, answer.pool, answer.to_lot)
    auditor.lots[source].gone += steps(answer.amount)
    lot = Lot(steps(answer.amount), record.at, auditor.lots[source].expires_at, auditor.lots[source].paid)
    auditor.arrived(changes, target, lot, steps(answer.repaid))
    return [source, target]


def _without_lots(auditor: Auditor, record: Record, changes: Changes, _: int) -> list[LotKey]:
    """Attributes and resets: windows begin anew, nothing is counted."""
    for where, (before, after) in changes.windows.items():
        if after[3] and (before is None or before != after):
            raise Finding(f"{record.key[2]} counted in {where}: {before}, {after}")
    return []


_BY_THEMSELVES = frozenset(("expire", "expire_lot", "top_up"))
"""What the engine commands itself, when time has come."""
Checked = Callable[[Auditor, Record, Changes, int], list[LotKey]]
_KINDS: dict[str, Checked] = {
    "consume": decisions.decided,
    "reserve": decisions.decided,
    "capture": holds.captured,
    "release": holds.given_back,
    "expire": holds.given_back,
    "extend": holds.extended,
    "expire_lot": expiry.expired,
    "reverse": reversals.reversed_,
    "grant": _granted,
    "void": _voided,
    "refund": _refunded,
    "transfer": _transferred,
    "set": _without_lots,
    "set_top_up": purchases.agreed,
    "top_up": purchases.attempted,
    "unpaid": purchases.not_paid,
    "purchase": purchases.granted,
    "reset": _without_lots,
    "grant_reset": _without_lots,
    "redeem": _without_lots,
}
"""Kind of command → what its record must be; gives the lots that it speaks of."""
