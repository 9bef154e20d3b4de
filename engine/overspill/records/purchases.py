"""Purchases that are open, as the service tells them and its clients read them: amounts and money are decimal text with their
unit and currency beside them, `at` is RFC 3339 in UTC."""

from __future__ import annotations

from overspill.words.codec import Struct


class PurchaseShown(Struct, frozen=True, kw_only=True):
    """A purchase that nobody has settled yet."""

    id: str
    account: str
    pool: str
    amount: str
    unit: str
    money: str
    currency: str
    at: str


class PurchaseList(Struct, frozen=True, kw_only=True):
    purchases: tuple[PurchaseShown, ...]
