"""What a waterfall says and this version does not decide on: rules → typed data, each with its place.

Everything that is not in the plan's own layers, windows and words must be found here: a waterfall that carries nothing
is decided on, and then nothing of it may have been left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from overspill.check import rules as r
from overspill.compile.parts import Parts, same
from overspill.plan import carried as c
from overspill.plan.parts import Bucket, ScheduleBy, Sliding

DEFAULTS = ("deny", "refund", "honor", "no_transfer", "breakage")
_REACTIONS = {
    "on_unavailable": "on unavailable",
    "closed_window": "on reversal closed_window",
    "expired_lot": "on reversal expired_lot",
}


def carried_of(waterfall: r.Waterfall, parts: Parts) -> Iterator[c.Carried]:
    """All of it, in the order of the draws, then of the waterfall's own statements."""
    for at, draw in enumerate(waterfall.draws):
        yield from _of_draw(at, draw, parts)
    for occupy in waterfall.occupies:
        concurrency = occupy.concurrency
        yield c.Carried(
            construct=f"occupy {concurrency.name}",
            place=occupy.span.place,
            value=c.Occupancy(
                concurrency=concurrency.name,
                label=concurrency.label,
                kind=parts.kind(concurrency.account),
                per=parts.per(concurrency.per),
                at_most=parts.table(concurrency.at_most, same),
                when=parts.optional(occupy.when),
            ),
        )
    if waterfall.admission == "verify_only":
        yield c.Carried(construct="admission verify_only", place=waterfall.span.place, value=c.VerifyOnly())
    for event, shown in _REACTIONS.items():
        yield from _reaction(event, shown, None, waterfall.reactions[event])
    for path in parts.slots.unread:
        yield c.Carried(construct=path, place=waterfall.span.place, value=c.Unread(path=path))


def _of_draw(at: int, draw: r.Draw, parts: Parts) -> Iterator[c.Carried]:
    layer = draw.layer
    place = draw.span.place
    match layer:
        case r.Limit():
            yield from _of_limit(layer, parts)
        case r.Pool():
            yield from _of_pool(layer, parts)
        case r.Entitlement():
            value = _entitlement(at, draw, layer, parts)
            yield c.Carried(construct=f"entitlement {layer.name}", place=place, value=value)
        case r.Grace():
            yield c.Carried(construct=f"grace {layer.name}", place=place, value=_grace(at, draw, layer, parts))
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
                kind=parts.kind(cap.account),
                per=parts.per(cap.per),
                window=parts.window(cap.name, cap.window),
                up_to=_source(cap.up_to, parts),
                finish_started=cap.finish_started,
            ),
        )


def _of_limit(limit: r.Limit, parts: Parts) -> Iterator[c.Carried]:
    for rule in limit.windows:
        window = parts.window(limit.name, rule)
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
                when=parts.optional(reset.when),
            ),
        )
    if limit.banked_reset is not None:
        banked = c.BankedReset(layer=limit.name, valid=limit.banked_reset.valid, restart=limit.banked_reset.restart)
        yield c.Carried(construct=f"banked_reset of {limit.name}", place=limit.span.place, value=banked)


def _of_pool(pool: r.Pool, parts: Parts) -> Iterator[c.Carried]:
    if pool.overage is not None:
        overage = c.Overage(layer=pool.name, allowance=_allowance(pool.overage, parts))
        yield c.Carried(construct=f"overage of {pool.name}", place=pool.overage.span.place, value=overage)
    if pool.top_up is not None:
        top_up = c.TopUp(
            layer=pool.name,
            settings=pool.top_up.settings,
            partial=pool.top_up.on_top_up_cap.word == "partial",
            when=parts.optional(pool.top_up.when),
        )
        yield c.Carried(construct=f"top_up of {pool.name}", place=pool.top_up.span.place, value=top_up)
    yield from _reaction("on_overshoot", "on overshoot", pool.name, pool.on_overshoot)
    yield from _reaction("on_expired_in_hold", "on expired_in_hold", pool.name, pool.on_expired_in_hold)


def _reaction(event: str, shown: str, layer: str | None, reaction: r.Reaction) -> Iterator[c.Carried]:
    if reaction.word not in DEFAULTS:
        assert reaction.span is not None
        value = c.Reaction(event=event, layer=layer, word=reaction.word, up_to=reaction.up_to, length=reaction.length)
        yield c.Carried(construct=f"{shown} {reaction.word}", place=reaction.span.place, value=value)


def _entitlement(at: int, draw: r.Draw, layer: r.Entitlement, parts: Parts) -> c.EntitlementLayer:
    return c.EntitlementLayer(
        at=at,
        name=layer.name,
        label=layer.label,
        unit=layer.unit,
        kind=parts.kind(layer.account),
        per=parts.per(layer.per),
        ratio=parts.ratio(draw.ratio),
        when=parts.optional(draw.when),
        skips=parts.skips(layer.skips),
        on_error=draw.on_error,
        starts=layer.starts,
        ends=layer.ends,
        allowance=_allowance(layer.allowance, parts),
        billed_in_arrears=layer.billed_in_arrears,
    )


def _grace(at: int, draw: r.Draw, layer: r.Grace, parts: Parts) -> c.GraceLayer:
    return c.GraceLayer(
        at=at,
        name=layer.name,
        label=layer.label,
        unit=layer.unit,
        kind=parts.kind(layer.account),
        per=parts.per(layer.per),
        ratio=parts.ratio(draw.ratio),
        when=parts.optional(draw.when),
        on_error=draw.on_error,
        up_to=_source(layer.up_to, parts),
        started_funded=layer.started_funded,
    )


def _allowance(allowance: r.Allowance, parts: Parts) -> c.Allowance:
    period = None if allowance.period is None else parts.period(allowance.period)
    return c.Allowance(up_to=_source(allowance.up_to, parts), period=period)


def _source(source: r.Source, parts: Parts) -> c.Source:
    match source:
        case int():
            return source
        case r.InputPath():
            return c.SlotAmount(slot=parts.slots.index(source.text))
        case r.Members(path=path):
            return c.Members(kind=path.owner, attribute=path.field)
        case r.Choice(function=function, args=args):
            return c.Choice(function=function, args=tuple(_source(arg, parts) for arg in args))
        case _:
            assert_never(source)
