"""Account states at an instant → what their pages show: the same states, bounds and orders that a decision meets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from overspill.account.held import held
from overspill.account.state import Account
from overspill.decide.counters import Change, Seen, counters_of, next_of, shown
from overspill.decide.known import Scene
from overspill.decide.pools import pools_of
from overspill.decide.top_ups import top_ups_of
from overspill.plan.plan import Input, Instant
from overspill.plan.shapes import Attribute
from overspill.records.answers import FactShown
from overspill.records.status import AccountStatus, BankedStatus, HoldStatus
from overspill.words.instants import NEVER, instant_text
from overspill.words.texts import limit_text_of


def account_status(
    scene: Scene, kind: int, key: str, account: Account, pending: Mapping[str, Decimal]
) -> AccountStatus:
    """One account's page; `kind` is the index of its kind among the plan's, those of which there may be many behind the
    others, and `pending` what was captured from its pools and is not yet posted."""
    held_now = held(account, key)
    counters = list(counters_of(scene, kind, account))
    pools = list(pools_of(scene, kind, account, held_now, pending))
    return AccountStatus(
        account=key.split("/", 1)[1],
        version=account.version,
        attributes=_attributes(scene, kind, account),
        windows=tuple([shown(one, account, held_now, scene.now) for one in counters if one.kind == "window"]),
        counters=tuple([shown(one, account, held_now, scene.now) for one in counters if one.kind != "window"]),
        pools=tuple([pool for pool, _ in pools]),
        top_ups=tuple(top_ups_of(scene.plan, account, scene.now)),
        banked_resets=tuple(_banked(account, scene.now)),
        holds=tuple(_holds(account)),
        next_change=next_of(_changes(account, counters, [one for _, found in pools for one in found], scene.now)),
    )


def _attributes(scene: Scene, kind: int, account: Account) -> dict[str, FactShown]:
    """Those that are set, as they were sent: amounts as decimal text with their unit, instants as theirs."""
    declared = (*scene.plan.kinds, *scene.plan.many)[kind].attributes
    return {name: _shown(declared.get(name), value) for name, value in account.attributes.items()}


def _shown(declared: Input | None, value: Attribute) -> FactShown:
    if declared is None or type(value) is not int:
        return value
    if declared.type is Instant:
        return instant_text(value)
    if declared.unit is None:
        return value
    text = limit_text_of(declared.unit.scale)(value)
    return text if text == "unlimited" else f"{text} {declared.unit.name}"


def _banked(account: Account, now: int) -> Iterator[BankedStatus]:
    for limit, resets in account.banked.items():
        for id, granted_at, expires_at in resets:
            yield BankedStatus(
                limit=limit,
                reset=id,
                usable=now < expires_at,
                granted_at=instant_text(granted_at),
                expires_at=_end(expires_at),
            )


def _holds(account: Account) -> Iterator[HoldStatus]:
    for hold in account.holds.values():
        if hold.open:
            yield HoldStatus(
                hold=hold.id,
                request=hold.request,
                waterfall=hold.waterfall,
                held_since=instant_text(hold.at),
                expires_at=_end(hold.expires_at),
            )


def _end(instant: int) -> str | None:
    """None for never."""
    return None if instant == NEVER else instant_text(instant)


def _changes(account: Account, counters: list[Seen], pools: list[Change], now: int) -> Iterator[Change]:
    """Whatever changes by itself."""
    for counter in counters:
        yield from counter.changes
    yield from pools
    yield from ((one.test_at, "top_up_tested", key) for key, one in account.top_ups.items())
    yield from ((hold.expires_at, "hold_expires", hold.id) for hold in account.holds.values() if hold.open)
    for resets in account.banked.values():
        for id, _, expires_at in resets:
            if now < expires_at:
                yield expires_at, "banked_reset_expires", id
