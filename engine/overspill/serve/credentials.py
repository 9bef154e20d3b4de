"""Who calls: API keys, looked up by the hash of their text. The tenant comes from the credential and from nowhere else.

A key is `osk_` and 256 bits drawn by chance; what is kept is their SHA-256, so that who reads the database can call
nothing. What was looked up is believed for `FRESH_MICROS`: so long a key works on behind its revocation.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from threading import Lock
from typing import Protocol

from overspill.ports.registry import ApiKey, Registry
from overspill.words.codec import Light, Struct
from overspill.words.failures import Failure, StoreFailure
from overspill.words.ids import derived_id
from overspill.words.names import IDENTIFIER_HELP, is_identifier, shown

SCOPES = ("decide", "operate", "author", "audit")
"""What a key may do: ask for and settle decisions; change accounts; publish policies; read journals, traces and logs."""
PREFIX = "osk_"
KEY_BYTES = 32
FRESH_MICROS = 5_000_000
TOLD_MICROS = 60_000_000
"""How often it is written down when keys were used last."""
REMEMBERED_MAX = 4096


class Caller(Struct, frozen=True):
    """`id` names the credential (`key_…`, or a token's subject); `until` is when it ends, in microseconds."""

    id: str
    tenant: str
    scopes: frozenset[str]
    until: int | None = None


class Remembered(Light, frozen=True):
    """Who calls, and for how long that is believed, in microseconds."""

    caller: Caller
    micros: int


def made_key(tenant: str, name: str, scopes: tuple[str, ...], at: int, expires_at: int | None) -> tuple[str, ApiKey]:
    """(its text, which is told once and kept nowhere; what is kept). Raises Failure."""
    if not is_identifier(tenant):
        raise Failure("invalid_id", f"{shown(tenant)} is no identifier", help=IDENTIFIER_HELP, pointer="/tenant")
    wrong = [scope for scope in scopes if scope not in SCOPES]
    if wrong or not scopes:
        what = f"{shown(wrong[0])} is no scope" if wrong else "a key has at least one scope"
        raise Failure("invalid_scope", what, help=f"known: {', '.join(SCOPES)}", pointer="/scopes")
    text = PREFIX + base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).rstrip(b"=").decode()
    digest = sha256(text.encode()).digest()
    own = tuple(scope for scope in SCOPES if scope in scopes)
    key = ApiKey(
        id=derived_id(digest.hex(), "key"),
        tenant=tenant,
        name=name,
        scopes=own,
        digest=digest,
        created_at=at,
        expires_at=expires_at,
    )
    return text, key


class Tokens(Protocol):
    """Reads what is no key of ours: signed tokens of an issuer."""

    def caller(self, text: bytes, now: int) -> Caller:
        """Raises Failure `unauthenticated`."""
        ...


class Credentials:
    """Who a bearer is, remembered for a while. `caller` may ask the database, `remembered` never does."""

    def __init__(self, registry: Registry, now: Callable[[], int], tokens: Tokens | None = None) -> None:
        self._registry, self._now, self._tokens = registry, now, tokens
        self._known: dict[bytes, tuple[Caller, int]] = {}
        self._used: dict[str, int] = {}
        self._told_at = now()
        self._lock = Lock()

    def remembered(self, digest: bytes) -> Remembered | None:
        """One that was looked up just now, and is still good."""
        known = self._known.get(digest)
        if known is None:
            return None
        caller, at = known
        until = at + FRESH_MICROS if caller.until is None else min(at + FRESH_MICROS, caller.until - 1)
        left = until - self._now()
        return Remembered(caller, left) if left >= 0 else None

    def caller(self, text: bytes) -> Caller:
        """Raises Failure `unauthenticated`, StoreFailure."""
        now, digest = self._now(), sha256(text).digest()
        if self._tokens is not None and not text.startswith(PREFIX.encode()):
            found: Caller | None = self._tokens.caller(text, now)
        else:
            found = self._of_key(digest, now)
        if found is None or (found.until is not None and found.until <= now):
            raise unauthenticated("the key is not known here, has ended, or was revoked")
        if len(self._known) >= REMEMBERED_MAX:
            self._known = {}
        self._known[digest] = found, now
        if now - self._told_at > TOLD_MICROS:
            self.tell()
        return found

    def _of_key(self, digest: bytes, now: int) -> Caller | None:
        key = self._registry.key_of(digest)
        if key is None or key.revoked_at is not None:
            return None
        self._used[key.id] = now
        return Caller(key.id, key.tenant, frozenset(key.scopes), key.expires_at)

    def tell(self) -> None:
        """Writes down when keys were used last, if that can be written now: nobody is refused for its sake."""
        with self._lock:
            used, self._used, self._told_at = self._used, {}, self._now()
        with suppress(StoreFailure):
            self._registry.used_keys(sorted(used.items()))

    def rotated(self, id: str, expires_at: int | None) -> tuple[str, ApiKey]:
        """A new key that may do what the one of this id may. The old one goes on until it is revoked. Raises Failure."""
        key = self._registry.key(id)
        if key is None or key.revoked_at is not None:
            raise Failure("unknown_key_id", f"there is no key {shown(id)}", help="see `overspill keys list`")
        text, made = made_key(key.tenant, key.name, key.scopes, self._now(), expires_at)
        self._registry.put_key(made)
        return text, made


def unauthenticated(what: str) -> Failure:
    return Failure(
        "unauthenticated", what, help="send `Authorization: Bearer osk_…`; `overspill keys create` makes one"
    )
