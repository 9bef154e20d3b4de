"""What a command is remembered by: its key, the id derived from it, its canonical JSON and fingerprint (LANGUAGE.md I1)."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import assert_never

from overspill.step.commands import (
    Capture,
    Command,
    Consume,
    Expire,
    Grant,
    Preview,
    Release,
    Reserve,
    SetAttributes,
)
from overspill.words.codec import Raw, Struct, sorted_json_bytes
from overspill.words.failures import Failure
from overspill.words.ids import derived_id, key_text
from overspill.words.names import IDENTIFIER


class Identified(Struct, frozen=True):
    """A command with its identity. `payload` is canonical JSON; its SHA-256 in hex is the `fingerprint`."""

    command: Command
    id: str
    key: tuple[str, ...]
    kind: str
    payload: bytes
    fingerprint: str

    @property
    def json(self) -> Raw:
        """The command as the journal keeps it."""
        return Raw(b'{"kind":"%s","payload":%s}' % (self.kind.encode(), self.payload))

    def derived(self, kind: str, sequence: int = 0) -> str:
        """A further id of this command: `hold_…`, `use_…`."""
        return derived_id(key_text(*self.key), kind, sequence)


def identify(command: Command) -> Identified:
    """The command's identity. Raises Failure when a part of its key is no identifier."""
    payload: object
    match command:
        case Preview(tenant=tenant, request=request):
            kind, prefix, owner, own, payload = "preview", "dec", owner_of(request.account), request.id, request
        case Consume(tenant=tenant, request=request):
            kind, prefix, owner, own, payload = "consume", "dec", owner_of(request.account), request.id, request
        case Reserve(tenant=tenant, request=request):
            kind, prefix, owner, own, payload = "reserve", "dec", owner_of(request.account), request.id, request
        case Capture(tenant=tenant, hold=hold, id=own):
            kind, prefix, owner, payload = "capture", "cap", hold, command
        case Release(tenant=tenant, hold=hold, id=own):
            kind, prefix, owner, payload = "release", "rel", hold, command
        case Expire(tenant=tenant, hold=hold):
            kind, prefix, owner, own, payload = "expire", "exp", hold, "timeout", command
        case Grant(tenant=tenant, account=account, id=own):
            kind, prefix, owner, payload = "grant", "grt", owner_of(account), command
        case SetAttributes(tenant=tenant, account=account, id=own):
            kind, prefix, owner, payload = "set", "set", owner_of(account), command
        case _:
            assert_never(command)
    for part in (tenant, own):
        if IDENTIFIER.fullmatch(part) is None:
            raise _no_identifier(part)
    text = sorted_json_bytes(payload)
    key = (tenant, owner, kind, own)
    return Identified(command, derived_id(key_text(*key), prefix), key, kind, text, sha256(text).hexdigest())


def owner_of(account: Mapping[str, str]) -> str:
    """`user/u_ana`: the user where one is named, else the first account named (LANGUAGE.md I1)."""
    if not account:
        raise Failure("missing_account", "no account is named", help='name one: {"user": "…"}', pointer="/account")
    kind = "user" if "user" in account else min(account)
    id = account[kind]
    if not isinstance(id, str) or IDENTIFIER.fullmatch(id) is None:
        raise _no_identifier(id)
    return f"{kind}/{id}"


def _no_identifier(text: object) -> Failure:
    return Failure(
        "invalid_id",
        f"`{ascii(text)[:60]}` is no identifier",
        help="use 1 to 128 ASCII letters, digits, `_`, `-`, `.`, `:` or `@`, starting with a letter or digit",
    )
