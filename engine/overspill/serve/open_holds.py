"""How many holds a tenant has open, as far as this process made them: a bound on what one tenant can keep from others,
not an account of it. A hold that is captured elsewhere counts until its time is over."""

from __future__ import annotations

from itertools import islice

from overspill.words.codec import Light, json_decoder
from overspill.words.failures import Failure
from overspill.words.instants import NEVER, instant_from_text

LOOKED_AT = 64
"""So many of the oldest holds are looked at before one more: as they are reserved they end."""


class _Held(Light, frozen=True):
    id: str
    expires_at: str | None


class _Reserved(Light, frozen=True):
    hold: _Held | None


_reserved = json_decoder(_Reserved).decode


class OpenHolds:
    def __init__(self, most: int) -> None:
        self._most = most
        self._until: dict[str, dict[str, int]] = {}
        """Tenant → hold → when it ends by itself, mostly the earliest first."""

    def expect_room(self, tenant: str, more: int, now: int) -> None:
        """Raises Failure `busy` where so many more would be too many."""
        own = self._until.get(tenant)
        if own is None:
            return
        for hold, until in list(islice(own.items(), LOOKED_AT)):
            if until > now:
                break
            own.pop(hold, None)
        if len(own) + more > self._most:
            what = f"your tenant has {len(own)} holds open, of {self._most}"
            raise Failure("busy", what, help="capture or release some, then ask again, with the same key")

    def opened(self, tenant: str, decision: bytes) -> None:
        """A reservation was answered so."""
        hold = _reserved(decision).hold
        if hold is not None:
            until = NEVER if hold.expires_at is None else instant_from_text(hold.expires_at)
            self._until.setdefault(tenant, {})[hold.id] = until

    def closed(self, tenant: str, hold: str) -> None:
        own = self._until.get(tenant)
        if own is not None:
            own.pop(hold, None)
            if not own:
                self._until.pop(tenant, None)
