"""One record at work in a world: what it must move, what rows it must have. Built up by what reads its answer.

`deltas` are by (account, asset): credits less debits, in billionths, as the record's transaction must add up to. Value comes
from answers and what of it is held from effects, so that what becomes free is a difference, and the effects' own word for
what is free must agree with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from overspill.audit.amounts import amount_of, amount_text, part_of
from overspill.audit.chain import MONETIZATION, UPDATE, Told
from overspill.audit.chart import CAPACITY, LotKey, Place
from overspill.audit.findings import Class
from overspill.audit.shapes import (
    Asked,
    Coverage,
    Decided,
    Monetization,
    Opened,
    Transaction,
    Update,
    Usage,
    asked_from,
)
from overspill.audit.world import Contradiction, Lot, World
from overspill.records.journal import Record
from overspill.words.codec import Raw, Struct, json_bytes
from overspill.words.ids import derived_id
from overspill.words.instants import NEVER, instant_from_text
from overspill.words.texts import instant_text_of

NOTHING_ASKED = Asked()
NONE: Final[Mapping[Any, Any]] = MappingProxyType({})
LEFT, SINCE, ENDS, PRIORITY, CATEGORY, AMOUNT = range(1, 7)
"""Places of a lot in an effect."""


class Work(Struct, eq=False):
    """`policy` is that of the admission, where there was one."""

    world: World
    record: Record
    key: str
    own_ids: Sequence[str]
    """Those that its key gives it and its rows, by `audit/chain.py`'s places."""
    decided: Decided | None
    """What was read of the answer by its form."""
    answer: Raw | bytes
    at_text: str
    # what its transaction says beside the legs
    cause: str
    effective_at: int
    policy: str | None = None
    version: int | None = None
    rate_card: str | None = None
    hold: str | None = None
    hold_state: str | None = None
    opened: tuple[Opened, ...] = ()
    asked: Asked = NOTHING_ASKED
    digest: str | None = None
    """The policy that decided it, also where it was denied."""
    faults: tuple[Contradiction, ...] = ()
    """Where the record contradicts itself and can be read all the same."""
    is_told: bool = True
    """False: it cannot be told what it comes to."""
    ids: tuple[str, ...] = ()
    """What must lead to the record beside its own id."""
    # its rows: as they must be, and as they must be written
    usage: Usage | None = None
    monetization: Monetization | None = None
    usage_line: bytes = b""
    monetization_line: bytes = b""
    transaction: Transaction | None = None
    """Where it stands there as it must, to the byte."""
    updates: Sequence[Update] = ()
    update_lines: Sequence[bytes] = ()
    # what it moves
    deltas: dict[Place, int] = {}
    moves: Mapping[Place, int] = NONE
    """`deltas`, without those that are nothing in the end."""
    changed: dict[tuple[Lot, str], int] = {}
    before: dict[Lot, int] = {}
    """What was free of each lot."""
    # what its effects say
    lots: dict[LotKey, Sequence[Any]] = {}
    windows: dict[tuple[str, str], Sequence[int]] = {}
    holds: Mapping[str, Sequence[Any]] = NONE
    ended: Mapping[str, Sequence[Any]] = NONE
    debts: Mapping[tuple[str, str], int] = NONE

    def read(self) -> None:
        """The command and the effects. Raises what they cannot be read for."""
        self.asked = asked_from(self.record.command)
        self._is_its_command()
        start = len(self.record.key[0]) + 1
        effect: Any
        for owner, effects in self.record.effects.items():
            account = owner[start:]
            for effect in effects:
                tag = effect[0]
                if tag == "window":
                    self.windows[account, effect[1]] = effect[2]
                elif tag == "lot":
                    self.lots[account, effect[1], effect[2][0]] = effect[2]
                elif tag == "hold":
                    self.holds = {effect[1][0]: effect[1], **self.holds}
                elif tag == "end_hold":
                    self.ended = {effect[1]: effect[2], **self.ended}
                elif tag == "debt":
                    self.debts = {**self.debts, (account, effect[1]): effect[2]}

    def _is_its_command(self) -> None:
        """LED5: the key is the command's."""
        asked, (tenant, owner, kind, own) = self.asked, self.record.key
        if (
            (asked.tenant is not None and asked.tenant != tenant)
            or (asked.id is not None and asked.id != own)
            or _owner_asked(asked, tenant) != owner
        ):
            self.wrong("LED5", f"is a {kind} that was commanded under another key", "differs")

    def wrong(self, code: str, what: str, klass: Class = "malformed") -> None:
        self.faults = (*self.faults, Contradiction(code, what, klass))

    # ---- what moves

    def move(self, account: str, asset: str, amount: int) -> None:
        deltas, place = self.deltas, (account, asset)
        deltas[place] = deltas.get(place, 0) + amount

    def capacity(self, account: str, asset: str, amount: int) -> None:
        """Capacity comes from where all of it comes from."""
        deltas, place, source = self.deltas, (account, asset), (CAPACITY, asset)
        deltas[place] = deltas.get(place, 0) + amount
        deltas[source] = deltas.get(source, 0) - amount

    # ---- lots

    def change(self, lot: Lot, amount: int, why: str, against: str, money: str) -> None:
        """The lot has `amount` more, or less, for good: against an account of value (none: another lot) and one of money
        (none: nothing is earned or lost by it)."""
        self.before.setdefault(lot, lot.free)
        lot.free += amount
        if against:
            self.move(against, lot.asset, -amount)
        change = (lot, why)
        self.changed[change] = self.changed.get(change, 0) + amount
        if money and lot.cost:
            self.earn(lot, money)

    def earn(self, lot: Lot, money: str) -> None:
        """LED13: what is deferred for the lot is its cost for what is outstanding of it."""
        due = part_of(lot.cost, lot.free + lot.held, lot.per)
        more, lot.deferred = due - lot.deferred, due
        self.move(lot.money, lot.currency, more)
        self.move(money, lot.currency, -more)

    def keep(self, lot: Lot, more: int) -> None:
        """`more` of the lot is held."""
        self.before.setdefault(lot, lot.free)
        lot.held += more
        lot.free -= more

    def open(
        self,
        key: LotKey,
        asset: str,
        category: str,
        ends: str | None,
        parent: Lot | None = None,
        cost: str | None = None,
        amount: int = 0,
        cash: str = "",
    ) -> Lot:
        """A lot that was not there before, with nothing in it yet: of a `cost` for `amount`, or at that of its parent."""
        if key in self.world.lots:
            raise Contradiction("LED5", f"makes the lot {'/'.join(key)} a second time", "duplicate")
        lot = Lot(key, asset, category, ends)
        if parent is not None:
            lot.cost, lot.currency, lot.per, lot.cash = parent.cost, parent.currency, parent.per, parent.cash
        elif cost is not None:
            paid, _, lot.currency = cost.partition(" ")
            lot.cost, lot.per, lot.cash = amount_of(paid), amount, cash
        self._as_told(lot, amount, parent)
        self.world.lots[key] = lot
        self.before[lot] = 0
        opened = Opened(
            account=lot.account,
            asset=asset,
            category=category,
            parent=None if parent is None else parent.account,
            cost=f"{amount_text(lot.cost)} {lot.currency}" if lot.cost else None,
            per=amount_text(lot.per) if lot.cost else None,
            expires_at=ends,
        )
        self.opened = (*self.opened, opened)
        return lot

    def _as_told(self, lot: Lot, amount: int, parent: Lot | None) -> None:
        """What only the effects tell of a new lot; what answers tell too must be the same."""
        state = self.lots.get(lot.key)
        if state is None:
            raise Contradiction("LED2", f"makes the lot {'/'.join(lot.key)}, and no account has it")
        whole = amount if parent is None else parent.step * state[AMOUNT]
        lot.step, rest = divmod(whole, state[AMOUNT])
        lot.since, lot.ends = state[SINCE], state[ENDS]
        ends = NEVER if lot.ends_text is None else instant_from_text(lot.ends_text)
        category = ("promotional", "paid")[state[CATEGORY]]
        if rest or lot.ends != ends or category != lot.category:
            self.wrong("LED2", f"makes the lot {'/'.join(lot.key)} otherwise than its account has it", "differs")
        lot.told = state[SINCE:]
        lot.rank = {
            "priority": state[PRIORITY],
            "expires_at": lot.ends,
            "category": state[CATEGORY],
            "granted_at": lot.since,
            "id": lot.key[2],
        }

    # ---- the end

    def finish(self, cause: str) -> None:
        """What becomes of lots: their accounts, the rows that tell of them, and the effects' word for it."""
        for lot, before in self.before.items():
            self._finish(lot, lot.free - before, self.lots.pop(lot.key, None))
        for key, state in self.lots.items():
            self._finish(self.world.lot(key), 0, state)
        changed = [(lot, why, amount) for (lot, why), amount in self.changed.items() if amount]
        if changed:
            self.updates = self._rows(changed, cause)
            self.update_lines = tuple([json_bytes(one) for one in self.updates])
        deltas = self.deltas
        self.moves = deltas if all(deltas.values()) else {place: more for place, more in deltas.items() if more}

    def _finish(self, lot: Lot, change: int, state: Sequence[Any] | None) -> None:
        """One lot, of which `change` more is free; its effects leave it in a `state`."""
        if change:
            self.move(lot.account, lot.asset, change)
        if state is None:
            if change:
                what = f"leaves {amount_text(lot.free)} in {lot.account} by its answer, nothing by its effects"
                self.wrong("LED2", what, "amount")
        else:
            stated = state[LEFT] * lot.step
            if stated != lot.free:
                what = f"leaves {amount_text(lot.free)} in {lot.account} by its answer, {amount_text(stated)} by its effects"
                self.wrong("LED2", what, "amount")
            if state[SINCE:] != lot.told:
                self.wrong("LED2", f"has the lot {lot.account} otherwise than it was made", "differs")
        pool = self.world.pools.setdefault(lot.key[:2], {})
        if lot.free:
            pool[lot.key[2]] = lot
        else:
            pool.pop(lot.key[2], None)

    def _rows(self, changed: Sequence[tuple[Lot, str, int]], cause: str) -> list[Update]:
        """One a lot and reason, in the order that they came up."""
        ahead: dict[Lot, int] = {}
        for lot, _, amount in changed:
            ahead[lot] = ahead.get(lot, 0) + amount
        rows: list[Update] = []
        for number, (lot, why, amount) in enumerate(changed):
            ahead[lot] -= amount
            account, pool, id = lot.key
            rows.append(
                Update(
                    update=derived_id(self.key, "bal", number) if number else self.own_ids[UPDATE],
                    kind="balance",
                    at=self.at_text,
                    tenant=self.world.tenant,
                    account=account,
                    pool=pool,
                    lot=id,
                    amount=amount_text(amount),
                    unit=lot.asset,
                    balance=amount_text(lot.free + lot.held - ahead[lot]),
                    why=why,
                    cause=cause,
                )
            )
        return rows

    def price(self, usage: Usage, coverage: list[Coverage]) -> None:
        """The usage event and what it comes to (LED6)."""
        self.usage = usage
        self.monetization = Monetization(
            event=self.own_ids[MONETIZATION],
            kind="monetization",
            at=self.at_text,
            tenant=usage.tenant,
            account=usage.account,
            request=usage.request,
            cause=usage.event,
            policy=self.policy or "",
            version=self.version,
            rate_card=self.rate_card,
            base=usage.base,
            unit=usage.unit,
            charge=usage.charge,
            coverage=tuple(coverage),
        )
        self.usage_line, self.monetization_line = json_bytes(usage), json_bytes(self.monetization)
        covered = sum([amount_of(one.base) for one in coverage])
        if covered != amount_of(usage.base):
            what = f"uses {usage.base} {usage.unit}, of which {amount_text(covered)} is covered"
            self.wrong("LED6", what, "amount")


def work_on(world: World, told: Told) -> Work:
    """A record that comes to nothing yet."""
    record = told.record
    at, id = record.at, record.id
    return Work(world, record, told.key, told.ids, told.decided, told.answer, instant_text_of(at), id, at)


def _owner_asked(asked: Asked, tenant: str) -> str:
    """Of whom the command is: its hold, its purchase, or its account: the user where one is named, else the first
    (LANGUAGE.md I1)."""
    account = asked.account
    if asked.hold or asked.purchase:
        return asked.hold or asked.purchase
    if isinstance(account, str):
        return account.removeprefix(f"{tenant}/")
    kind = "user" if "user" in account else min(account, default="")
    return f"{kind}/{account.get(kind, '')}"
