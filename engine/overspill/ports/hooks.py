"""Hooks: the endpoints of tenants, how far each was told, and what could not be delivered; kept in the registry.

Nothing of it decides anything. A hook is served by one runner at a time: whoever has claimed it. A claim ends by itself,
and what a runner writes behind its end is refused. Raises StoreFailure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from overspill.words.codec import Struct

DELETED = "deleted"
"""Why a hook is disabled that is kept only so that its key makes no other."""


class Hook(Struct, frozen=True, kw_only=True):
    """An endpoint; instants are in microseconds. `secret` signs, and `older_secret` too, until `older_until`; `rotation` is the
    caller's key of the last rotation. `through` and `posted_through` are how far it was told (records, postings).
    `failing_since`: since when nothing could be delivered; no new event is taken before `paused_until`."""

    id: str
    tenant: str
    url: str
    types: tuple[str, ...]
    percents: tuple[int, ...]
    secret: str
    older_secret: str | None = None
    older_until: int | None = None
    rotation: str = ""
    created_at: int
    disabled_at: int | None = None
    disabled_why: str | None = None
    through: int = 0
    posted_through: int = 0
    failing_since: int | None = None
    paused_until: int = 0
    claimed_by: str | None = None
    claimed_until: int = 0

    @property
    def is_deleted(self) -> bool:
        return self.disabled_why == DELETED

    def __repr__(self) -> str:
        return f"<Hook {self.id} of {self.tenant}>"


class Delivery(Struct, frozen=True, kw_only=True):
    """An event that waits for its next attempt, or, with `dead_at`, for somebody to look. `body` is sent as it is; `last` is
    what came of the last attempt."""

    hook: str
    event: str
    type: str
    subject: str
    body: bytes
    attempts: int
    next_at: int
    last: str
    last_at: int
    dead_at: int | None = None


class Waiting(Struct, frozen=True):
    """How many deliveries of a hook wait, and how many are dead letters."""

    waiting: int
    dead: int


class Hooks(Protocol):
    """Safe to use from many threads."""

    # ---- endpoints

    def put(self, hook: Hook) -> Hook:
        """Keeps a hook that begins at the journal's end; gives back what is kept under its id, new, as it was, or deleted."""
        ...

    def get(self, tenant: str, id: str) -> Hook | None:
        """None for one that is deleted, too."""
        ...

    def all(self, tenant: str | None = None) -> Sequence[Hook]:
        """Those of a tenant, or of all, by when they were made; none that is deleted."""
        ...

    def change(self, id: str, url: str, types: Sequence[str], percents: Sequence[int]) -> None:
        """It is told so from now on. What failed elsewhere says nothing of another URL: it is tried at once."""

    def delete(self, tenant: str, id: str, at: int) -> bool:
        """It is told nothing any more, and neither its URL, nor its secrets, nor its deliveries are kept. False where there is
        no such hook, and never was."""
        ...

    def rotate(self, id: str, secret: str, until: int, rotation: str) -> bool:
        """`secret` signs from now on, the one before it too until then. False, and nothing, for a rotation that was."""
        ...

    def disable(self, id: str, at: int, why: str) -> None:
        """One that is disabled already stays as it is."""

    def enable(self, id: str) -> None:
        """It is told on from where it was."""

    # ---- for runners

    def claim(self, id: str, by: str, now: int, until: int) -> Hook | None:
        """Takes or keeps the claim; None where another runner has it, and for a disabled hook."""
        ...

    def unclaim(self, by: str) -> None:
        """Others need not wait for the end of this runner's claims."""

    def advance(self, hook: Hook) -> bool:
        """Keeps how far it was told and how it is doing; False, and nothing, where another runner has claimed it, or has told
        more."""
        ...

    def due(self, now: int) -> Sequence[str]:
        """Hooks that have deliveries whose time has come."""
        ...

    def due_of(self, hook: str, now: int, most: int) -> Sequence[Delivery]:
        """The first ones, by their time."""
        ...

    def wait(self, delivery: Delivery) -> None:
        """Keeps an event for later; one that waits already, or is dead, stays as it is. Nothing for a hook that is deleted."""

    def tried(self, delivery: Delivery, attempts: int) -> None:
        """What came of an attempt, if there were `attempts` before it and no others since."""

    def delivered(self, hook: str, event: str) -> None: ...

    # ---- letters

    def waiting(self, id: str | None = None) -> Waiting:
        """Of one hook, or of all."""
        ...

    def dead(self, id: str, after: str, most: int) -> Sequence[Delivery]:
        """Dead letters by the event's id, behind `after`."""
        ...

    def redeliver(self, id: str, events: Sequence[str] | None, now: int) -> int:
        """Dead letters (None: all) that are attempted anew: how many there were."""
        ...

    def drop(self, id: str, events: Sequence[str] | None) -> int:
        """Dead letters (None: all) that are forgotten: how many there were."""
        ...
