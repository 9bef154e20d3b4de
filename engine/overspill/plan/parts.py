"""What plans are made of: inputs and where they come from, conditions, tables, windows and periods."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Generic, TypeVar

from overspill.plan.bounds import Source
from overspill.plan.expression import Expr
from overspill.words.amounts import Unit
from overspill.words.codec import Struct
from overspill.words.lengths import Length

V = TypeVar("V")

Scalar = str | int | bool
Row = str | tuple[str, ...]
"""A table's key: the one value it is keyed by, or a tuple of them."""


ROOT = 0
"""The index of the account kind that every request names."""


class Origin(Enum):
    """Where a slot's value comes from."""

    FIELD = "field"
    METER = "meter"
    ATTRIBUTE = "attribute"
    ACCOUNT_ID = "account_id"
    MEMBERS = "members"
    """Of all accounts of a many-valued kind together: themselves, or one attribute of those that have it."""


class Instant:
    """The type of inputs that are instants: held in microseconds, read by expressions as timestamps."""


class Input(Struct, frozen=True, kw_only=True):
    """A declared input of requests or accounts; `type` is str, int or bool as Python holds it, or `Instant`."""

    name: str
    type: type[Scalar] | type[Instant]
    unit: Unit | None
    optional: bool
    default: Scalar | None


class AccountKind(Struct, frozen=True, kw_only=True):
    """`of` None: the root, which every request names."""

    name: str
    of: str | None
    attributes: Mapping[str, Input]


class Slot(Struct, frozen=True, kw_only=True):
    """One input that a waterfall reads. `kind` is the index of the account kind whose it is: of an attribute, an id, a field
    that is passed for an account; the root's for all others."""

    path: str
    origin: Origin
    kind: int
    input: Input
    many: AccountKind | None = None
    """What the accounts are that stand in it."""


class Clause(Struct, frozen=True, kw_only=True):
    """One operand of a condition's top-level `&&`: the trace names the one that failed."""

    text: str
    expr: Expr
    slots: tuple[int, ...]


class Condition(Struct, frozen=True, kw_only=True):
    expr: Expr
    can_fail: bool
    clauses: tuple[Clause, ...]
    place: str


class Table(Struct, Generic[V], frozen=True, kw_only=True):
    """`rows` by the values of the slots `by`; no `by`: `default` alone. `default` None: a missing row is a failure."""

    by: tuple[int, ...]
    rows: Mapping[Row, V]
    default: V | None


Ratio = tuple[int, int]
"""(numerator, denominator) in lowest terms: layer steps per base step."""


class FirstUse(Struct, frozen=True, kw_only=True):
    length: Length


class Schedule(Struct, frozen=True, kw_only=True):
    """One length after another, generation k from `anchor` + k lengths on."""

    length: Length
    anchor: int


class ScheduleBy(Struct, frozen=True, kw_only=True):
    """The same from a timestamp of the account, which stands in the slot `anchor`."""

    length: Length
    anchor: int


class Sliding(Struct, frozen=True, kw_only=True):
    length: Length


class Bucket(Struct, frozen=True, kw_only=True):
    """`refill` steps per `per`, up to `burst` steps."""

    refill: int
    per: Length
    burst: int


class CalendarPeriod(Struct, frozen=True, kw_only=True):
    period: str
    zone: str


class Forever(Struct, frozen=True, kw_only=True):
    """One generation that never ends."""


Period = Schedule | ScheduleBy | CalendarPeriod
WindowKind = FirstUse | Period | Sliding | Bucket | Forever


class Counter(Struct, frozen=True, kw_only=True):
    """What counts draws up to a bound, and begins anew: a window of a limit, the period of a cap or an allowance, what a
    grace has given for one key."""

    name: str
    """What a shortfall calls it."""
    key: str
    """`limit.window`: its key in the account's state."""
    account: int
    """The index of the account kind that keeps it."""
    per: tuple[int, ...]
    """Slots of the request fields it is further kept per."""
    kind: WindowKind
    up_to: Source | None
    """None for a limit's window, whose bound is in the limit's table."""
    finish_started: bool = False
    """LANGUAGE.md L8: while anything is left of it, it bounds nothing."""


class Skip(Struct, frozen=True, kw_only=True):
    name: str
    when: Condition


def state_key(name: str, values: tuple[Scalar, ...]) -> str:
    """The key in an account's state of what is kept per further fields: `limit.window|gpt-5.5`, values escaped."""
    if not values:
        return name
    return "|".join([name, *(str(value).replace("%", "%25").replace("|", "%7C") for value in values)])


def state_values(key: str) -> tuple[str, ...]:
    """The values of the further fields in a state's key."""
    return tuple([value.replace("%7C", "|").replace("%25", "%") for value in key.split("|")[1:]])
