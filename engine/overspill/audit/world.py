"""What the journal says there must be, behind each record: lots, holds, windows of one tenant.

Nothing here is what the book wrote. A lot is what was granted less what answers took from it; what of it is held, and what
holds have of windows, is read from the journal's effects, which tell a hold as it is and not how it changed; a window has
what its latest decision left of its limit.
"""

from __future__ import annotations

from collections.abc import Sequence

from overspill.audit.chart import LotKey, deferred_account, lot_account
from overspill.audit.findings import Class

Counter = tuple[str, str, int]
"""(account, counter's key, generation)."""


class Contradiction(Exception):
    """A record contradicts itself, or those before it."""

    def __init__(self, code: str, what: str, klass: Class = "malformed") -> None:
        super().__init__(what)
        self.code, self.what, self.klass = code, what, klass


class Lot:
    """`free` and `held` are in billionths, a `step` is the smallest part of its unit; `cost` was paid for `per` of the first
    lot of its line, by way of `cash`, and `deferred` is what of that is not earned."""

    __slots__ = (
        "account",
        "asset",
        "cash",
        "category",
        "cost",
        "currency",
        "deferred",
        "ends",
        "ends_text",
        "free",
        "held",
        "key",
        "money",
        "per",
        "rank",
        "since",
        "step",
        "told",
    )

    def __init__(self, key: LotKey, asset: str, category: str, ends_text: str | None) -> None:
        self.key = key
        self.account, self.money = lot_account(key), deferred_account(key)
        self.asset, self.category, self.ends_text = asset, category, ends_text
        self.cost, self.currency, self.per, self.cash = 0, "", 1, ""
        self.free = self.held = self.deferred = 0
        self.step = self.since = self.ends = 0
        self.told: Sequence[int] = ()
        """What effects say of it, and never changes."""
        self.rank: dict[str, int | str] = {}
        """What it is drawn by, by the names of LANGUAGE.md G2."""


class Window:
    """`left` is what its account has of the present generation."""

    __slots__ = ("account", "asset", "generation", "left", "receivable", "unit")

    def __init__(self, account: str, asset: str, receivable: str, unit: str) -> None:
        self.account, self.asset, self.receivable, self.unit = account, asset, receivable, unit
        self.generation = self.left = 0


class Hold:
    """`held` and `used` are billionths by counter or lot; `kinds` and `steps` are by layer."""

    __slots__ = (
        "absorbed",
        "accounts",
        "base_used",
        "bookings",
        "decision",
        "expires_at",
        "held",
        "id",
        "kinds",
        "late_until",
        "layers",
        "policy",
        "rate_card",
        "request",
        "root",
        "state",
        "steps",
        "used",
        "version",
        "waterfall",
    )

    def __init__(self, id: str, root: str, decision: str, request: str) -> None:
        self.id, self.root, self.decision, self.request = id, root, decision, request
        self.accounts: list[str | None] = []
        self.policy, self.waterfall = "", ""
        self.version: int | None = None
        self.rate_card: str | None = None
        self.held: dict[Counter | LotKey, int] = {}
        self.used: dict[Counter | LotKey, int] = {}
        self.layers: dict[str, int] = {}
        """What is used of each layer."""
        self.kinds: dict[str, str] = {}
        """`lot` for a pool."""
        self.steps: dict[str, int] = {}
        self.absorbed: list[tuple[int, str, int]] = []
        """(base, asset, amount) of what nobody pays, the latest last."""
        self.expires_at = self.late_until = 0
        self.bookings = self.base_used = 0
        self.state = "open"


class World:
    """One tenant's."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.lots: dict[LotKey, Lot] = {}
        self.pools: dict[tuple[str, str], dict[str, Lot]] = {}
        """(account, pool) → its lots with something free."""
        self.windows: dict[tuple[str, str], Window] = {}
        self.holds: dict[str, Hold] = {}
        self.debts: dict[tuple[str, str], int] = {}
        self.versions: dict[str, int] = {}
        """Account with its tenant → how many records have changed it."""
        self.late: list[str] = []
        """Holds that have timed out and may be captured late, the earliest first."""
        self.steps: dict[str, int] = {}
        """Limit and window → the smallest step of its unit."""

    def lot(self, key: LotKey) -> Lot:
        """Raises Contradiction."""
        found = self.lots.get(key)
        if found is None:
            raise Contradiction("LED2", f"names the lot {'/'.join(key)}, which nobody granted", "orphan")
        return found

    def hold(self, id: str) -> Hold:
        """One that is not over. Raises Contradiction."""
        found = self.holds.get(id)
        if found is None:
            raise Contradiction("LED4", f"names the hold {id}, which is over or was never made", "orphan")
        return found

    def window(self, account: str, counter: str) -> Window:
        """Raises Contradiction."""
        found = self.windows.get((account, counter))
        if found is None:
            raise Contradiction(
                "LED9", f"names the window {counter} of {account}, in which nothing was counted", "orphan"
            )
        return found
