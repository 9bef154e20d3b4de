"""The accounts of LEDGER.md section 2.1, as they are named: on which side each class stays, and what may move to what."""

from __future__ import annotations

from typing import Final

from overspill.words.codec import Light
from overspill.words.kept import kept

Place = tuple[str, str]
"""(account, asset)."""
LotKey = tuple[str, str, str]
"""(account, pool, lot)."""

CAPACITY: Final = "issuance:window"
OVERSHOOT: Final = "writeoff:overshoot"
LAPSED_MONEY: Final = "breakage_rev"
REPAID_MONEY: Final = "revenue:repaid"
ISSUED: Final = {"promotional": "issuance:promo", "paid": "issuance:paid"}

LIABILITIES: Final = ("lot", "hold", "win", "cap", "deferred")
"""Classes that are never below 0 (LED3)."""
RECEIVABLES: Final = ("debt", "overage")
"""Classes that are never above 0."""
CONTRA: Final = ("issuance", "usage", "breakage", "writeoff", "cash", "revenue", "breakage_rev", "rounding")
CLASSES: Final = frozenset((*LIABILITIES, *RECEIVABLES, *CONTRA))

_MEET: Final = {
    "lot": ("lot", "hold lot", "issuance", "usage", "breakage", "debt", "writeoff"),
    "hold lot": ("lot", "hold lot", "usage", "breakage"),
    "win": ("hold win", "usage", "issuance"),
    "cap": ("hold cap", "usage", "issuance"),
    "hold win": ("win", "usage", "issuance"),
    "hold cap": ("cap", "usage", "issuance"),
    "overage": ("usage", "hold overage"),
    "hold overage": ("overage", "usage"),
    "usage": ("debt", "writeoff", "breakage", "issuance"),
    "deferred": ("deferred", "cash", "revenue", "breakage_rev", "rounding"),
    "rounding": ("cash",),
    "revenue": ("breakage_rev",),
}
MEET: Final = frozenset(
    pair for one, others in _MEET.items() for other in others for pair in ((one, other), (other, one))
)
"""Which classes a leg may join; a hold's account is known by what it has something of."""


def _class_of(account: str) -> str:
    name, _, rest = account.partition(":")
    return f"hold {rest.partition(':')[2].partition(':')[0]}" if name == "hold" else name


class_of = kept(_class_of)
"""`lot:user/ana/credits/C1` → `lot`; of a hold's account `hold lot`."""


def is_in(account: str, asset: str) -> bool:
    """Whether the account may have something of the asset: capacity and value do not mix, but in what was used."""
    name = class_of(account)
    if name == "usage":
        return True
    return asset.startswith("win.") == (name in ("win", "cap", "hold win", "hold cap") or account == CAPACITY)


class Route(Light, frozen=True):
    """From where a leg moves what to where; `is_open`: it may."""

    debit: Place
    credit: Place
    is_open: bool


def _route_of(leg: tuple[str, str, str]) -> Route:
    debit, credit, asset = leg
    pair = (class_of(debit), class_of(credit))
    is_open = debit != credit and pair in MEET and is_in(debit, asset) and is_in(credit, asset)
    return Route((debit, asset), (credit, asset), is_open)


route_of = kept(_route_of)
"""That of (debit, credit, asset)."""


def _kept_on(account: str) -> tuple[int, str]:
    name, _, rest = account.partition(":")
    side = 1 if name in LIABILITIES else -1 if name in RECEIVABLES else 0
    return side, rest.partition(":")[0] if name == "hold" else ""


kept_on = kept(_kept_on)
"""1 for an account that is never below 0, -1 for one that is never above, 0 for one that may be either; and whose hold's it
is, empty for none."""


def lot_account(key: LotKey) -> str:
    return f"lot:{key[0]}/{key[1]}/{key[2]}"


def deferred_account(key: LotKey) -> str:
    return f"deferred:{key[0]}/{key[1]}/{key[2]}"


def debt_account(account: str, pool: str) -> str:
    return f"debt:{account}/{pool}"


def counter_account(account: str, counter: str, layer: str, beyond: bool) -> str:
    """A limit's own window is a `win`; what bounds a layer from outside, or what a pool gives beyond its lots, a `cap`."""
    own = not beyond and counter.partition(".")[0] == layer
    return f"{'win' if own else 'cap'}:{account}/{counter}"


def receivable(account: str, counter: str) -> str:
    """What is drawn beyond the lots of a pool, by the counter that bounds it: `money.overage|eu` → `money|eu`'s."""
    pool, _, rest = counter.partition(".")
    return f"overage:{account}/{pool}{rest.removeprefix('overage')}"


def capacity_asset(counter: str) -> str:
    return "win." + counter.partition("|")[0]


def owner_of(tenant: str, account: str) -> str:
    """Whose an account is: `default/user/ana` for what names one, else the tenant."""
    name, _, rest = account.partition(":")
    if name == "hold":
        name, _, rest = rest.partition(":")[2].partition(":")
    if name not in (*LIABILITIES, *RECEIVABLES):
        return tenant
    kind, id = rest.split("/", 2)[:2]
    return f"{tenant}/{kind}/{id}"
