"""What can be asked of the engine, as values: one frozen record a command, each with the key it is remembered by.

LANGUAGE.md I1: key = (tenant, account, kind of command, id); follow-ups of a hold: (tenant, hold, operation, the
caller's key). A command's canonical JSON is what its fingerprint is taken of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from overspill.records.request import Request
from overspill.words.anchors import KEEP_ANCHOR
from overspill.words.codec import Light

Value = str | int | bool | tuple[str, ...]
"""What an attribute may be set to; ids of accounts for those that one is a member of."""


class Preview(Light, frozen=True, kw_only=True):
    """The same decision as `Consume`, without effect; stores no key."""

    tenant: str
    request: Request


class Consume(Light, frozen=True, kw_only=True):
    tenant: str
    request: Request


class ConsumeAway(Light, frozen=True, kw_only=True):
    """The same request as `Consume`, while the store is away; `granted` is what the account that asks was granted in this
    outage before, in base steps by waterfall (LANGUAGE.md L13)."""

    tenant: str
    request: Request
    granted: Mapping[str, int]


class Reserve(Light, frozen=True, kw_only=True):
    tenant: str
    request: Request


class Capture(Light, frozen=True, kw_only=True, omit_defaults=True):
    """Usage against a hold; `id` is the caller's key within the hold, `account` the key of the account that holds. It ends
    the hold unless `final` is false."""

    tenant: str
    account: str
    hold: str
    id: str
    meters: Mapping[str, int]
    final: bool = True


class Extend(Light, frozen=True, kw_only=True):
    """A hold shall last as long again from now."""

    tenant: str
    account: str
    hold: str
    id: str


class Release(Light, frozen=True, kw_only=True):
    tenant: str
    account: str
    hold: str
    id: str


class Expire(Light, frozen=True, kw_only=True):
    """A hold's time-out, commanded by the engine itself as soon as the account is met after it."""

    tenant: str
    account: str
    hold: str


class ExpireLot(Light, frozen=True, kw_only=True):
    """A lot's end at the instant `at`, commanded by the engine itself as soon as the account is met after it."""

    tenant: str
    account: str
    pool: str
    """Its key in the account's state."""
    lot: str
    at: int


class Grant(Light, frozen=True, kw_only=True):
    """A lot into a pool. `account` names the pool's owner by kind; `amount` is decimal text in the pool's unit.

    `effective_at` and `expires_at` in microseconds; None: from now on; after the pool's own length, or never. `cost` is what
    was paid for it, in the money of the pool's price.
    """

    tenant: str
    account: Mapping[str, str]
    pool: str
    id: str
    amount: str
    expires_at: int | None = None
    priority: int = 0
    category: str = "paid"
    per: Mapping[str, str] | None = None
    """Values of the further fields the pool is kept per."""
    effective_at: int | None = None
    cost: str | None = None
    actor: str = "operator"


class SetAttributes(Light, frozen=True, kw_only=True):
    """Attributes of one account; None makes one absent. Amounts are decimal text in the field's unit."""

    tenant: str
    account: Mapping[str, str]
    id: str
    attributes: Mapping[str, Value | None]
    actor: str = "operator"


class Void(Light, frozen=True, kw_only=True):
    """What is left of a lot, of which nothing is held, is no more."""

    tenant: str
    account: Mapping[str, str]
    pool: str
    lot: str
    id: str
    per: Mapping[str, str] | None = None
    actor: str = "operator"


class Refund(Light, frozen=True, kw_only=True):
    """What is left of a lot that was paid for is no more, and its part of the money is due back."""

    tenant: str
    account: Mapping[str, str]
    pool: str
    lot: str
    id: str
    per: Mapping[str, str] | None = None
    actor: str = "operator"


class Transfer(Light, frozen=True, kw_only=True):
    """`amount` of a lot becomes a lot of the account `to`, in the same pool; `amount` None: all that is left of it."""

    tenant: str
    account: Mapping[str, str]
    pool: str
    lot: str
    to: Mapping[str, str]
    id: str
    amount: str | None = None
    per: Mapping[str, str] | None = None
    actor: str = "operator"


class GrantReset(Light, frozen=True, kw_only=True):
    """A banked reset of a limit, to be redeemed within the length that the policy states."""

    tenant: str
    account: Mapping[str, str]
    limit: str
    id: str
    actor: str = "operator"


class Reset(Light, frozen=True, kw_only=True):
    """The windows of a limit begin anew for one account; `of` are names of windows, None: all of the limit's. `anchor` says,
    as in a policy, whether they keep their ends."""

    tenant: str
    account: Mapping[str, str]
    limit: str
    id: str
    of: Sequence[str] | None = None
    anchor: str = KEEP_ANCHOR
    actor: str = "operator"


class Redeem(Light, frozen=True, kw_only=True):
    """Uses up the banked reset of a limit that expires first."""

    tenant: str
    account: Mapping[str, str]
    limit: str
    id: str
    actor: str = "user"


class Reverse(Light, frozen=True, kw_only=True):
    """A finished request is undone: what it drew goes back to where it came from. `of` is the id of its decision or of its
    hold, `account` the key of the account that asked."""

    tenant: str
    account: str
    of: str
    id: str
    actor: str = "operator"


class SetTopUp(Light, frozen=True, kw_only=True):
    """What an account agrees to for one pool, as a whole: it takes the place of what was set before. Amounts are decimal
    text in the pool's unit; `monthly_maximum` None: none."""

    tenant: str
    account: Mapping[str, str]
    pool: str
    id: str
    enabled: bool
    minimum: str
    target: str
    monthly_maximum: str | None = None
    per: Mapping[str, str] | None = None
    actor: str


class TopUp(Light, frozen=True, kw_only=True):
    """The test of an account's balances against their minimums: commanded by the engine itself at each change of them, and
    when time alone has changed what the test says. `version` is the account's, `account` its key."""

    tenant: str
    account: str
    version: int


class Purchase(Light, frozen=True, kw_only=True):
    """A purchase that was paid: a lot of that name in the pool of that key. `amount` is decimal text, `cost` too with its
    money (`0.6 usd`), `receipt` is the payment provider's, `digest` the policy that the purchase was intended under."""

    tenant: str
    account: str
    pool: str
    id: str
    amount: str
    cost: str
    receipt: str
    digest: str


class Unpaid(Light, frozen=True, kw_only=True):
    """What became of a purchase instead: `outcome` is pending, declined or abandoned, `detail` what the provider said."""

    tenant: str
    account: str
    pool: str
    purchase: str
    outcome: str
    detail: str = ""
    actor: str = "provider"


Command = (
    Preview
    | Consume
    | ConsumeAway
    | Reserve
    | Capture
    | Extend
    | Release
    | Expire
    | ExpireLot
    | Grant
    | SetAttributes
    | Void
    | Transfer
    | Reset
    | GrantReset
    | Redeem
    | Refund
    | Reverse
    | SetTopUp
    | TopUp
    | Purchase
    | Unpaid
)
