"""What a policy may say and this version of the program does not decide on yet, as typed data.

A waterfall carries these beside what it can run. Asked to decide, it names the first of them and gives no answer: a
guess would be worse than none. What becomes a behaviour moves from here into `plan.py`.
"""

from __future__ import annotations

from overspill.plan.expression import Expr
from overspill.plan.parts import Condition, Period, Ratio, Skip, Table, Window
from overspill.words.amounts import Unit
from overspill.words.codec import Struct
from overspill.words.lengths import Length


class SlotAmount(Struct, frozen=True, kw_only=True):
    """The amount in a slot; absent where the slot is."""

    slot: int


class Members(Struct, frozen=True, kw_only=True):
    """The amounts of one attribute over all accounts of a many-valued kind."""

    kind: str
    attribute: str


class Choice(Struct, frozen=True, kw_only=True):
    """`first_set` or `max`."""

    function: str
    args: tuple[Source, ...]


Source = int | SlotAmount | Members | Choice
"""A bound: steps (UNLIMITED for none), or where it is found."""


class Allowance(Struct, frozen=True, kw_only=True):
    """So much a period; `period` None: without bound."""

    up_to: Source
    period: Period | None


class EntitlementLayer(Struct, frozen=True, kw_only=True):
    """Drawn like a pool without lots (LANGUAGE.md L11); `at` is its place among all draws."""

    at: int
    name: str
    label: str | None
    unit: Unit
    kind: int
    per: tuple[int, ...]
    ratio: Table[Ratio]
    when: Condition | None
    skips: tuple[Skip, ...]
    on_error: str
    starts: int | None
    ends: int | None
    allowance: Allowance
    billed_in_arrears: bool


class GraceLayer(Struct, frozen=True, kw_only=True):
    """Covers up to its amount per key (LANGUAGE.md L12); `at` is its place among all draws."""

    at: int
    name: str
    label: str | None
    unit: Unit
    kind: int
    per: tuple[int, ...]
    ratio: Table[Ratio]
    when: Condition | None
    on_error: str
    up_to: Source
    started_funded: bool


class Within(Struct, frozen=True, kw_only=True):
    """A cap on what `layer` is drawn for (LANGUAGE.md L8)."""

    layer: str
    cap: str
    label: str | None
    unit: Unit
    kind: int
    per: tuple[int, ...]
    window: Window
    up_to: Source
    finish_started: bool


class Occupancy(Struct, frozen=True, kw_only=True):
    """A hold counts in this concurrency, of which so many may be open at once."""

    concurrency: str
    label: str | None
    kind: int
    per: tuple[int, ...]
    at_most: Table[int]
    when: Condition | None


class WindowOf(Struct, frozen=True, kw_only=True):
    """A window of `layer` of a kind that is not counted yet."""

    layer: str
    window: Window


class Reset(Struct, frozen=True, kw_only=True):
    """LANGUAGE.md W6; `windows` are indexes of the limit's."""

    layer: str
    name: str
    label: str | None
    windows: tuple[int, ...]
    at: int
    restart: bool
    when: Condition | None


class BankedReset(Struct, frozen=True, kw_only=True):
    layer: str
    valid: Length
    restart: bool


class Overage(Struct, frozen=True, kw_only=True):
    """What `layer` may be drawn beyond its lots (LANGUAGE.md L11)."""

    layer: str
    allowance: Allowance


class TopUp(Struct, frozen=True, kw_only=True):
    """LANGUAGE.md U1; `settings` is the account kind that keeps minimum, target, monthly maximum and consent."""

    layer: str
    settings: str
    partial: bool
    when: Condition | None


class Reaction(Struct, frozen=True, kw_only=True):
    """What follows an event other than by default; `layer` for a pool's own, `up_to` in steps."""

    event: str
    layer: str | None
    word: str
    up_to: int | None
    length: Length | None


class VerifyOnly(Struct, frozen=True, kw_only=True):
    """`admission verify_only` (LANGUAGE.md S5)."""


class Unread(Struct, frozen=True, kw_only=True):
    """An input of a kind that facts do not hold yet: many accounts."""

    path: str


Value = (
    EntitlementLayer
    | GraceLayer
    | Within
    | Occupancy
    | WindowOf
    | Reset
    | BankedReset
    | Overage
    | TopUp
    | Reaction
    | VerifyOnly
    | Unread
)


class Carried(Struct, frozen=True, kw_only=True):
    """`construct` is how the author calls it, `place` where it stands."""

    construct: str
    place: str
    value: Value


class Invariant(Struct, frozen=True, kw_only=True):
    """What holds for every decision; `expr` is None where it cannot be typed yet, `paths` are its inputs by slot."""

    name: str
    text: str
    expr: Expr | None
    paths: tuple[str, ...]
    place: str
