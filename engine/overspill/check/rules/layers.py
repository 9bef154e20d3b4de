"""Layers and what bounds them: amounts in steps, instants in microseconds, names resolved."""

from __future__ import annotations

from overspill.check.rules.inputs import Condition, InputPath, Ratio, Table
from overspill.words.amounts import Unit
from overspill.words.codec import Struct
from overspill.words.lengths import Length
from overspill.words.spans import Span

DEFAULT_ORDER = ("priority", "expires_at", "category", "granted_at", "id")
"""LANGUAGE.md G2."""


# ---- periods and bounds


class FirstUse(Struct, frozen=True, kw_only=True):
    length: Length


class Schedule(Struct, frozen=True, kw_only=True):
    """Periods of one length after another, from an instant or from a timestamp of the account."""

    length: Length
    anchor: int | InputPath


class CalendarPeriod(Struct, frozen=True, kw_only=True):
    period: str
    zone: str


class Sliding(Struct, frozen=True, kw_only=True):
    length: Length


class Bucket(Struct, frozen=True, kw_only=True):
    """`refill` steps per `per`, up to `burst` steps."""

    refill: int
    per: Length
    burst: int


Period = Schedule | CalendarPeriod
WindowKind = FirstUse | Schedule | CalendarPeriod | Sliding | Bucket


class Window(Struct, frozen=True, kw_only=True):
    span: Span
    name: str
    kind: WindowKind


class Members(Struct, frozen=True):
    """The amounts of one attribute over all accounts of a many-valued kind: `user.groups.spend_limit`."""

    path: InputPath


class Choice(Struct, frozen=True):
    """`first_set` or `max` of what its arguments come to."""

    function: str
    args: tuple[Source, ...]


Source = int | InputPath | Members | Choice
"""A bound: steps (UNLIMITED for none), an amount among the inputs, or one of several."""


class Allowance(Struct, frozen=True, kw_only=True):
    """So much a period; without period: UNLIMITED."""

    span: Span
    up_to: Source
    period: Period | None


class Reaction(Struct, frozen=True, kw_only=True):
    """What follows an event; `up_to` in steps."""

    word: str
    up_to: int | None
    length: Length | None
    span: Span | None
    """None: the default."""


# ---- layers


class Skip(Struct, frozen=True):
    name: str
    when: Condition


class CapacityTimes(Struct, frozen=True, kw_only=True):
    span: Span
    factor: Ratio
    starts: int
    ends: int


class Reset(Struct, frozen=True, kw_only=True):
    """`windows` are indexes of the limit's windows."""

    span: Span
    name: str
    label: str | None
    windows: tuple[int, ...]
    at: int
    restart: bool
    when: Condition | None


class BankedReset(Struct, frozen=True, kw_only=True):
    valid: Length
    restart: bool


class Limit(Struct, frozen=True, kw_only=True):
    """`account` is the account kind that keeps the counts, `per` the request fields that divide them further."""

    span: Span
    name: str
    label: str | None
    account: str
    per: tuple[InputPath, ...]
    unit: Unit
    windows: tuple[Window, ...]
    capacity: Table[tuple[int, ...]]
    """One bound per window, in steps; UNLIMITED where unlimited, a bucket's burst for a bucket."""
    capacity_times: tuple[CapacityTimes, ...]
    multiplier: Table[Ratio]
    resets: tuple[Reset, ...]
    banked_reset: BankedReset | None
    warn_at: tuple[int, ...]
    """Percentages, ascending."""
    skips: tuple[Skip, ...]


class TopUp(Struct, frozen=True, kw_only=True):
    """`settings` is the account kind that keeps minimum, target, monthly maximum and consent."""

    span: Span
    settings: str
    on_top_up_cap: Reaction
    when: Condition | None


class Pool(Struct, frozen=True, kw_only=True):
    span: Span
    name: str
    label: str | None
    account: str
    per: tuple[InputPath, ...]
    unit: Unit
    order: tuple[str, ...]
    lots_expire_after: Length | None
    overage: Allowance | None
    multiplier: Table[Ratio]
    free: bool
    skips: tuple[Skip, ...]
    price: tuple[int, Unit, int] | None
    """(money steps, money unit, pool steps): `price 0.04 usd per 1 credits`."""
    top_up: TopUp | None
    on_overshoot: Reaction
    on_expired_in_hold: Reaction


class Entitlement(Struct, frozen=True, kw_only=True):
    span: Span
    name: str
    label: str | None
    account: str
    per: tuple[InputPath, ...]
    unit: Unit
    starts: int | None
    ends: int | None
    allowance: Allowance
    multiplier: Table[Ratio]
    billed_in_arrears: bool
    skips: tuple[Skip, ...]


class Grace(Struct, frozen=True, kw_only=True):
    """`per` are the request fields by whose values it is kept; one that is absent: not eligible."""

    span: Span
    name: str
    label: str | None
    account: str
    per: tuple[InputPath, ...]
    unit: Unit
    up_to: Source
    started_funded: bool
    multiplier: Table[Ratio]
    """Always one to one."""


Layer = Limit | Pool | Entitlement | Grace


# ---- bounds on layers and holds


class Cap(Struct, frozen=True, kw_only=True):
    span: Span
    name: str
    label: str | None
    account: str
    per: tuple[InputPath, ...]
    unit: Unit
    window: Window
    up_to: Source
    finish_started: bool


class Concurrency(Struct, frozen=True, kw_only=True):
    span: Span
    name: str
    label: str | None
    account: str
    per: tuple[InputPath, ...]
    at_most: Table[int]
