"""The registry: what the service keeps beside the journal. Nothing in it decides what is granted.

It has a connection of its own, so that whoever looks a key up waits for no decision. Raises StoreFailure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from overspill.ports.hooks import Hooks
from overspill.words.codec import Struct


class ApiKey(Struct, frozen=True, kw_only=True):
    """`digest` is the SHA-256 of the key's text, `scopes` what it may do; instants are in microseconds."""

    id: str
    tenant: str
    name: str
    scopes: tuple[str, ...]
    digest: bytes
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None
    last_used_at: int | None = None


class AdminEntry(Struct, frozen=True, kw_only=True):
    """One administrative call: who (`key_…`, or the subject of a token), which operation, on what, with what HTTP status."""

    at: int
    tenant: str
    actor: str
    operation: str
    target: str
    status: int
    request: str


class Registry(Protocol):
    """Safe to use from many threads."""

    @property
    def hooks(self) -> Hooks:
        """Who is told of what happens."""
        ...

    def put_key(self, key: ApiKey) -> None:
        """Keeps a key whose id is new."""

    def key_of(self, digest: bytes) -> ApiKey | None: ...

    def key(self, id: str) -> ApiKey | None:
        """Also one that has ended, or was revoked."""
        ...

    def list_keys(self, tenant: str | None = None) -> Sequence[ApiKey]:
        """Those of a tenant, or all, by when they were made."""
        ...

    def revoke_key(self, id: str, at: int) -> bool:
        """Whether there was such a key that was not revoked before."""
        ...

    def used_keys(self, last: Sequence[tuple[str, int]]) -> None:
        """(key, when it was used last)."""

    def log(self, entry: AdminEntry) -> None: ...

    def logged(self, tenant: str, after: int, most: int) -> Sequence[tuple[int, AdminEntry]]:
        """(number, entry) of the first `most` entries behind the number `after`."""
        ...

    def is_there(self) -> bool:
        """Whether it answers now."""
        ...

    def close(self) -> None: ...
