"""Monetization events: what a usage event cost, by which card, and which layers covered it (DESIGN.md section 5).

One for every usage event, whose id is its `cause`; `coverage` lists the layers (LANGUAGE.md S7). The bases of the
coverage sum to the base of the usage.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from overspill.words.codec import Light

Kind = Literal["window", "entitlement", "grace", "lot", "overage", "debt", "absorbed"]


class Part(Light, frozen=True, kw_only=True, omit_defaults=True):
    """What of a layer's amount one kind of cover gave: a limit's windows, an entitlement, a grace, one lot, what a pool gave
    beyond its lots, what it is owed, or nobody."""

    kind: Kind
    amount: str
    account: str | None = None
    """Whose pool the lot is in."""
    pool: str | None = None
    lot: str | None = None


class Coverage(Light, frozen=True, kw_only=True):
    """`base` in the event's unit, `amount` in the layer's own; `layer` None: no layer covered it. A capture that makes a
    stream cheaper gives back what is negative."""

    layer: str | None
    base: str
    amount: str
    unit: str
    parts: tuple[Part, ...]


class MonetizationEvent(Light, frozen=True, kw_only=True):
    """`cause` is the usage event; `charge` what pools that are not free were debited, by unit, before refunds."""

    event: str
    kind: Literal["monetization"] = "monetization"
    at: str
    tenant: str
    account: str
    request: str
    cause: str
    policy: str
    """Its digest."""
    version: int | None
    rate_card: str | None
    base: str
    unit: str
    charge: Mapping[str, str]
    coverage: tuple[Coverage, ...]
