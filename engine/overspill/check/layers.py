"""Layers: who they are kept per, in which unit, with which windows, bounds, lots and skips."""

from __future__ import annotations

from overspill.cel.typed import inputs_in
from overspill.check.bounds import Bounds
from overspill.check.inputs import Inputs
from overspill.check.kept import Kept
from overspill.check.names import Faults, Names
from overspill.check.rules import (
    DEFAULT_ORDER,
    BankedReset,
    Bucket,
    CapacityTimes,
    Condition,
    Entitlement,
    Grace,
    InputPath,
    Layer,
    Limit,
    Pool,
    Ratio,
    Reset,
    Skip,
    Table,
    TopUp,
    Window,
)
from overspill.check.tables import Tables
from overspill.syntax import tree
from overspill.syntax.constructs import missing
from overspill.words.amounts import UNLIMITED, Unit
from overspill.words.anchors import ANCHORS, RESTART_ANCHOR
from overspill.words.diagnostics import Severity

PLAIN_RATIO: Table[Ratio] = Table(by=(), rows=(), default=Ratio(1, 1))


class Layers:
    """Checks one bundle's layers."""

    def __init__(self, names: Names, inputs: Inputs, tables: Tables, bounds: Bounds, faults: Faults) -> None:
        self.names, self.inputs, self.tables, self.bounds, self.faults = names, inputs, tables, bounds, faults
        self.kept = Kept(inputs, faults)

    def layer(self, item: tree.Layer) -> Layer | None:
        match item:
            case tree.Limit():
                return self.limit(item)
            case tree.Pool():
                return self.pool(item)
            case tree.Entitlement():
                return self.entitlement(item)
            case tree.Grace():
                return self.grace(item)

    def limit(self, item: tree.Limit) -> Limit | None:
        head = self.kept.head(item)
        unit = self.names.unit(item.unit)
        windows = self.bounds.periods.windows(item.windows, unit, item.unit.span)
        capacity = None if unit is None or windows is None else self._capacity(item, windows, unit)
        times = self._times(item.capacity_times)
        multiplier = self.tables.ratio(item.multiplier)
        resets = self._resets(item, None if head is None else head["account"])
        banked = None if item.banked_reset is None else self._banked(item.banked_reset)
        warn_at = self._warnings(item.warn_at)
        skips = self._skips(item.skips)
        if head is None or unit is None or windows is None or capacity is None or multiplier is None or skips is None:
            return None
        if times is None or resets is None or warn_at is None or (banked is None) != (item.banked_reset is None):
            return None
        return Limit(
            **head,
            unit=unit,
            windows=windows,
            capacity=capacity,
            capacity_times=times,
            multiplier=multiplier,
            resets=resets,
            banked_reset=banked,
            warn_at=warn_at,
            skips=skips,
        )

    def pool(self, item: tree.Pool) -> Pool | None:
        head = self.kept.head(item)
        unit = self.names.unit(item.unit)
        declared = item.unit.span
        order = self._order(item.order)
        expire = None if item.lots_expire_after is None else self.names.length(item.lots_expire_after)
        overage = None if item.overage is None or unit is None else self.bounds.allowance(item.overage, unit, declared)
        multiplier = self.tables.ratio(item.multiplier)
        skips = self._skips(item.skips)
        price = None if item.price is None or unit is None else self._price(item.price, unit, item)
        top_up = None if item.top_up is None else self._top_up(item.top_up, item)
        overshoot = self.bounds.reaction("on_overshoot", item.on_overshoot, unit, declared)
        expired = self.bounds.reaction("on_expired_in_hold", item.on_expired_in_hold, unit, declared)
        if head is None or unit is None or order is None or multiplier is None or skips is None:
            return None
        if overshoot is None or expired is None or (top_up is None) != (item.top_up is None):
            return None
        return Pool(
            **head,
            unit=unit,
            order=order,
            lots_expire_after=expire,
            overage=overage,
            multiplier=multiplier,
            free=item.free,
            skips=skips,
            price=price,
            top_up=top_up,
            on_overshoot=overshoot,
            on_expired_in_hold=expired,
        )

    def entitlement(self, item: tree.Entitlement) -> Entitlement | None:
        head = self.kept.head(item)
        unit = self.names.unit(item.unit)
        starts = None if item.valid is None else self.names.instant(item.valid.starts)
        ends = None if item.valid is None or item.valid.ends is None else self.names.instant(item.valid.ends)
        allowance = None if unit is None else self.bounds.allowance(item.allowance, unit, item.unit.span)
        multiplier = self.tables.ratio(item.multiplier)
        billed = None if item.billed is None else self.names.word("way to bill", item.billed, ("in_arrears",))
        skips = self._skips(item.skips)
        if starts is not None and ends is not None and ends <= starts:
            assert item.valid is not None
            self.faults.add(
                "OSP304", item.valid.span, "the entitlement ends before it begins", help="correct the dates"
            )
        if head is None or unit is None or allowance is None or multiplier is None or skips is None:
            return None
        return Entitlement(
            **head,
            unit=unit,
            starts=starts,
            ends=ends,
            allowance=allowance,
            multiplier=multiplier,
            billed_in_arrears=billed is not None,
            skips=skips,
        )

    def grace(self, item: tree.Grace) -> Grace | None:
        head = self.kept.head(item)
        unit = self.names.unit(item.unit)
        up_to = None if unit is None else self.bounds.source(item.up_to, unit, item.unit.span)
        only_if = None if item.only_if is None else self.names.word("condition", item.only_if, ("started_funded",))
        if up_to == UNLIMITED:
            self.faults.add("OSP212", item.up_to.span, "a grace has a bound", help="write an amount")
            return None
        if head is None or unit is None or up_to is None or (only_if is None) != (item.only_if is None):
            return None
        return Grace(
            **head,
            unit=unit,
            up_to=up_to,
            started_funded=only_if is not None,
            multiplier=PLAIN_RATIO,
        )

    # ---- shared

    def _skips(self, items: tuple[tree.Skip, ...]) -> tuple[Skip, ...] | None:
        found, seen = [], dict[str, tree.Name]()
        for item in items:
            if not self.names.once(item.name, seen.setdefault(item.name.text, item.name), "skip"):
                return None
            condition = self.inputs.condition(item.when)
            if condition is not None:
                found.append(Skip(item.name.text, condition))
        return tuple(found) if len(found) == len(items) else None

    def _once(self, when: Condition | None, stated: object) -> bool:
        """Whether a condition is there where one is stated."""
        return (when is None) == (stated is None)

    # ---- limits

    def _capacity(self, item: tree.Limit, windows: tuple[Window, ...], unit: Unit) -> Table[tuple[int, ...]] | None:
        """Buckets bound themselves; every other window is bounded by the table."""
        bursts = {window.name: window.kind.burst for window in windows if isinstance(window.kind, Bucket)}
        if item.capacity is not None:
            return self.tables.capacity(item, item.capacity, unit, bursts)
        if len(bursts) < len(windows):
            self.faults.found.append(missing("limit", "capacity", item.span))
            return None
        return Table(by=(), rows=(), default=tuple(bursts.values()))

    def _times(self, items: tuple[tree.CapacityTimes, ...]) -> tuple[CapacityTimes, ...] | None:
        found: list[CapacityTimes] = []
        for item in items:
            factor = self.tables.factor(item.times)
            starts, ends = self.names.instant(item.starts), self.names.instant(item.ends)
            if factor is None or starts is None or ends is None:
                continue
            if ends <= starts:
                self.faults.add("OSP304", item.span, "it ends before it begins", help="correct the dates")
                continue
            for other in found:
                if starts < other.ends and other.starts < ends:
                    self.faults.add(
                        "OSP313",
                        item.span,
                        "two of these are in force at once, and multiply",
                        note=(other.span, "the other one"),
                        help="say so in a comment, or let one end where the other begins",
                        severity=Severity.HINT,
                    )
            found.append(CapacityTimes(span=item.span, factor=factor, starts=starts, ends=ends))
        return tuple(found) if len(found) == len(items) else None

    def _resets(self, limit: tree.Limit, account: str | None) -> tuple[Reset, ...] | None:
        found, seen = [], dict[str, tree.Name]()
        windows = [window.name.text for window in limit.windows]
        for item in limit.resets:
            once = self.names.once(item.name, seen.setdefault(item.name.text, item.name), "reset")
            unknown = [name for name in item.of if name.text not in windows]
            for name in unknown:
                self.faults.unknown("window", name, windows)
            at = self.names.instant(item.at)
            anchor = self.names.word("anchor", item.anchor, ANCHORS)
            when = None if item.when is None else self.inputs.condition(item.when)
            asks = "a reset asks for them as they were at its instant"
            known = when is None or account is None or self._kept_by(account, when, asks)
            if unknown or not once or at is None or anchor is None or not known or not self._once(when, item.when):
                continue
            chosen = tuple(windows.index(name.text) for name in item.of) or tuple(range(len(windows)))
            found.append(
                Reset(
                    span=item.span,
                    name=item.name.text,
                    label=None if item.label is None else item.label.text,
                    windows=chosen,
                    at=at,
                    restart=anchor == RESTART_ANCHOR,
                    when=when,
                )
            )
        return tuple(found) if len(found) == len(limit.resets) else None

    def _kept_by(self, account: str, when: Condition, asks: str) -> bool:
        """Whether a condition reads the account's own attributes alone: where there is no request, nothing else is known."""
        for found in inputs_in(when.expr):
            owner, _, name = found.path.partition(".")
            field = self.inputs.declared(InputPath(owner, name, found.span)) if owner == account else None
            if owner != account or "." in name or (field is None and name != "id") or (field and field.from_request):
                self.faults.add(
                    "OSP212",
                    found.span,
                    f"`{found.path}` is no attribute that a {account} keeps: {asks}",
                    help=f"ask for an attribute of `{account}` that is set, not passed",
                )
                return False
        return True

    def _banked(self, item: tree.BankedReset) -> BankedReset | None:
        valid, anchor = self.names.length(item.valid), self.names.word("anchor", item.anchor, ANCHORS)
        return None if valid is None or anchor is None else BankedReset(valid=valid, restart=anchor == RESTART_ANCHOR)

    def _warnings(self, items: tuple[tree.Percent, ...]) -> tuple[int, ...] | None:
        found: list[int] = []
        for item in items:
            percent = int(item.text) if len(item.text) <= 3 else 0
            if not 1 <= percent <= 100:
                self.faults.add("OSP222", item.span, "a warning stands at 1% to 100%", help="correct the percentage")
                return None
            if percent in found:
                self.faults.add("OSP203", item.span, f"`{percent}%` is there twice", help="keep one of them")
                return None
            found.append(percent)
        return tuple(sorted(found))

    # ---- pools

    def _order(self, names: tuple[tree.Name, ...]) -> tuple[str, ...] | None:
        """LANGUAGE.md G2: total, which only `id` can make it; each key once."""
        if not names:
            return DEFAULT_ORDER
        for index, name in enumerate(names):
            if name.text not in DEFAULT_ORDER:
                self.faults.unknown("order key", name, DEFAULT_ORDER)
                return None
            if name.text in [other.text for other in names[:index]]:
                self.faults.add("OSP203", name.span, f"`{name.text}` is there twice", help="keep the first")
                return None
        if names[-1].text != "id":
            self.faults.add(
                "OSP305",
                names[0].span.to(names[-1].span),
                "two lots may tie: the order is not total",
                help="end it with `id`",
            )
            return None
        return tuple(name.text for name in names)

    def _price(self, price: tree.UnitPrice, unit: Unit, item: tree.Pool) -> tuple[int, Unit, int] | None:
        money = self.names.unit(price.amount.unit)
        amount = self.names.steps(price.amount, None, None)
        per = self.names.steps(price.per, unit, item.unit.span)
        if money is None or amount is None or per is None:
            return None
        if per <= 0:
            self.faults.add("OSP306", price.per.span, "a price is per more than nothing", help="write `per 1`")
            return None
        return amount, money, per

    def _top_up(self, item: tree.TopUp, pool: tree.Pool) -> TopUp | None:
        """LANGUAGE.md U1: what is bought is paid by the pool's price."""
        settings = item.settings
        when = None if item.when is None else self.inputs.condition(item.when)
        reaction = self.bounds.reaction("on_top_up_cap", item.on_top_up_cap, None, item.span)
        kind = self.inputs.accounts.get(settings.text)
        if pool.price is None:
            help = "add what one costs: price 0.04 usd per 1 credits"
            self.faults.add("OSP202", item.settings.span, "a pool that is topped up states a `price`", help=help)
        if kind is None:
            self.faults.unknown("account", settings, self.inputs.accounts)
            return None
        if kind.many:
            self.inputs.many(settings)
            return None
        owner = pool.per[0].text
        if owner in self.inputs.accounts and settings.text != owner:
            help = f"write `settings {owner}`"
            self.faults.add(
                "OSP212", settings.span, f"a {owner}'s pool is topped up by the {owner}'s own settings", help=help
            )
            return None
        if when is not None and not self._kept_by(owner, when, "a top-up is tested without a request"):
            return None
        if reaction is None or not self._once(when, item.when):
            return None
        return TopUp(span=item.span, settings=settings.text, on_top_up_cap=reaction, when=when)
