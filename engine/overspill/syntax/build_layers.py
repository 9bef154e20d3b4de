"""Parser callbacks for layers and for what bounds them."""

from __future__ import annotations

from lark import Token

from overspill.syntax import tree
from overspill.syntax.build_base import BaseBuilder, Children
from overspill.syntax.constructs import Stated, assemble


class LayerBuilder(BaseBuilder):
    """One callback for each rule or alias."""

    def in_unit(self, c: Children) -> Stated:
        return self.stated("unit", self.name_of(c[1]), c)

    def per(self, c: Children) -> Stated:
        return self.stated("per", c[1], c)

    def multiplier(self, c: Children) -> Stated:
        return self.stated("multiplier", self.numbers(c), c)

    def multiplier_by(self, c: Children) -> Stated:
        return self.stated("multiplier", self.numbers_by(c, c[2]), c)

    multiplier_row = BaseBuilder.number_row

    def skip(self, c: Children) -> Stated:
        skip = tree.Skip(span=self.whole(c), name=self.name_of(c[1]), when=c[2].value)  # type: ignore[attr-defined]
        return self.stated("skips", skip, c)

    def on_event(self, c: Children) -> Stated:
        """`on overshoot refund;` fills `on_overshoot` of the construct it stands in."""
        return self.stated(f"on_{c[1]}", c[2], c)

    def on_reversal(self, c: Children) -> Stated:
        case = tree.OnReversal(span=self.whole(c), name=self.name_of(c[2]), reaction=c[3])  # type: ignore[arg-type]
        return self.stated("on_reversal", case, c)

    def reaction(self, c: Children) -> tree.Reaction:
        amounts, lengths = self.of(c, tree.Amount), self.tokens(c, "DURATION")
        return tree.Reaction(
            span=self.whole(c),
            word=self.name_of(c[0]),
            up_to=amounts[0] if amounts else None,
            length=self.duration_of(lengths[0]) if lengths else None,
        )

    def up_to(self, c: Children) -> Stated:
        return self.stated("up_to", c[2], c)

    def choice(self, c: Children) -> tree.Choice:
        args = tuple(child for child in c[2:] if not isinstance(child, Token))
        return tree.Choice(span=self.whole(c), function=self.name_of(c[0]), args=args)  # type: ignore[arg-type]

    def window(self, c: Children) -> Stated:
        window = tree.Window(span=self.whole(c), name=self.name_of(c[1]), kind=c[3])  # type: ignore[arg-type]
        return self.stated("windows", window, c)

    def length_from(self, c: Children) -> tree.LengthFrom:
        return tree.LengthFrom(span=self.whole(c), length=self.duration_of(c[0]), start=c[2])  # type: ignore[arg-type]

    def calendar(self, c: Children) -> tree.CalendarPeriod:
        zone = tree.Text(str(c[3]), self.span_of(c[3]))
        return tree.CalendarPeriod(span=self.whole(c), period=self.name_of(c[1]), zone=zone)

    def sliding(self, c: Children) -> tree.Sliding:
        return tree.Sliding(span=self.whole(c), length=self.duration_of(c[1]))

    def bucket(self, c: Children) -> tree.Bucket:
        per = self.duration_of(c[3])
        return tree.Bucket(span=self.whole(c), refill=c[1], per=per, burst=c[5])  # type: ignore[arg-type]

    # ---- limits

    def limit(self, c: Children) -> tree.Limit | None:
        return self.named(tree.Limit, c)

    def capacity(self, c: Children) -> Stated:
        cells = self.of(c, tree.CapacityCell)
        row = tree.CapacityRow(span=self.whole(c[1:-1]), key=(), cells=cells)
        return self.stated("capacity", tree.Capacity(span=self.whole(c), by=(), rows=(row,)), c)

    def capacity_by(self, c: Children) -> Stated:
        rows = self.of(c, tree.CapacityRow)
        return self.stated("capacity", tree.Capacity(span=self.whole(c), by=c[2], rows=rows), c)  # type: ignore[arg-type]

    def capacity_row(self, c: Children) -> tree.CapacityRow:
        cells = self.of(c, tree.CapacityCell)
        return tree.CapacityRow(span=self.whole(c), key=c[0], cells=cells)  # type: ignore[arg-type]

    def capacity_cell(self, c: Children) -> tree.CapacityCell:
        window = self.name_of(c[0]) if len(c) == 2 else None
        return tree.CapacityCell(span=self.whole(c), window=window, bound=c[-1])  # type: ignore[arg-type]

    def capacity_times(self, c: Children) -> Stated:
        starts, ends = self.instant_of(c[4]), self.instant_of(c[6])
        value = tree.CapacityTimes(span=self.whole(c), times=self.number_of(c[2]), starts=starts, ends=ends)
        return self.stated("capacity_times", value, c)

    def reset(self, c: Children) -> Stated:
        names, labels = self.tokens(c, "NAME"), self.of(c, tree.Text)
        parts = {item.field: item.value for item in self.of(c, Stated)}
        value = tree.Reset(
            span=self.whole(c),
            name=self.name_of(names[0]),
            label=labels[0] if labels else None,
            of=parts.get("of", ()),  # type: ignore[arg-type]
            at=self.instant_of(self.tokens(c, "TIMESTAMP")[0]),
            anchor=self.name_of(names[1]),
            when=parts.get("when"),  # type: ignore[arg-type]
        )
        return self.stated("resets", value, c)

    def of_windows(self, c: Children) -> Stated:
        return self.stated("of", c[1], c)

    def banked_reset(self, c: Children) -> Stated:
        value = tree.BankedReset(span=self.whole(c), valid=self.duration_of(c[2]), anchor=self.name_of(c[3]))
        return self.stated("banked_reset", value, c)

    def warn(self, c: Children) -> Stated:
        percents = self.tokens(c, "PERCENT")
        return self.stated("warn_at", tuple(tree.Percent(str(p)[:-1], self.token_span(p)) for p in percents), c)

    # ---- pools, entitlements, graces

    def pool(self, c: Children) -> tree.Pool | None:
        return self.named(tree.Pool, c)

    def lots_expire(self, c: Children) -> Stated:
        return self.stated("lots_expire_after", self.duration_of(c[3]), c)

    def order(self, c: Children) -> Stated:
        return self.stated("order", c[1], c)

    def free(self, c: Children) -> Stated:
        return self.stated("free", True, c)

    def unit_price(self, c: Children) -> Stated:
        price = tree.UnitPrice(span=self.whole(c), amount=c[1], per=c[3])  # type: ignore[arg-type]
        return self.stated("price", price, c)

    def overage(self, c: Children) -> Stated:
        value = tree.Allowance(span=self.whole(c), up_to=c[3], period=c[5])  # type: ignore[arg-type]
        return self.stated("overage", value, c)

    def top_up(self, c: Children) -> Stated:
        return self.stated("top_up", assemble(tree.TopUp, self.whole(c), self.of(c, Stated), self.faults), c)

    def settings(self, c: Children) -> Stated:
        return self.stated("settings", self.name_of(c[1]), c)

    def top_up_when(self, c: Children) -> object:
        return c[0]

    def entitlement(self, c: Children) -> tree.Entitlement | None:
        return self.named(tree.Entitlement, c)

    def valid(self, c: Children) -> Stated:
        ends = self.instant_of(c[4]) if len(c) > 4 else None
        return self.stated("valid", tree.Validity(span=self.whole(c), starts=self.instant_of(c[2]), ends=ends), c)

    def unlimited_allowance(self, c: Children) -> Stated:
        unlimited = tree.Unlimited(self.span_of(c[0]))
        return self.stated("allowance", tree.Allowance(span=unlimited.span, up_to=unlimited, period=None), c)

    def allowance(self, c: Children) -> Stated:
        value = tree.Allowance(span=self.whole(c), up_to=c[2], period=c[4])  # type: ignore[arg-type]
        return self.stated("allowance", value, c)

    def billed(self, c: Children) -> Stated:
        return self.stated("billed", self.name_of(c[1]), c)

    def grace(self, c: Children) -> tree.Grace | None:
        return self.named(tree.Grace, c)

    def only_if(self, c: Children) -> Stated:
        return self.stated("only_if", self.name_of(c[1]), c)

    # ---- bounds on layers and on holds

    def cap(self, c: Children) -> tree.Cap | None:
        return self.named(tree.Cap, c)

    def mode(self, c: Children) -> Stated:
        return self.stated("mode", self.name_of(c[1]), c)

    def concurrency(self, c: Children) -> tree.Concurrency | None:
        return self.named(tree.Concurrency, c)

    def at_most(self, c: Children) -> Stated:
        return self.stated("at_most", self.numbers(c), c)

    def at_most_by(self, c: Children) -> Stated:
        return self.stated("at_most", self.numbers_by(c, c[3]), c)

    holds_row = BaseBuilder.number_row
