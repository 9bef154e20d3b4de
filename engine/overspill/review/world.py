"""One case on its way: the accounts, the clock, the holds by their names, and what was answered before.

Everything that happens goes through the one pure `step`; this keeps its outcome, as the running engine would.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from overspill.account.due import due_at
from overspill.account.purchases import SUCCEEDED
from overspill.account.state import EMPTY, Account
from overspill.plan.functions import ABSENT
from overspill.plan.lots import default_order
from overspill.plan.periods import window_at
from overspill.plan.plan import ROOT, Bucket, Input, Plan, Sliding, WindowKind
from overspill.plan.program import Program
from overspill.plan.shapes import (
    ENDS_AT,
    LOT_EXPIRES_AT,
    LOT_GRANTED_AT,
    LOT_ID,
    LOT_LEFT,
    USED,
    Attribute,
    WindowState,
)
from overspill.records.journal import Record, answered
from overspill.records.request import Request
from overspill.records.wire import meter_of
from overspill.review.suite import (
    Ask,
    CaptureHold,
    ExtendHold,
    Given,
    GrantLot,
    RedeemReset,
    ReleaseHold,
    ResetLimit,
    ResolvePurchase,
    ReverseRequest,
    SetValues,
)
from overspill.review.vocabulary import Kept, Vocabulary, base_key
from overspill.step.commands import (
    Capture,
    Command,
    Consume,
    Extend,
    Grant,
    Preview,
    Purchase,
    Redeem,
    Release,
    Reserve,
    Reset,
    Reverse,
    SetAttributes,
    Unpaid,
    Value,
)
from overspill.step.conflicts import conflict, is_again
from overspill.step.keys import identify
from overspill.step.step import Batch, step
from overspill.words.amounts import text_from_steps
from overspill.words.failures import Failure
from overspill.words.initiators import INITIATOR_PATH
from overspill.words.instants import NEVER, instant_from_text

TENANT = "case"
START = instant_from_text("2026-10-05T10:00:00Z")
"""When nothing is said."""
ACCOUNT_ID = "u_1"

_MAKE: Mapping[str, type[Preview] | type[Consume] | type[Reserve]] = {
    "decide": Consume,
    "preview": Preview,
    "reserve": Reserve,
}

Did = (
    Ask
    | CaptureHold
    | ExtendHold
    | ReleaseHold
    | ReverseRequest
    | GrantLot
    | SetValues
    | ResetLimit
    | RedeemReset
    | ResolvePurchase
)


class Ran(NamedTuple):
    """The answer's exact bytes; `changed` are the keys of the accounts that the command's own record changes."""

    bytes: bytes
    replayed: bool
    changed: tuple[str, ...]


class World:
    """The state of one case. Mutable: it is the place where the case's time passes."""

    def __init__(self, program: Program, words: Vocabulary, given: Given) -> None:
        self.program = program
        self.words = words
        self.now = START if given.at is None else given.at
        self.account: Mapping[str, str] = given.account or {program.plan.kind_names[ROOT]: ACCOUNT_ID}
        self.states = _states(program.plan, words, self.account, given, self.now)
        self.holds: dict[str, tuple[str, str]] = {}
        """Name → (hold id, key of the account that holds); the last one made stands under the empty name too."""
        self.answered: dict[str, tuple[bytes, bytes]] = {}
        """Id of a command → (its canonical JSON, its answer)."""
        self.records: list[Record] = []
        """What was done so far, each with the bytes of its answer."""

    @property
    def seq(self) -> int:
        """The next record's number."""
        return len(self.records) + 1

    # ---- what `step` asks for

    def active(self) -> Program:
        return self.program

    def of(self, digest: str) -> Program:
        return self.program

    def state(self, key: str) -> Account:
        return self.states.get(key, EMPTY)

    def record_of(self, id: str) -> Record | None:
        return next((record for record in self.records if id == record.id or id in record.ids), None)

    # ---- what happens

    def run(self, action: Did, number: int) -> Ran:
        """Does it and keeps what it did; `number` names it where the case gives no id. Raises Failure."""
        command = identify(self.command(action, number))
        before = self.answered.get(command.id)
        if before is not None and not isinstance(command.command, Preview):
            if not is_again(command, before[0]):
                raise conflict(command, before[0])
            return Ran(before[1], True, ())
        outcome = step(self, self.state, command, self.now, self.seq, self.record_of)
        self.states.update(outcome.accounts)
        self.records += [answered(record, outcome.forms.__getitem__) for record in outcome.records]
        changed: tuple[str, ...] = ()
        for record in outcome.records:
            if record.id == command.id:
                changed = tuple(record.effects)
                self.answered[command.id] = (command.payload, outcome.answer)
                self._held(action, record.ids)
        return Ran(outcome.answer, False, changed)

    def end_due(self) -> None:
        """Ends the holds and lots that are due, as the next command that met their accounts would."""
        batch = Batch(self, self.state, self.now, self.seq)
        batch.end_due(sorted(self.states))
        self.states.update(batch.accounts)
        self.records += batch.records

    def twin(self, ask: Ask, number: int) -> bytes:
        """The same request as a preview, or for a preview as a decision, under the id of `ask`'s own; nothing is kept
        of it. Raises Failure."""
        make = Consume if ask.word == "preview" else Preview
        twin = identify(make(tenant=TENANT, request=self.request(ask, number)))
        outcome = step(self, self.state, twin, self.now, self.seq)
        own = identify(self.command(ask, number))
        return outcome.answer.replace(twin.id.encode(), own.id.encode())

    def _held(self, action: Did, ids: tuple[str, ...]) -> None:
        if isinstance(action, Ask) and ids:
            self.holds[action.hold or ""] = self.holds[""] = (ids[0], self.key(action.account))

    def key(self, account: Mapping[str, str] | None) -> str:
        """The key of the root account that is meant."""
        root = self.program.plan.kind_names[ROOT]
        return f"{TENANT}/{root}/{(account or self.account)[root]}"

    def command(self, action: Did, number: int) -> Command:
        """The action as the engine's command."""
        match action:
            case Ask(word=word):
                return _MAKE[word](tenant=TENANT, request=self.request(action, number))
            case CaptureHold(meters=meters, hold=name, id=id, final=final):
                hold, key = self.hold(name)
                sent = {meter: meter_of(meter, text) for meter, text in meters.items()}
                return Capture(tenant=TENANT, account=key, hold=hold, id=id or f"c{number}", meters=sent, final=final)
            case ExtendHold(hold=name, id=id):
                hold, key = self.hold(name)
                return Extend(tenant=TENANT, account=key, hold=hold, id=id or f"e{number}")
            case ReleaseHold(hold=name, id=id):
                hold, key = self.hold(name)
                return Release(tenant=TENANT, account=key, hold=hold, id=id or f"r{number}")
            case ReverseRequest(request=request, id=id):
                decision, key = self.decision(request)
                return Reverse(tenant=TENANT, account=key, of=decision, id=id or f"v{number}")
            case GrantLot():
                return self.grant(action)
            case ResetLimit():
                return self.reset(action, number)
            case RedeemReset(limit=limit, account=account, id=id):
                kind = self.program.plan.kind_names[self.words.banking[limit].kind]
                return Redeem(tenant=TENANT, account=self.one(kind, account), limit=limit, id=id or f"b{number}")
            case ResolvePurchase():
                return self.purchase(action, number)
            case SetValues(kind=kind, values=values, account=account):
                typed = {name: self.value(kind, name, text) for name, text in values.items()}
                return SetAttributes(tenant=TENANT, account=self.one(kind, account), id=f"s{number}", attributes=typed)

    def grant(self, action: GrantLot) -> Grant:
        kind = self.program.plan.kind_names[self.words.pools[action.pool].kind]
        return Grant(
            tenant=TENANT,
            account=self.one(kind, action.account),
            pool=action.pool,
            id=action.id,
            amount=action.amount,
            expires_at=action.expires_at,
            priority=action.priority,
            category=action.category,
            per=action.per or None,
        )

    def reset(self, action: ResetLimit, number: int) -> Reset:
        kind = self.program.plan.kind_names[self.words.limits[action.limit].kind]
        return Reset(
            tenant=TENANT,
            account=self.one(kind, action.account),
            limit=action.limit,
            id=action.id or f"w{number}",
            of=action.of,
            anchor=action.anchor,
        )

    def purchase(self, action: ResolvePurchase, number: int) -> Purchase | Unpaid:
        """Raises Failure where nothing is being bought."""
        kept = self.words.topped_up[action.pool]
        kind = self.program.plan.kind_names[kept.kind]
        key = f"{TENANT}/{kind}/{self.one(kind, action.account)[kind]}"
        top_up = self.state(key).top_ups.get(action.pool)
        bought = None if top_up is None else top_up.open
        if bought is None:
            raise Failure("unknown_purchase", f"nothing is being bought for pool `{action.pool}`")
        if action.outcome != SUCCEEDED:
            return Unpaid(tenant=TENANT, account=key, pool=action.pool, purchase=bought.id, outcome=action.outcome)
        return Purchase(
            tenant=TENANT,
            account=key,
            pool=action.pool,
            id=bought.id,
            amount=text_from_steps(bought.amount, kept.unit.scale),
            cost=f"{bought.money} {bought.currency}",
            receipt=f"p{number}",
            digest=bought.digest,
        )

    def hold(self, name: str | None) -> tuple[str, str]:
        """(hold id, account key). Raises Failure where the reserve was not admitted."""
        found = self.holds.get(name or "")
        if found is None:
            raise Failure("unknown_hold", "there is no hold: its reserve was denied", help="reserve what is there")
        return found

    def decision(self, request: str) -> tuple[str, str]:
        """(decision id, account key) of an earlier request. Raises Failure for one that failed."""
        for record in reversed(self.records):
            if record.key[2] in ("consume", "reserve") and record.key[3] == request:
                return record.id, "/".join(record.key[:2])
        raise Failure("unknown_request", f"request `{request}` has no decision", help="ask for it in a step before")

    def one(self, kind: str, account: Mapping[str, str] | None) -> dict[str, str]:
        """The one account of a kind. Raises Failure where the case names none."""
        named = account or self.account
        if kind not in named:
            raise Failure("missing_account", f"the case names no `{kind}`", help=f"give it an account of {kind}")
        return {kind: named[kind]}

    def request(self, ask: Ask, number: int) -> Request:
        """Fields and meters side by side; the policy's declaration tells them apart."""
        plan = self.program.plan
        fields: dict[str, str | int | bool] = {}
        meters: dict[str, int] = {}
        for name, text in ask.values.items():
            if name in plan.meters:
                meters[name] = meter_of(name, text)
            else:
                fields[name] = _sent(plan.fields.get(name), text)
        return Request(
            id=ask.id or f"q{number}",
            account=ask.account or self.account,
            fields=fields,
            meters=meters,
            initiator=ask.initiator,
            only=ask.only,
            max_charge=ask.max_charge,
            at_least=ask.at_least,
        )

    def value(self, kind: str, name: str, text: str) -> Value:
        """An attribute as it is sent: amounts as decimal text, their unit left to the declaration."""
        declared = self.words.attribute(kind, name)
        if declared is not None and declared.unit is not None:
            return text.removesuffix(f" {declared.unit.name}")
        return _sent(declared, text)

    # ---- what can be read off

    def balances(self, what: str, account: Mapping[str, str] | None) -> dict[str, str]:
        """By key, as a decision would meet it now: use of `windows`, sums of usable `lots` and each lot of them, what
        `purchases` are open, why `top_ups` buy nothing."""
        if what in ("purchases", "top_ups"):
            return self._top_ups(what, account)
        found: dict[str, str] = {}
        kept = self.words.windows if what == "windows" else self.words.pools
        for index, name in enumerate(self.program.plan.kind_names):
            id = (account or self.account).get(name)
            state = EMPTY if id is None else self.state(f"{TENANT}/{name}/{id}")
            rows = self._used(state) if what == "windows" else self._left(state)
            own = {key: 0 for key, one in kept.items() if one.kind == index}
            for key, steps in {**own, **rows}.items():
                unit = kept[base_key(key.split("/", 1)[0])].unit
                found[key] = f"{text_from_steps(steps, unit.scale)} {unit.name}"
        return found

    def _top_ups(self, what: str, account: Mapping[str, str] | None) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, id in (account or self.account).items():
            for key, top_up in self.state(f"{TENANT}/{name}/{id}").top_ups.items():
                unit = self.words.topped_up[base_key(key)].unit
                amount = 0 if top_up.open is None else top_up.open.amount
                bought = f"{text_from_steps(amount, unit.scale)} {unit.name}"
                found[key] = bought if what == "purchases" else top_up.reason or "none"
        return found

    def _used(self, state: Account) -> dict[str, int]:
        kinds = self.words.windows
        return {key: used_at(window, kinds[base_key(key)].window, self.now) for key, window in state.windows.items()}

    def _left(self, state: Account) -> dict[str, int]:
        found: dict[str, int] = {}
        for key, lots in state.pools.items():
            usable = [lot for lot in lots if lot[LOT_GRANTED_AT] <= self.now < lot[LOT_EXPIRES_AT]]
            found[key] = sum(lot[LOT_LEFT] for lot in usable)
            found |= {f"{key}/{lot[LOT_ID]}": lot[LOT_LEFT] for lot in usable}
        return found

    def input_of(self, ask: Ask, path: str) -> object:
        """An input as the decision on `ask` read it: `request.model`, `user.plan`, a meter's bare name."""
        plan = self.program.plan
        owner, _, name = path.rpartition(".")
        request = self.request(ask, 0)
        if path == INITIATOR_PATH:
            return request.initiator
        if owner in ("", "request"):
            declared = plan.fields.get(name)
            default = None if declared is None else declared.default
            value = request.meters.get(name) if name in plan.meters else request.fields.get(name, default)
            return ABSENT if value is None else value
        id = request.account.get(owner)
        if name == "id" or id is None:
            return ABSENT if id is None else id
        declared = self.words.attribute(owner, name)
        assert declared is not None
        kept = self.state(f"{TENANT}/{owner}/{id}").attributes.get(name, declared.default)
        return ABSENT if kept is None else kept


def _sent(declared: Input | None, text: str) -> str | int | bool:
    """A value of its declared type; text that is none of it stays text, for the engine to name."""
    if declared is not None and declared.type is bool:
        return {"true": True, "false": False}.get(text, text)
    if declared is not None and declared.type is int and text.removeprefix("-").isdigit() and len(text) <= 19:
        return int(text)
    return text


def _states(plan: Plan, words: Vocabulary, account: Mapping[str, str], given: Given, now: int) -> dict[str, Account]:
    """What the accounts of the case hold before its first step."""
    states: dict[str, Account] = {}
    for index, name in enumerate(plan.kind_names):
        if name not in account:
            continue
        windows = {key: one.state(now) for key, one in given.windows.items() if _owns(words.windows, key, index)}
        lots = {
            key: tuple(sorted((lot.state(now) for lot in listed), key=default_order))
            for key, listed in given.lots.items()
            if _owns(words.pools, key, index)
        }
        banked = {
            limit: tuple(sorted([(one.id, now, one.expires_at or NEVER) for one in resets], key=lambda one: one[2]))
            for limit, resets in given.banked_resets.items()
            if _owns(words.banking, limit, index)
        }
        top_ups = {key: one.state(now) for key, one in given.top_ups.items() if _owns(words.topped_up, key, index)}
        attributes: dict[str, Attribute] = {
            attribute: value for (kind, attribute), value in given.attributes.items() if kind == name
        }
        for many in plan.many:
            if many.of == name and many.name in given.members:
                attributes[many.name] = tuple(sorted(given.members[many.name]))
        states[f"{TENANT}/{name}/{account[name]}"] = Account(
            1,
            now,
            attributes,
            windows,
            lots,
            since=now,
            banked=banked,
            due_at=due_at(lots, {}, top_ups),
            top_ups=top_ups,
        )
    for kind, members in given.members.items():
        for id, own in members.items():
            states[f"{TENANT}/{kind}/{id}"] = Account(1, now, dict(own), since=now)
    return states


def used_at(state: WindowState, kind: WindowKind | None, now: int) -> int:
    """What a window has counted that still counts."""
    if isinstance(kind, Sliding | Bucket):
        return window_at(state, kind, now)[USED]
    return state[USED] if now < state[ENDS_AT] else 0


def _owns(kept: Mapping[str, Kept], key: str, kind: int) -> bool:
    return kept[base_key(key)].kind == kind
