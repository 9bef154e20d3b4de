"""What the book knows beside its balances: what later records refer to without telling it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from overspill.book.chart import LotKey
from overspill.words.codec import Struct

K = TypeVar("K")
V = TypeVar("V")
WindowKey = tuple[str, str]
"""(account, key of the counter)."""


class Lot(Struct):
    """`outstanding` is what is free and what is held of it; amounts are in billionths (`book/amounts.py`). `cost` was paid
    for `per` of the first lot of its line, by way of `cash`; 0 where nothing was."""

    account: str
    asset: str
    category: str
    expires_at: str | None
    cost: int = 0
    currency: str = ""
    per: int = 1
    cash: str = ""
    outstanding: int = 0


class Window(Struct, frozen=True):
    """Capacity of the present generation. `overage` is the receivable where it bounds one, in `unit`."""

    account: str
    asset: str
    generation: int = 0
    overage: str = ""
    unit: str = ""


class Count(Struct):
    """What a hold has of a window: `left` is not used yet. One of an overage counts what lots did not give (`beyond`)."""

    window: WindowKey
    generation: int
    left: int
    beyond: bool


class Leg(Struct):
    """What a hold has of one layer. `lots` and `beyond` (drawn beyond them) are not used yet; `amount` is all of it, used
    or not, `step` the smallest step of its unit."""

    layer: str
    kind: str
    base_used: int
    amount: int
    step: int
    counts: list[Count]
    lots: dict[str, int]
    """By `chart.lot_text`."""
    beyond: int = 0


class Absorbed(Struct):
    """`base` of a capture that nobody pays, written off as `amount` of an asset."""

    base: int
    asset: str
    amount: int


class Hold(Struct):
    """A reservation that may still be captured, and what a posting needs of its admission."""

    id: str
    root: str
    """The account that answers for it."""
    accounts: tuple[str | None, ...]
    """By kind, as the policy counts them."""
    decision: str
    policy: str
    version: int | None
    rate_card: str | None
    waterfall: str
    late_until: int
    legs: list[Leg]
    is_open: bool = True
    absorbed: list[Absorbed] = []
    """What nobody pays of what was captured so far, the latest last."""


class Tracked(dict[K, V]):
    """A dictionary that knows which of its keys were set or deleted; `find` may put more into it when a key is asked for
    that is not there."""

    __slots__ = ("_gone", "_touched", "find")

    def __init__(self) -> None:
        self._touched: dict[K, None] = {}
        self._gone: dict[K, V] = {}
        self.find: Callable[[K], None] | None = None

    def __contains__(self, key: object) -> bool:
        if super().__contains__(key):
            return True
        if self.find is None:
            return False
        self.find(key)  # type: ignore[arg-type]
        return super().__contains__(key)

    def __missing__(self, key: K) -> V:
        if key in self:
            return super().__getitem__(key)
        raise KeyError(key)

    def __setitem__(self, key: K, value: V) -> None:
        self._touched[key] = None
        super().__setitem__(key, value)

    def __delitem__(self, key: K) -> None:
        self._touched[key] = None
        self._gone[key] = super().__getitem__(key)
        super().__delitem__(key)

    def put_back(self, key: K, value: V) -> None:
        """What was kept elsewhere."""
        super().__setitem__(key, value)

    def taken(self) -> list[tuple[K, V]]:
        """What may have changed since the last time, with its value, or the last one that it had."""
        get, gone = super().get, self._gone
        found = [(key, value) for key in self._touched if (value := get(key, gone.get(key))) is not None]
        self._touched, self._gone = {}, {}
        return found


class Seen(Tracked[K, V]):
    """Of values that change in their places: who asks for one may change it."""

    __slots__ = ()

    def __getitem__(self, key: K) -> V:
        self._touched[key] = None
        return super().__getitem__(key)


class Book:
    """One tenant's accounts, changed by `book.post.post` alone.

    `balances` are credits less debits by (account, asset), without those that are 0: all of an asset sum to 0; `moved` are
    the places that changed since who keeps the book took them over.
    """

    __slots__ = ("balances", "holds", "lots", "moved", "tenant", "timed_out", "windows")

    def __init__(self, tenant: str = "default") -> None:
        self.tenant = tenant
        self.balances: dict[tuple[str, str], int] = {}
        self.moved: dict[tuple[str, str], None] = {}
        self.lots: Seen[LotKey, Lot] = Seen()
        self.windows: Tracked[WindowKey, Window] = Tracked()
        self.holds: Seen[str, Hold] = Seen()
        self.timed_out: dict[str, list[str]] = {}
        """Account → its holds that have timed out and may be captured late."""

    def balance(self, account: str, asset: str) -> int:
        """Credits less debits, in billionths."""
        return self.balances.get((account, asset), 0)

    def settled(self, key: LotKey) -> int:
        """What is posted of a lot: free and held, nothing that is captured."""
        lot = self.lots.get(key)
        return 0 if lot is None else lot.outstanding

    def available(self, key: LotKey) -> int:
        """What the lot's own account has: nothing that is held."""
        lot = self.lots.get(key)
        return 0 if lot is None else self.balance(lot.account, lot.asset)
