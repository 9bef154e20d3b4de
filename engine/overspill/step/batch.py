"""Commands one after the other: how an account is looked up, how what has ended is met first, how a record is put together.

What each command changes is a function of its own beside this file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from overspill.account.due import LotDue, TestDue, next_due
from overspill.account.effects import Effect, SetHold, apply
from overspill.account.state import Account, Hold, Leg
from overspill.decide.admit import Admitted, admit
from overspill.decide.answer import answer
from overspill.decide.decide import DENY, Decided, decide
from overspill.decide.effects import effects_of, legs_of, marks_of, occupying
from overspill.decide.graces import found_funded
from overspill.decide.render import render
from overspill.plan.members import together
from overspill.plan.plan import ROOT, Plan
from overspill.plan.program import Program
from overspill.records.journal import NO_ANSWER, Record, answered
from overspill.records.request import Request
from overspill.records.usage import USAGE
from overspill.records.written import RECORDED, Form, Written
from overspill.step import away, expiry, facts, purchases, reversal, settle, top_ups
from overspill.step.accounts import Change
from overspill.step.commands import (
    Capture,
    Consume,
    ConsumeAway,
    Expire,
    ExpireLot,
    Extend,
    Preview,
    Purchase,
    Release,
    Reserve,
    Reverse,
    SetTopUp,
    TopUp,
    Unpaid,
)
from overspill.step.keys import Identified, identify
from overspill.step.operations import Asked, named, operate
from overspill.step.plans import AccountOf, Plans, RecordOf, no_record
from overspill.words.codec import Raw, replace
from overspill.words.kept import kept
from overspill.words.lengths import instant_after

_DECIDED = (Consume, Preview, Reserve)


class Batch:
    """Commands one after the other at one instant: each meets the states that the ones before it have left.

    `accounts` are the states changed so far, by key; `records` are numbered from `seq`. A command that fails leaves
    nothing behind.
    """

    __slots__ = ("_account_of", "_met", "_plans", "_record_of", "_seq", "_undo", "accounts", "forms", "now", "records")

    def __init__(
        self, plans: Plans, account_of: AccountOf, now: int, seq: int, record_of: RecordOf = no_record
    ) -> None:
        self._plans = plans
        self._account_of = account_of
        self._met: dict[str, Account] = {}
        """States as they were before, of accounts that a command has met: looking one up may mean to unpack it."""
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
            if isinstance(asked, _DECIDED):
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

    def _run(self, command: Identified, asked: Asked | ConsumeAway) -> Written:
        if isinstance(asked, ConsumeAway):
            granted = self.while_away(command, asked)
            assert granted is not None
            return granted.written
        if not isinstance(asked, Expire | ExpireLot | TopUp):
            self.meet(named(asked))
        match asked:
            case Capture() | Extend() | Release():
                return self.follow_up(command, asked)
            case Expire() as expire:
                return self.timed_out(command, expire)
            case ExpireLot() as lot:
                return self.lot_expired(command, lot)
            case Reverse() as reverse:
                return self.reversed(command, reverse)
            case SetTopUp() | TopUp() | Purchase() | Unpaid():
                return self.topped_up(command, asked)
            case _:
                plan = self._plans.active().plan
                return self.change(command, operate(plan, asked, self.account, self.find, self.now, command))

    def find(self, id: str) -> Record | None:
        """The record that an id leads to, of this batch or before it."""
        for record in self.records:
            if id == record.id or id in record.ids:
                return answered(record, self.forms.__getitem__)
        return self._record_of(id)

    def account(self, key: str) -> Account:
        """The state that the command meets."""
        return self.accounts.get(key) or self._met.get(key) or self._look_up(key)

    @property
    def met(self) -> Mapping[str, Account]:
        """The accounts that commands have met, as they were before."""
        return self._met

    def _look_up(self, key: str) -> Account:
        account = self._met[key] = self._account_of(key)
        return account

    def record(
        self,
        command: Identified,
        answer: Written,
        effects: Mapping[str, Sequence[Effect]],
        events: tuple[str, ...] = (),
        ids: tuple[str, ...] = (),
    ) -> Written:
        """Adds the command's record, applies its effects, and gives the answer back."""
        untested: list[str] = []
        for key, changed in effects.items():
            before = self.accounts.get(key)
            self._undo.append((key, before))
            known = before or self._met.get(key) or self._look_up(key)
            after = self.accounts[key] = apply(known, changed, self.now)
            if after.top_ups and top_ups.moves(changed):
                untested.append(key)
        form, form_id, body = answer.form, "", NO_ANSWER
        if form is None:
            body = Raw(answer.body)
        else:
            form_id = form.id
            self.forms[form_id] = form
        self.records.append(
            Record(
                seq=self._seq + len(self.records),
                at=self.now,
                id=command.id,
                ids=ids,
                key=command.key,
                command=Raw(command.payload),
                answer=body,
                form=form_id,
                values=answer.values[RECORDED:],
                effects=effects,
                events=events,
            )
        )
        for key in untested:
            self.test(key)
        return answer

    # ---- preview, consume, reserve

    def decision(self, command: Identified, asked: Preview | Consume | Reserve) -> Written:
        # `type(…) is`: to ask a record's class whether another one's instance is its own takes ten times as long
        program = self._plans.active()
        plan = program.plan
        admitted = admit(plan, asked.request)
        keys = _keys_of((asked.tenant, plan.kind_names, admitted.ids))
        accounts = self.meet(keys)
        if plan.many:
            accounts = (*accounts, *self.members(plan, asked.tenant, accounts))
        root = accounts[ROOT]
        assert root is not None
        id, text, digest = command.id, command.payload.decode(), command.digest
        if type(asked) is not Reserve:
            written, effects, denied = answer(
                program, admitted, accounts, self.now, keys, id, text, digest, root.version
            )
            if type(asked) is Preview:
                return written
            return self.record(command, written, effects, () if denied else USAGE)
        decided = decide(program, admitted, accounts, self.now)
        if decided.outcome == DENY:
            written = render(decided, id, text, digest, root.version, None)
            return self.record(command, written, effects_of(decided, keys))
        hold = _hold(command, decided, keys)
        written = render(decided, id, text, digest, root.version, (hold.id, hold.expires_at))
        effects = marks_of(decided, keys) if decided.waterfall.verify_only else effects_of(decided, keys)
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
        changed, unchanged, now = self.accounts, self._met, self.now
        met: list[Account | None] = []
        for key in keys:
            if key is None:
                met.append(None)
                continue
            account = changed.get(key) or unchanged.get(key)
            if account is None:
                account = unchanged[key] = self._account_of(key)
            if account.due_at <= now:
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
            elif isinstance(due, TestDue):
                self.test(due.account)
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

    # ---- top-ups

    def topped_up(self, command: Identified, asked: SetTopUp | TopUp | Purchase | Unpaid) -> Written:
        plan = self._plans.active().plan
        match asked:
            case SetTopUp():
                change = top_ups.set_up(plan, asked, self.account, self.now, command)
            case TopUp():
                return self.change(command, top_ups.top_up(plan, asked, self.account, self.now, command))
            case Purchase():
                intended = self._plans.of(asked.digest).plan
                change = purchases.purchased(intended, asked, self.account, self.find, self.now, command)
            case Unpaid():
                change = purchases.unpaid(asked, self.account, self.now, command)
        written = self.change(command, change)
        for key in change.effects:
            if top_ups.overdue(plan, key, self.account(key), self.now):
                self.test(key)
        return written

    def test(self, key: str) -> None:
        """Tests an account's balances against their minimums; what that says is a record of its own, if it says anything
        new."""
        plan, account = self._plans.active().plan, self.account(key)
        if top_ups.news(plan, key, account, self.now):
            asked = TopUp(tenant=key.split("/", 1)[0], account=key, version=account.version)
            command = identify(asked)
            self.change(command, top_ups.top_up(plan, asked, self.account, self.now, command))


def account_keys(program: Program, tenant: str, admitted: Admitted) -> tuple[str | None, ...]:
    """`tenant/kind/id` for each kind of the plan, None where the request names no such account."""
    return _keys_of((tenant, program.plan.kind_names, admitted.ids))


@kept
def _keys_of(named: tuple[str, tuple[str, ...], tuple[str | None, ...]]) -> tuple[str | None, ...]:
    tenant, kinds, ids = named
    return tuple([None if id is None else f"{tenant}/{kind}/{id}" for kind, id in zip(kinds, ids, strict=True)])


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
        only=None if decided.bounds.only is None else tuple(sorted(decided.bounds.only)),
        max_charge=dict(decided.bounds.max_charge),
        funded=found_funded(decided),
    )


def _held(decided: Decided) -> tuple[Leg, ...]:
    """What the hold holds: under `verify_only` nothing but its place in a concurrency (LANGUAGE.md S5)."""
    legs = legs_of(decided)
    return tuple([leg for leg in legs if not leg.base]) if decided.waterfall.verify_only else legs
