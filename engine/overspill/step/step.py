"""step : plans, account states, command, now → answer, records, states after. Pure; everything that decides calls it.

Each command is one function below; they share how an account is looked up, how a timed-out hold is met, and how a
record is put together. A Failure stores nothing and changes nothing (LANGUAGE.md I1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, assert_never

from overspill.account.due import LotDue, next_due
from overspill.account.effects import Effect, SetHold, apply
from overspill.account.state import Account, Hold, Leg
from overspill.decide.admit import Admitted, admit
from overspill.decide.decide import DENY, Decided, decide
from overspill.decide.effects import effects_of, legs_of, occupying
from overspill.decide.render import render
from overspill.plan.members import together
from overspill.plan.plan import ROOT, Plan
from overspill.plan.program import Program
from overspill.records.journal import NO_ANSWER, Record, answered
from overspill.records.request import Request
from overspill.records.usage import USAGE
from overspill.records.written import RECORDED, Form, Written
from overspill.step import away, changes, expiry, facts, lots, resets, reversal, settle
from overspill.step.accounts import Change
from overspill.step.commands import (
    Capture,
    Consume,
    ConsumeAway,
    Expire,
    ExpireLot,
    Extend,
    Grant,
    GrantReset,
    Preview,
    Redeem,
    Refund,
    Release,
    Reserve,
    Reverse,
    SetAttributes,
    Transfer,
    Void,
)
from overspill.step.keys import Identified, identify
from overspill.words.codec import Light, Raw, replace
from overspill.words.kept import kept
from overspill.words.lengths import instant_after

Operation = (
    Capture
    | Extend
    | Release
    | Expire
    | ExpireLot
    | Grant
    | SetAttributes
    | Void
    | Transfer
    | GrantReset
    | Redeem
    | Refund
    | Reverse
)
"""All but requests."""
RecordOf = Callable[[str], Record | None]
"""The record that an id leads to, with the exact bytes of its answer; None for an id that leads to none."""
AccountOf = Callable[[str], Account]
"""The state of an account by its key, `tenant/kind/id`; one never met is `account.state.EMPTY`."""


class Plans(Protocol):
    """The programs that a step may need."""

    def active(self) -> Program:
        """The one that new requests are decided by."""
        ...

    def of(self, digest: str) -> Program:
        """The one of a published digest, which a hold carries."""
        ...


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


def no_record(_: str) -> None:
    """The history of a journal that is empty."""


def step(
    plans: Plans, account_of: AccountOf, command: Identified, now: int, seq: int, record_of: RecordOf = no_record
) -> Outcome:
    """Runs one command at the instant `now`; its records are numbered from `seq`, `record_of` finds those before it. Raises
    Failure."""
    batch = Batch(plans, account_of, now, seq, record_of)
    return Outcome(batch.step(command), batch.records, batch.accounts, batch.forms)


class Batch:
    """Commands one after the other at one instant: each meets the states that the ones before it have left.

    `accounts` are the states changed so far, by key; `records` are numbered from `seq`. A command that fails leaves
    nothing behind.
    """

    __slots__ = ("_account_of", "_plans", "_record_of", "_seq", "_undo", "accounts", "forms", "now", "records")

    def __init__(
        self, plans: Plans, account_of: AccountOf, now: int, seq: int, record_of: RecordOf = no_record
    ) -> None:
        self._plans = plans
        self._account_of = account_of
        self._record_of = record_of
        self._seq = seq
        self._undo: list[tuple[str, Account | None]] = []
        """What the command under way has changed: (account key, what `accounts` had for it)."""
        self.now = now
        self.accounts: dict[str, Account] = {}
        self.records: list[Record] = []
        self.forms: dict[str, Form] = {}
        """The forms of the records' answers, by id."""

    def step(self, command: Identified) -> Written:
        """Runs one command. Raises Failure."""
        self._undo.clear()
        count = len(self.records)
        asked = command.command
        try:
            if isinstance(asked, (Consume, Preview, Reserve)):
                return self.decision(command, asked)
            return self._run(command, asked)
        except Exception:
            for key, before in reversed(self._undo):
                if before is None:
                    del self.accounts[key]
                else:
                    self.accounts[key] = before
            del self.records[count:]
            raise

    def _run(self, command: Identified, asked: Operation | ConsumeAway) -> Written:
        if isinstance(asked, ConsumeAway):
            granted = self.while_away(command, asked)
            assert granted is not None
            return granted.written
        if not isinstance(asked, Expire | ExpireLot):
            self.meet(_named(asked))
        match asked:
            case Capture() | Extend() | Release():
                return self.follow_up(command, asked)
            case Expire() as expire:
                return self.timed_out(command, expire)
            case ExpireLot() as lot:
                return self.lot_expired(command, lot)
            case Grant() as grant:
                change = lots.grant(self._plans.active().plan, grant, self.account, self.now, command)
                return self.change(command, change)
            case SetAttributes() as attributes:
                plan = self._plans.active().plan
                return self.change(command, changes.attributes(plan, attributes, self.account, command, self.now))
            case Void() | Refund():
                plan = self._plans.active().plan
                return self.change(command, lots.void(plan, asked, self.account, self.now, command, self.find))
            case Transfer() as moved:
                plan = self._plans.active().plan
                return self.change(command, lots.transfer(plan, moved, self.account, self.now, command))
            case GrantReset() as banked:
                plan = self._plans.active().plan
                return self.change(command, resets.grant(plan, banked, self.account, self.now, command))
            case Redeem() as redeemed:
                plan = self._plans.active().plan
                return self.change(command, resets.redeem(plan, redeemed, self.account, self.now, command))
            case Reverse() as reverse:
                return self.reversed(command, reverse)
            case _:
                assert_never(asked)

    def find(self, id: str) -> Record | None:
        """The record that an id leads to, of this batch or before it."""
        for record in self.records:
            if id == record.id or id in record.ids:
                return answered(record, self.forms.__getitem__)
        return self._record_of(id)

    def account(self, key: str) -> Account:
        """The state that the command meets."""
        return self.accounts.get(key) or self._account_of(key)

    def record(
        self,
        command: Identified,
        answer: Written,
        effects: Mapping[str, Sequence[Effect]],
        events: tuple[str, ...] = (),
        ids: tuple[str, ...] = (),
    ) -> Written:
        """Adds the command's record, applies its effects, and gives the answer back."""
        for key, changed in effects.items():
            before = self.accounts.get(key)
            self._undo.append((key, before))
            self.accounts[key] = apply(before or self._account_of(key), changed, self.now)
        form = answer.form
        if form is not None:
            self.forms[form.id] = form
        self.records.append(
            Record(
                seq=self._seq + len(self.records),
                at=self.now,
                id=command.id,
                ids=ids,
                key=command.key,
                command=Raw(command.payload),
                answer=NO_ANSWER if form else Raw(answer.body),
                form=form.id if form else "",
                values=answer.values[RECORDED:],
                effects=effects,
                events=events,
            )
        )
        return answer

    # ---- preview, consume, reserve

    def decision(self, command: Identified, asked: Preview | Consume | Reserve) -> Written:
        program = self._plans.active()
        admitted = admit(program.plan, asked.request)
        keys = account_keys(program, asked.tenant, admitted)
        accounts = self.meet(keys)
        if program.plan.many:
            accounts = (*accounts, *self.members(program.plan, asked.tenant, accounts))
        decided = decide(program, admitted, accounts, self.now)
        denied = decided.outcome == DENY
        hold = _hold(command, decided, keys) if isinstance(asked, Reserve) and not denied else None
        root = accounts[ROOT]
        assert root is not None
        written = render(
            decided,
            id=command.id,
            request_json=command.payload.decode(),
            request_digest=command.fingerprint,
            account_version=root.version,
            hold=None if hold is None else (hold.id, hold.expires_at),
        )
        if isinstance(asked, Preview):
            return written
        if hold is not None and decided.waterfall.verify_only:
            effects: dict[str, list[Effect]] = {}
        else:
            effects = effects_of(decided, keys)
        if hold is None:
            return self.record(command, written, effects, () if denied else USAGE)
        for kind, effect in occupying(decided):
            owner = keys[kind]
            assert owner is not None
            effects.setdefault(owner, []).append(effect)
        for key in (keys[ROOT], *effects):
            if key is not None and not _has_hold(effects.get(key, ())):
                effects.setdefault(key, []).append(SetHold(hold))
        return self.record(command, written, effects, (), (hold.id,))

    def while_away(self, command: Identified, asked: ConsumeAway) -> away.Granted | None:
        """A request while the store is away, on the states as they are: what has ended on them is written down when it is
        back. None where nothing is granted so."""
        program = self._plans.active()
        admitted = admit(program.plan, asked.request)
        keys = account_keys(program, asked.tenant, admitted)
        accounts = tuple([None if key is None else self.account(key) for key in keys])
        met = (*accounts, *self.members(program.plan, asked.tenant, accounts))
        granted = away.granted(program, admitted, met, keys, self.now, asked.granted, command)
        if granted is not None:
            self.record(command, granted.written, granted.effects, USAGE)
            self.records[-1] = replace(self.records[-1], away={granted.waterfall: granted.before})
        return granted

    def owner(self, tenant: str, request: Request) -> str:
        """The key of the account that answers for a request. Raises Failure where it names none."""
        program = self._plans.active()
        key = account_keys(program, tenant, admit(program.plan, request))[ROOT]
        assert key is not None
        return key

    def meet(self, keys: Sequence[str | None]) -> tuple[Account | None, ...]:
        """The states of the accounts that a command touches; first of all what has ended on them is written down."""
        met: list[Account | None] = []
        for key in keys:
            if key is None:
                met.append(None)
                continue
            account = self.accounts.get(key) or self._account_of(key)
            if account.due_at <= self.now:
                self.end_due(keys)
                return self.meet(keys)
            met.append(account)
        return tuple(met)

    def members(self, plan: Plan, tenant: str, accounts: Sequence[Account | None]) -> list[Account]:
        """For each many-valued kind its accounts together, as one (`plan.members`)."""
        found = []
        for kind in plan.many:
            owner = accounts[plan.kind_names.index(kind.of)] if kind.of in plan.kind_names else None
            ids = () if owner is None else owner.attributes.get(kind.name, ())
            assert isinstance(ids, tuple)
            states = [(id, self.account(f"{tenant}/{kind.name}/{id}").attributes) for id in ids]
            found.append(Account(attributes=together(kind, states)))  # type: ignore[arg-type]
        return found

    def end_due(self, keys: Sequence[str | None]) -> None:
        """Ends what is due on these accounts, one thing after the other in the order of their instants."""
        named = [key for key in keys if key is not None]
        while (due := next_due({key: self.account(key) for key in named}, self.now)) is not None:
            if isinstance(due, LotDue):
                tenant = due.account.split("/", 1)[0]
                lot = ExpireLot(tenant=tenant, account=due.account, pool=due.pool, lot=due.lot, at=due.at)
                self.lot_expired(identify(lot), lot)
            else:
                owner = due.hold.accounts[ROOT]
                assert owner is not None
                expire = Expire(tenant=owner.split("/", 1)[0], account=owner, hold=due.hold.id)
                self.timed_out(identify(expire), expire)

    # ---- what follows a hold

    def follow_up(self, command: Identified, asked: Capture | Extend | Release) -> Written:
        hold = settle.hold_of(self.account(asked.account), asked.hold, self.now)
        self.meet(hold.accounts)  # a lot of another account's may have taken from it
        hold = settle.hold_of(self.account(asked.account), asked.hold, self.now)
        match asked:
            case Capture(meters=meters, final=final):
                program = self._plans.of(hold.digest)
                settled = settle.captured(program, hold, dict(meters), self.account, self.now, command, final=final)
            case Extend():
                settled = settle.extended(self._plans.of(hold.digest), hold, self.now, command)
            case Release():
                settled = settle.released(hold, self._plans.of, self.account, self.now, command)
        return self.settled(command, settled)

    def timed_out(self, command: Identified, expire: Expire) -> Written:
        hold = self.account(expire.account).holds[expire.hold]
        return self.settled(command, settle.expired(hold, self._plans.of, self.account, self.now, command))

    def lot_expired(self, command: Identified, lot: ExpireLot) -> Written:
        plan = self._plans.active().plan
        return self.change(command, expiry.expire_lot(plan, self._plans.of, lot, self.account, self.now, command))

    def settled(self, command: Identified, settled: settle.Settled) -> Written:
        return self.record(command, Written(settled.answer), settled.effects, settled.events, settled.ids)

    def reversed(self, command: Identified, reverse: Reverse) -> Written:
        done = reversal.finished(reverse, self.find, self._plans.of, self.account, self.now)
        self.meet(done.accounts)
        program = self._plans.of(done.digest)
        return self.change(
            command, reversal.reverse(program, done, reverse, self.find, self.account, self.now, command)
        )

    # ---- grants and attributes

    def change(self, command: Identified, change: Change) -> Written:
        return self.record(command, Written(change.answer), change.effects, ids=change.ids)


def account_keys(program: Program, tenant: str, admitted: Admitted) -> tuple[str | None, ...]:
    """`tenant/kind/id` for each kind of the plan, None where the request names no such account."""
    return _keys_of((tenant, program.plan.kind_names, admitted.ids))


@kept
def _keys_of(named: tuple[str, tuple[str, ...], tuple[str | None, ...]]) -> tuple[str | None, ...]:
    tenant, kinds, ids = named
    return tuple([None if id is None else f"{tenant}/{kind}/{id}" for kind, id in zip(kinds, ids, strict=True)])


def _named(asked: Operation) -> list[str]:
    """The accounts that a command names."""
    match asked:
        case Capture() | Extend() | Release() | Reverse() | Expire() | ExpireLot():
            return [asked.account]
        case Transfer(account=account, to=to):
            return [f"{asked.tenant}/{kind}/{id}" for one in (account, to) for kind, id in one.items()]
        case _:
            return [f"{asked.tenant}/{kind}/{id}" for kind, id in asked.account.items()]


def _has_hold(effects: Sequence[Effect]) -> bool:
    return any(isinstance(effect, SetHold) for effect in effects)


def _hold(command: Identified, decided: Decided, keys: tuple[str | None, ...]) -> Hold:
    waterfall, now = decided.waterfall, decided.now
    expires_at = instant_after(now, waterfall.hold_length)
    return Hold(
        id=command.derived("hold"),
        accounts=keys,
        digest=decided.program.plan.digest,
        waterfall=waterfall.name,
        at=now,
        expires_at=expires_at,
        late_until=instant_after(expires_at, waterfall.late_length),
        base=decided.granted,
        facts=facts.kept(decided.raw[4]),
        request=decided.admitted.request.id,
        decision=command.id,
        legs=_held(decided),
        open=True,
    )


def _held(decided: Decided) -> tuple[Leg, ...]:
    """What the hold holds: under `verify_only` nothing but its place in a concurrency (LANGUAGE.md S5)."""
    legs = legs_of(decided)
    return tuple([leg for leg in legs if not leg.base]) if decided.waterfall.verify_only else legs
