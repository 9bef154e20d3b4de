"""The chart of accounts: what each kind of account means, on which side it grows, and how it is named.

| account | grows by | what stands in it |
|---|---|---|
| `lot:{account}/{pool}/{lot}` | credit | what is free of a lot |
| `hold:{hold}:{source}` | credit | what a hold has of a lot, a window, a cap or an overage |
| `win:{account}/{window}` | credit | capacity left of a window, an entitlement or a grace, in its present generation |
| `cap:{account}/{counter}` | credit | the same of a cap, and of the bound of an overage |
| `debt:{account}/{pool}` | debit | used beyond a hold and owed: the next purchase repays it |
| `overage:{account}/{pool}` | debit | drawn beyond a pool's lots, and billed |
| `issuance:{promo,paid,window}` | debit | where value and capacity came from |
| `usage:{waterfall}` | credit | what was used |
| `breakage:{category}` | credit | what has expired |
| `writeoff:overshoot` | debit | used, and nobody pays |
| `cash:{provider,operator}` | debit | money that was paid |
| `deferred:{account}/{pool}/{lot}` | credit | money for what is not used of a lot |
| `revenue:{waterfall,repaid}` | credit | money for what was used; for what repaid a debt |
| `breakage_rev` | credit | money for what has expired or was voided |
| `rounding:{money}` | either | what is left of dividing money |

An asset is a unit of the policy, or for capacity `win.{limit}.{window}`: capacity is not value and adds up by itself.
Names are unambiguous: no identifier has a slash, and only an account's kind and a pool's key come before one.
"""

from __future__ import annotations

from typing import Final

CREDIT: Final = 1
DEBIT: Final = -1
EITHER: Final = 0

SIDES = {
    "lot": CREDIT,
    "hold": CREDIT,
    "win": CREDIT,
    "cap": CREDIT,
    "deferred": CREDIT,
    "debt": DEBIT,
    "overage": DEBIT,
    "issuance": EITHER,
    "usage": EITHER,
    "breakage": EITHER,
    "writeoff": EITHER,
    "cash": EITHER,
    "revenue": EITHER,
    "breakage_rev": EITHER,
    "rounding": EITHER,
}
"""Class → the side that an account of it never leaves. A contra account may be on either side for a while."""
ONE_ASSET = ("lot", "hold", "win", "cap", "deferred", "debt", "overage")
"""Classes whose accounts hold one asset each."""

LotKey = tuple[str, str, str]
"""(account, pool, lot)."""

ISSUED = {"promotional": "issuance:promo", "paid": "issuance:paid"}
CAPACITY: Final = "issuance:window"
OVERSHOOT: Final = "writeoff:overshoot"
EXPIRED_MONEY: Final = "breakage_rev"
REPAID_MONEY: Final = "revenue:repaid"
PROVIDER: Final = "cash:provider"
OPERATOR: Final = "cash:operator"


def class_of(account: str) -> str:
    """`lot:user/ana/credits/C1` → `lot`."""
    return account.partition(":")[0]


def source_of(account: str) -> str:
    """Of a hold's account, what it has something of: `hold:hold_a:lot:user/ana/credits/C1` → `lot:user/ana/credits/C1`."""
    return account.split(":", 2)[2]


def owner_of(account: str) -> str:
    """Whose it is: `lot:user/ana/credits/C1` → `user/ana`; empty for one that is everybody's."""
    kind, _, rest = account.partition(":")
    if kind == "hold":
        rest = rest.split(":", 2)[2]
    parts = rest.split("/", 2)
    return f"{parts[0]}/{parts[1]}" if len(parts) > 2 else ""


def lot_text(key: LotKey) -> str:
    """`user/ana/credits/C1`."""
    return "/".join(key)


def lot_key(text: str) -> LotKey:
    kind, id, pool, lot = text.split("/")
    return f"{kind}/{id}", pool, lot


def lot_account(key: LotKey) -> str:
    return "lot:" + lot_text(key)


def deferred_account(lot: str) -> str:
    """That of a lot's account."""
    return "deferred:" + lot[4:]


def window_key(account: str) -> tuple[str, str]:
    """Whose, and which counter's: `win:user/ana/5h.first` → (`user/ana`, `5h.first`)."""
    kind, id, counter = account.partition(":")[2].split("/", 2)
    return f"{kind}/{id}", counter


def held_account(hold: str, source: str) -> str:
    return f"hold:{hold}:{source}"


def debt_account(account: str, pool: str) -> str:
    return f"debt:{account}/{pool}"


def overage_account(account: str, counter: str) -> str:
    """By the key of the counter that bounds it: `money.overage|eu` → the overage of `money|eu`."""
    name, _, rest = counter.partition(".")
    return f"overage:{account}/{name}{rest.removeprefix('overage')}"


def capacity_asset(counter: str) -> str:
    return "win." + counter.partition("|")[0]
