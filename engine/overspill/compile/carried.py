"""What a waterfall says and this version does not decide on: rules → typed data, each with its place.

Everything that is not in the plan's own layers, windows and words must be found here: a waterfall that carries nothing
is decided on, and then nothing of it may have been left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, assert_never

from overspill.check import rules as r
from overspill.plan import carried as c
from overspill.plan.parts import Bucket, ScheduleBy, Sliding

if TYPE_CHECKING:
    from overspill.compile.from_rules import Build

DEFAULTS = ("deny", "refund", "honor", "no_transfer", "breakage")
_REACTIONS = {
    "on_unavailable": "on unavailable",
    "closed_window": "on reversal closed_window",
    "expired_lot": "on reversal expired_lot",
}


def carried_of(waterfall: r.Waterfall, build: Build) -> Iterator[c.Carried]:
    """All of it, in the order of the draws, then of the waterfall's own statements."""
    for at, draw in enumerate(waterfall.draws):
        yield from _of_draw(at, draw, build)
    for occupy in waterfall.occupies:
        concurrency = occupy.concurrency
        yield c.Carried(
            construct=f"occupy {concurrency.name}",
            place=occupy.span.place,
            value=c.Occupancy(
                concurrency=concurrency.name,
                label=concurrency.label,
                kind=build.kind(concurrency.account),
                per=build.per(concurrency.per),
                at_most=build.table(concurrency.at_most, lambda count: count),
                when=build.optional(occupy.when),
            ),
        )
    if waterfall.admission == "verify_only":
        yield c.Carried(construct="admission verify_only", place=waterfall.span.place, value=c.VerifyOnly())
    for event, shown in _REACTIONS.items():
        yield from _reaction(event, shown, None, waterfall.reactions[event])
    for path in build.slots.unread:
        yield c.Carried(construct=path, place=waterfall.span.place, value=c.Unread(path=path))


def _of_draw(at: int, draw: r.Draw, build: Build) -> Iterator[c.Carried]:
    layer = draw.layer
    place = draw.span.place
    match layer:
        case r.Limit():
            yield from _of_limit(layer, build)
        case r.Pool():
            yield from _of_pool(layer, build)
        case r.Entitlement():
            value = _entitlement(at, draw, layer, build)
            yield c.Carried(construct=f"entitlement {layer.name}", place=place, value=value)
        case r.Grace():
            yield c.Carried(construct=f"grace {layer.name}", place=place, value=_grace(at, draw, layer, build))
        case _:
            assert_never(layer)
    for cap in draw.within:
        yield c.Carried(
            construct=f"cap {cap.name}",
            place=place,
            value=c.Within(
                layer=layer.name,
                cap=cap.name,
                label=cap.label,
                unit=cap.unit,
                kind=build.kind(cap.account),
                per=build.per(cap.per),
                window=build.window(cap.name, cap.window),
                up_to=_source(cap.up_to, build),
                finish_started=cap.finish_started,
            ),
        )


def _of_limit(limit: r.Limit, build: Build) -> Iterator[c.Carried]:
    for rule in limit.windows:
        window = build.window(limit.name, rule)
        if isinstance(window.kind, (ScheduleBy, Sliding, Bucket)):
            value = c.WindowOf(layer=limit.name, window=window)
            yield c.Carried(construct=f"window {rule.name}", place=rule.span.place, value=value)
    for reset in limit.resets:
        yield c.Carried(
            construct=f"reset {reset.name}",
            place=reset.span.place,
            value=c.Reset(
                layer=limit.name,
                name=reset.name,
                label=reset.label,
                windows=reset.windows,
                at=reset.at,
                restart=reset.restart,
                when=build.optional(reset.when),
            ),
        )
    if limit.banked_reset is not None:
        banked = c.BankedReset(layer=limit.name, valid=limit.banked_reset.valid, restart=limit.banked_reset.restart)
        yield c.Carried(construct=f"banked_reset of {limit.name}", place=limit.span.place, value=banked)


def _of_pool(pool: r.Pool, build: Build) -> Iterator[c.Carried]:
    if pool.overage is not None:
        overage = c.Overage(layer=pool.name, allowance=_allowance(pool.overage, build))
        yield c.Carried(construct=f"overage of {pool.name}", place=pool.overage.span.place, value=overage)
    if pool.top_up is not None:
        top_up = c.TopUp(
            layer=pool.name,
            settings=pool.top_up.settings,
            partial=pool.top_up.on_top_up_cap.word == "partial",
            when=build.optional(pool.top_up.when),
        )
        yield c.Carried(construct=f"top_up of {pool.name}", place=pool.top_up.span.place, value=top_up)
    yield from _reaction("on_overshoot", "on overshoot", pool.name, pool.on_overshoot)
    yield from _reaction("on_expired_in_hold", "on expired_in_hold", pool.name, pool.on_expired_in_hold)


def _reaction(event: str, shown: str, layer: str | None, reaction: r.Reaction) -> Iterator[c.Carried]:
    if reaction.word not in DEFAULTS:
        assert reaction.span is not None
        value = c.Reaction(event=event, layer=layer, word=reaction.word, up_to=reaction.up_to, length=reaction.length)
        yield c.Carried(construct=f"{shown} {reaction.word}", place=reaction.span.place, value=value)


def _entitlement(at: int, draw: r.Draw, layer: r.Entitlement, build: Build) -> c.EntitlementLayer:
    return c.EntitlementLayer(
        at=at,
        name=layer.name,
        label=layer.label,
        unit=layer.unit,
        kind=build.kind(layer.account),
        per=build.per(layer.per),
        ratio=build.ratio(draw.ratio),
        when=build.optional(draw.when),
        skips=build.skips(layer.skips),
        on_error=draw.on_error,
        starts=layer.starts,
        ends=layer.ends,
        allowance=_allowance(layer.allowance, build),
        billed_in_arrears=layer.billed_in_arrears,
    )


def _grace(at: int, draw: r.Draw, layer: r.Grace, build: Build) -> c.GraceLayer:
    return c.GraceLayer(
        at=at,
        name=layer.name,
        label=layer.label,
        unit=layer.unit,
        kind=build.kind(layer.account),
        per=build.per(layer.per),
        ratio=build.ratio(draw.ratio),
        when=build.optional(draw.when),
        on_error=draw.on_error,
        up_to=_source(layer.up_to, build),
        started_funded=layer.started_funded,
    )


def _allowance(allowance: r.Allowance, build: Build) -> c.Allowance:
    period = None if allowance.period is None else build.period(allowance.period)
    return c.Allowance(up_to=_source(allowance.up_to, build), period=period)


def _source(source: r.Source, build: Build) -> c.Source:
    match source:
        case int():
            return source
        case r.InputPath():
            return c.SlotAmount(slot=build.slots.index(source.text))
        case r.Members(path=path):
            return c.Members(kind=path.owner, attribute=path.field)
        case r.Choice(function=function, args=args):
            return c.Choice(function=function, args=tuple(_source(arg, build) for arg in args))
        case _:
            assert_never(source)
