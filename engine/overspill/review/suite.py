"""A test file as records: what is given, the steps of each case and what is expected of them, matrices, invariants.

Made by `suite_reader.py` with every name resolved against the plan: instants in microseconds, windows and lots in steps
of their unit. Texts stay texts where the engine itself is to judge them (the values of requests, captures, grants).
"""

from __future__ import annotations

from collections.abc import Mapping

from overspill.account.purchases import Settings, TopUp, month_of
from overspill.plan.expression import Expr
from overspill.plan.shapes import Lot, Scalar, WindowState
from overspill.words.codec import Struct
from overspill.words.instants import HOUR, NEVER
from overspill.words.lengths import Length
from overspill.words.spans import Source, Span


class GivenWindow(Struct, frozen=True):
    """A window in use; None: opened an hour before the case's instant, ending an hour after it."""

    used: int
    generation: int
    opened_at: int | None
    ends_at: int | None

    def state(self, now: int) -> WindowState:
        opened_at = now - HOUR if self.opened_at is None else self.opened_at
        return (self.generation, opened_at, now + HOUR if self.ends_at is None else self.ends_at, self.used)


class GivenLot(Struct, frozen=True):
    """A lot as it stands; None: granted at the case's instant, never expiring."""

    id: str
    left: int
    granted_at: int | None
    expires_at: int | None
    priority: int
    category: int

    def state(self, now: int) -> Lot:
        granted_at = now if self.granted_at is None else self.granted_at
        expires_at = NEVER if self.expires_at is None else self.expires_at
        return (self.id, self.left, granted_at, expires_at, self.priority, self.category, self.left)


class GivenTopUp(Struct, frozen=True, kw_only=True):
    """What an account agreed to at the case's instant, in steps; `bought` in the month of that instant."""

    enabled: bool
    minimum: int
    target: int
    monthly_maximum: int | None
    bought: int

    def state(self, now: int) -> TopUp:
        settings = Settings(1, self.enabled, self.minimum, self.target, self.monthly_maximum, "given", now)
        return TopUp(settings, month=month_of(now), bought=self.bought)


class Given(Struct, frozen=True, kw_only=True):
    """The world before the first step. Attributes by account kind and name; windows and lots by the keys of the state."""

    at: int | None = None
    account: Mapping[str, str] | None = None
    attributes: Mapping[tuple[str, str], Scalar] = {}
    members: Mapping[str, Mapping[str, Mapping[str, Scalar]]] = {}
    """By many-valued kind: the accounts that the case's account is a member of, by id, with their attributes."""
    windows: Mapping[str, GivenWindow] = {}
    lots: Mapping[str, tuple[GivenLot, ...]] = {}
    holds: Mapping[str, Step] = {}
    banked_resets: Mapping[str, tuple[GivenReset, ...]] = {}
    top_ups: Mapping[str, GivenTopUp] = {}

    def over(self, shared: Given) -> Given:
        """This laid over what all cases share: the instant and the accounts as a whole, the rest name by name."""
        return Given(
            at=shared.at if self.at is None else self.at,
            account=shared.account if self.account is None else self.account,
            attributes={**shared.attributes, **self.attributes},
            members={**shared.members, **self.members},
            windows={**shared.windows, **self.windows},
            lots={**shared.lots, **self.lots},
            holds={**shared.holds, **self.holds},
            banked_resets={**shared.banked_resets, **self.banked_resets},
            top_ups={**shared.top_ups, **self.top_ups},
        )


# ---- steps


class Ask(Struct, frozen=True, kw_only=True):
    """A request: `word` is decide, preview or reserve; `values` are its fields and meters side by side, as written."""

    word: str
    values: Mapping[str, str]
    id: str | None = None
    account: Mapping[str, str] | None = None
    hold: str | None = None
    initiator: str = "user"
    only: tuple[str, ...] | None = None
    max_charge: Mapping[str, str] | None = None
    at_least: str | None = None


class CaptureHold(Struct, frozen=True):
    """`hold` None: the last one made."""

    meters: Mapping[str, str]
    hold: str | None
    id: str | None
    final: bool = True


class ExtendHold(Struct, frozen=True):
    hold: str | None
    id: str | None


class ReleaseHold(Struct, frozen=True):
    hold: str | None
    id: str | None


class GrantLot(Struct, frozen=True, kw_only=True):
    pool: str
    id: str
    amount: str
    expires_at: int | None
    priority: int
    category: str
    per: Mapping[str, str]
    account: Mapping[str, str] | None


class GivenReset(Struct, frozen=True):
    """A banked reset; None: it does not expire."""

    id: str
    expires_at: int | None


class ResetLimit(Struct, frozen=True, kw_only=True):
    """A reset of `limit`; `of` None: of all its windows."""

    limit: str
    of: tuple[str, ...] | None
    anchor: str
    account: Mapping[str, str] | None
    id: str | None


class RedeemReset(Struct, frozen=True):
    """The redemption of a banked reset of `limit`."""

    limit: str
    account: Mapping[str, str] | None
    id: str | None


class ResolvePurchase(Struct, frozen=True):
    """What became of the purchase that is open for a pool."""

    pool: str
    outcome: str
    account: Mapping[str, str] | None


class ReverseRequest(Struct, frozen=True):
    """The reversal of the request of that id."""

    request: str
    id: str | None


class SetValues(Struct, frozen=True):
    """Attributes of the account of one kind, as written."""

    kind: str
    values: Mapping[str, str]
    account: Mapping[str, str] | None


class Wait(Struct, frozen=True):
    length: Length


class Advance(Struct, frozen=True):
    at: int


Action = (
    Ask
    | CaptureHold
    | ExtendHold
    | ReleaseHold
    | ReverseRequest
    | GrantLot
    | SetValues
    | ResetLimit
    | RedeemReset
    | ResolvePurchase
    | Wait
    | Advance
)


class Expected(Struct, frozen=True):
    """One part of an answer: text (amounts in canonical digits, with their unit where one was written), or texts by key."""

    name: str
    value: str | Mapping[str, str]
    span: Span


class Step(Struct, frozen=True):
    word: str
    action: Action
    expect: tuple[Expected, ...]
    span: Span


# ---- cases


class Invariant(Struct, frozen=True):
    """A condition over a decision; `paths` are its inputs in the order of its slots."""

    name: str
    text: str
    expr: Expr
    paths: tuple[str, ...]
    span: Span


class Choice(Struct, frozen=True):
    """One value of an axis: what it gives, and what it puts into the request."""

    label: str
    given: Given
    values: Mapping[str, str]


class Axis(Struct, frozen=True):
    name: str
    choices: tuple[Choice, ...]


class Table(Struct, frozen=True):
    """The golden table: its text in the file at `span`, or in the file named beside it (`file` not None)."""

    text: str
    file: str | None
    span: Span
    indent: int


class Matrix(Struct, frozen=True):
    """Every combination of the axes' choices, each in a world of its own; `columns` are parts of the answer."""

    axes: tuple[Axis, ...]
    step: Step
    columns: tuple[str, ...]
    table: Table


class Case(Struct, frozen=True):
    """`given` has the shared part in it; a case has steps or a matrix."""

    name: str
    span: Span
    given: Given
    invariants: tuple[Invariant, ...]
    steps: tuple[Step, ...]
    matrix: Matrix | None


class Suite(Struct, frozen=True):
    source: Source
    cases: tuple[Case, ...]
    unreachable: Mapping[str, tuple[str, Span]]
    """Points of coverage that no test can reach, by name, with the reason."""
