"""What is declared and never used, and what is allowed and seldom meant: over the whole bundle, once all is checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from overspill.check.names import Faults, Names
from overspill.check.periods import about
from overspill.check.rules import Draw, Limit, Pool, RateCard, Waterfall
from overspill.syntax import tree
from overspill.words.diagnostics import Severity
from overspill.words.instants import instant_text


def unused(names: Names, faults: Faults) -> None:
    """Layers that no waterfall draws, caps that bound no draw, concurrencies that nothing occupies: errors."""
    waterfalls = names.waterfalls.values()
    draws = [draw for item in waterfalls for draw in item.draws]
    uses: tuple[tuple[str, Mapping[str, tree.Layer | tree.Cap | tree.Concurrency], Iterable[str], str, str], ...] = (
        ("layer", names.layers, [draw.layer.text for draw in draws], "is drawn in no waterfall", "draw it"),
        (
            "cap",
            names.caps,
            [name.text for draw in draws for name in draw.within],
            "bounds no draw",
            "write `within` it",
        ),
        (
            "concurrency",
            names.concurrencies,
            [occupy.concurrency.text for item in waterfalls for occupy in item.occupies],
            "is occupied by no waterfall",
            "occupy it",
        ),
    )
    for what, declared, used, fault, remedy in uses:
        known = frozenset(used)
        for name, item in declared.items():
            if name not in known:
                help = f"{remedy} where it belongs, or delete it"
                faults.add("OSP302", item.name.span, f"{what} `{name}` {fault}", help=help)


def hints(
    names: Names, cards: Iterable[RateCard], waterfalls: Iterable[Waterfall], starts: int | None, faults: Faults
) -> None:
    """What is allowed and seldom meant."""
    for card in cards:
        _unpriced(card, starts, faults)
    told: set[str] = set()
    for waterfall in waterfalls:
        for draw in waterfall.draws:
            _longer_than_its_cap(draw, faults)
        pools = [draw.layer for draw in waterfall.draws if isinstance(draw.layer, Pool)]
        if pools and pools[-1].on_overshoot.span is None and pools[-1].name not in told:
            told.add(pools[-1].name)
            _silent_on_overshoot(pools[-1], waterfall, names, faults)


def _unpriced(card: RateCard, starts: int | None, faults: Faults) -> None:
    first = card.tables[0]
    if starts is not None and starts < first.starts:
        faults.add(
            "OSP314",
            first.span,
            f"the policy begins at {instant_text(starts)}, before the first prices of `{card.name}`",
            help="add the table in force from then on",
            severity=Severity.WARNING,
        )


def _longer_than_its_cap(draw: Draw, faults: Faults) -> None:
    windows = draw.layer.windows if isinstance(draw.layer, Limit) else ()
    for cap in draw.within:
        for window in windows:
            if about(window.kind) > about(cap.window.kind):
                faults.add(
                    "OSP315",
                    draw.span,
                    f"window `{window.name}` outlasts the period of cap `{cap.name}`: the cap starts over within it",
                    note=(window.span, "the window"),
                    help="check that this is meant: the cap's period is usually the longest",
                    severity=Severity.HINT,
                )


def _silent_on_overshoot(pool: Pool, waterfall: Waterfall, names: Names, faults: Faults) -> None:
    """LANGUAGE.md S3: what a capture goes beyond falls on the last pool."""
    faults.add(
        "OSP310",
        names.layers[pool.name].name.span,
        f"pool `{pool.name}` takes the overshoot of waterfall `{waterfall.name}` and states no `on overshoot`",
        help="say `on overshoot refund`, which is the default, or `on overshoot debt up to N`",
        severity=Severity.HINT,
    )
