"""One record at work in a world: what it must move, what rows it must have. Built up by what reads its answer.

`deltas` are by (account, asset): credits less debits, in billionths, as the record's transaction must add up to. Value comes
from answers and what of it is held from effects, so that what becomes free is a difference, and the effects' own word for
what is free must agree with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from overspill.audit.amounts import amount_of, amount_text, part_of
from overspill.audit.chain import Told
from overspill.audit.chart import CAPACITY, LotKey
from overspill.audit.findings import Class
from overspill.audit.shapes import Asked, Coverage, Monetization, Opened, Update, Usage, asked_from
from overspill.audit.world import Contradiction, Lot, World
from overspill.words.codec import json_bytes
from overspill.words.ids import derived_id
from overspill.words.instants import NEVER, instant_from_text
from overspill.words.texts import instant_text_of

NOTHING_ASKED = Asked()
NONE: Final[Mapping[Any, Any]] = {}
LEFT, SINCE, ENDS, PRIORITY, CATEGORY, AMOUNT = range(1, 7)
"""Places of a lot in an effect."""


class Work:
    """`policy` is that of the admission, where there was one. `is_formed`: the answer is put together with the command."""

    asked = NOTHING_ASKED
    faults: tuple[Contradiction, ...] = ()
    """Where the record contradicts itself and can be read all the same."""
    moves: Mapping[tuple[str, str], int] = NONE
    """`deltas`, without those that are nothing in the end."""
    opened: tuple[Opened, ...] = ()
    updates: Sequence[Update] = ()
    update_lines: Sequence[bytes] = ()
    """As `updates` must be written."""
    holds: Mapping[str, Sequence[Any]] = NONE
    """What the effects say, as do `ended`, `debts`, `lots` and `windows`."""
    ended: Mapping[str, Sequence[Any]] = NONE
    debts: Mapping[tuple[str, str], int] = NONE
    digest: str | None = None
    """The policy that decided it, also where it was denied."""
    policy: str | None = None
    version: int | None = None
    rate_card: str | None = None
    hold: str | None = None
    hold_state: str | None = None
    is_told = True
    """False: it cannot be told what it comes to."""
    ids: tuple[str, ...] = ()
    """What must lead to the record beside its own id."""
    usage: Usage | None = None
    monetization: Monetization | None = None
    usage_line = monetization_line = b""
    """Both as they must be written."""

    def __init__(self, world: World, told: Told) -> None:
        record = told.record
        self.world, self.record, self.key, self.answer = world, record, told.key, told.answer
        self.is_formed = record.form != ""
        self.at_text = instant_text_of(record.at)
        self.cause, self.effective_at = record.id, record.at
        self.deltas: dict[tuple[str, str], int] = {}
        self.changed: dict[tuple[LotKey, str], int] = {}
        self._before: dict[LotKey, int] = {}
        """Lot → what was free of it."""
        self.lots: dict[LotKey, Sequence[Any]] = {}
        self.windows: dict[tuple[str, str], Sequence[int]] = {}

    def read(self) -> None:
        """The command and the effects. Raises what they cannot be read for."""
        self.asked = asked_from(self.record.command)
        self._is_its_command()
        start = len(self.record.key[0]) + 1
        for owner, effects in self.record.effects.items():
            account = owner[start:]
            effect: Any
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
        said = (
            tenant if asked.tenant is None else asked.tenant,
            own if asked.id is None else asked.id,
            _owner_asked(asked, tenant),
        )
        if said != (tenant, own, owner):
            self.wrong("LED5", f"is a {kind} that was commanded under another key", "differs")

    def wrong(self, code: str, what: str, klass: Class = "malformed") -> None:
        self.faults = (*self.faults, Contradiction(code, what, klass))

    # ---- what moves

    def move(self, account: str, asset: str, amount: int) -> None:
        place = (account, asset)
        self.deltas[place] = self.deltas.get(place, 0) + amount

    def capacity(self, account: str, asset: str, amount: int) -> None:
        """Capacity comes from where all of it comes from."""
        self.move(account, asset, amount)
        self.move(CAPACITY, asset, -amount)

    # ---- lots

    def touched(self, lot: Lot) -> None:
        self._before.setdefault(lot.key, lot.free)

    def change(self, lot: Lot, amount: int, why: str, against: str, money: str) -> None:
        """The lot has `amount` more, or less, for good: against an account of value (none: another lot) and one of money
        (none: nothing is earned or lost by it)."""
        self.touched(lot)
        lot.free += amount
        if against:
            self.move(against, lot.asset, -amount)
        self.changed[lot.key, why] = self.changed.get((lot.key, why), 0) + amount
        if money and lot.cost:
            self.earn(lot, money)

    def earn(self, lot: Lot, money: str) -> None:
        """LED13: what is deferred for the lot is its cost for what is outstanding of it."""
        due = part_of(lot.cost, lot.outstanding, lot.per)
        self.move(lot.money, lot.currency, due - lot.deferred)
        self.move(money, lot.currency, lot.deferred - due)
        lot.deferred = due

    def keep(self, lot: Lot, more: int) -> None:
        """`more` of the lot is held."""
        self.touched(lot)
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
        self._before[key] = 0
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
        lot.told = list(state[SINCE:])
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
        world = self.world
        for key in dict.fromkeys((*self._before, *self.lots)) if self._before or self.lots else ():
            lot = world.lot(key)
            change = lot.free - self._before.get(key, lot.free)
            if change:
                self.move(lot.account, lot.asset, change)
            state = self.lots.get(key)
            stated = None if state is None else state[LEFT] * lot.step
            if (change or stated is not None) and stated != lot.free:
                shown = "nothing" if stated is None else amount_text(stated)
                what = f"leaves {amount_text(lot.free)} in {lot.account} by its answer, {shown} by its effects"
                self.wrong("LED2", what, "amount")
            if state is not None and list(state[SINCE:]) != lot.told:
                self.wrong("LED2", f"has the lot {lot.account} otherwise than it was made", "differs")
            pool = world.pools.setdefault(key[:2], {})
            if lot.free:
                pool[key[2]] = lot
            else:
                pool.pop(key[2], None)
        if self.changed:
            self.updates = list(self._rows(cause))
            self.update_lines = tuple(map(json_bytes, self.updates))
        self.moves = {place: amount for place, amount in self.deltas.items() if amount}

    def _rows(self, cause: str) -> Iterator[Update]:
        """One a lot and reason, in the order that they came up."""
        balances: dict[LotKey, int] = {}
        for (key, _), amount in self.changed.items():
            balances[key] = balances.get(key, self.world.lots[key].outstanding) - amount
        number = 0
        for (key, why), amount in self.changed.items():
            if not amount:
                continue
            balances[key] += amount
            yield Update(
                update=derived_id(self.key, "bal", number),
                kind="balance",
                at=self.at_text,
                tenant=self.world.tenant,
                account=key[0],
                pool=key[1],
                lot=key[2],
                amount=amount_text(amount),
                unit=self.world.lots[key].asset,
                balance=amount_text(balances[key]),
                why=why,
                cause=cause,
            )
            number += 1

    def price(self, usage: Usage, coverage: list[Coverage]) -> None:
        """The usage event and what it comes to (LED6)."""
        self.usage = usage
        self.monetization = Monetization(
            event=derived_id(self.key, "mon"),
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
