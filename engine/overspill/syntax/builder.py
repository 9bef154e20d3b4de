"""Parser callbacks for the policy language: tokens and nodes in, `syntax.tree` records out."""

from __future__ import annotations

from overspill.syntax import tree
from overspill.syntax.build_base import Children
from overspill.syntax.build_layers import LayerBuilder
from overspill.syntax.constructs import Stated


class PolicyBuilder(LayerBuilder):
    """The whole of the callbacks: those of waterfalls, on top of all others."""

    def waterfall(self, c: Children) -> tree.Waterfall | None:
        return self.named(tree.Waterfall, c)

    def serves(self, c: Children) -> Stated:
        return self.stated("serves", c[1], c)

    def priced_by(self, c: Children) -> Stated:
        return self.stated("priced_by", self.name_of(c[2]), c)

    def counts(self, c: Children) -> Stated:
        return self.stated("counts", self.name_of(c[1]), c)

    def guard(self, c: Children) -> Stated:
        guard = tree.Guard(span=self.whole(c), name=self.name_of(c[1]), when=c[2].value)  # type: ignore[attr-defined]
        return self.stated("guards", guard, c)

    def draw(self, c: Children) -> Stated:
        parts = {item.field: item.value for item in self.of(c, Stated)}
        draw = tree.Draw(
            span=self.whole(c),
            layer=self.name_of(c[1]),
            within=parts.get("within", ()),  # type: ignore[arg-type]
            at=parts.get("at"),  # type: ignore[arg-type]
            on_error=parts.get("on_error"),  # type: ignore[arg-type]
            when=parts.get("when"),  # type: ignore[arg-type]
        )
        return self.stated("draws", draw, c)

    def at(self, c: Children) -> Stated:
        numbers = self.tokens(c, "NUMBER")
        at = tree.Exchange(
            span=self.whole(c),
            amount=c[1],  # type: ignore[arg-type]
            per=self.number_of(numbers[0]) if numbers else None,
            unit=self.name_of(c[-1]),
        )
        return self.stated("at", at, c)

    def on_error(self, c: Children) -> Stated:
        return self.stated("on_error", self.name_of(c[2]), c)

    def within(self, c: Children) -> Stated:
        return self.stated("within", c[1], c)

    def occupy(self, c: Children) -> Stated:
        conditions = self.of(c, Stated)
        when = conditions[0].value if conditions else None
        occupy = tree.Occupy(span=self.whole(c), concurrency=self.name_of(c[1]), when=when)  # type: ignore[arg-type]
        return self.stated("occupies", occupy, c)

    def otherwise(self, c: Children) -> Stated:
        offers = c[4] if len(c) > 5 else ()
        value = tree.Otherwise(span=self.whole(c), code=self.name_of(c[2]), offers=offers)  # type: ignore[arg-type]
        return self.stated("otherwise", value, c)

    def fill(self, c: Children) -> Stated:
        return self.stated("fill", self.name_of(c[1]), c)

    def holds(self, c: Children) -> Stated:
        lengths = [self.duration_of(token) for token in self.tokens(c, "DURATION")]
        late = lengths[1] if len(lengths) > 1 else None
        return self.stated("holds", tree.Holds(span=self.whole(c), expire_after=lengths[0], late_capture=late), c)

    def admission(self, c: Children) -> Stated:
        return self.stated("admission", self.name_of(c[1]), c)
