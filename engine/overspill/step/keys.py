"""What a command is remembered by: its key, the id derived from it, its canonical JSON and fingerprint (LANGUAGE.md I1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import repeat
from typing import Any

from overspill.records.request import Request
from overspill.records.written import Fingerprint
from overspill.step.commands import (
    Capture,
    Command,
    Consume,
    ConsumeAway,
    Expire,
    ExpireLot,
    Extend,
    Grant,
    GrantReset,
    Preview,
    Purchase,
    Redeem,
    Refund,
    Release,
    Reserve,
    Reset,
    Reverse,
    SetAttributes,
    SetTopUp,
    TopUp,
    Transfer,
    Unpaid,
    Void,
)
from overspill.words.codec import Struct, sorted_json_bytes
from overspill.words.failures import Failure
from overspill.words.ids import derived_id, derived_ids, key_text
from overspill.words.names import IDENTIFIER, IDENTIFIER_HELP, are_identifiers, is_identifier, shown
from overspill.words.typed import expect, typed

Asking = type[Consume] | type[Preview] | type[Reserve]
"""A way to ask for a decision."""
_is_new_identifier = IDENTIFIER.fullmatch


class Identified(Struct, gc=False):
    """A command with its identity. `payload` is canonical JSON, `digest` its fingerprint for who looks at it. Nothing of it
    changes, but for an id that is still to be given."""

    command: Command
    id: str
    """Empty until `name_all`, where it was `asked` for."""
    key: tuple[str, str, str, str]
    """(tenant, owner, kind of command, the caller's id)."""
    payload: bytes
    digest: Fingerprint

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the payload, in hex: tells a repetition from another payload under one key."""
        return str(self.digest)

    def derived(self, kind: str, sequence: int = 0) -> str:
        """A further id of this command: `hold_…`."""
        return derived_id(key_text(*self.key), kind, sequence)


def _of_request(command: Preview | Consume | ConsumeAway | Reserve) -> tuple[str, str, Struct]:
    request = command.request
    return owner_of(request.account), request.id, request


def _of_hold(command: Capture | Extend | Release) -> tuple[str, str, Struct]:
    return command.hold, command.id, command


def _of_timeout(command: Expire) -> tuple[str, str, Struct]:
    return command.hold, "timeout", command


def _of_key(command: Reverse | Purchase) -> tuple[str, str, Struct]:
    return command.account.split("/", 1)[1], command.id, command


def _of_lot(command: ExpireLot) -> tuple[str, str, Struct]:
    return command.account.split("/", 1)[1], command.lot, command


def _of_account(
    command: Grant | SetAttributes | Void | Refund | Transfer | Reset | GrantReset | Redeem | SetTopUp,
) -> tuple[str, str, Struct]:
    return owner_of(command.account), command.id, command


def _of_test(command: TopUp) -> tuple[str, str, Struct]:
    return command.account.split("/", 1)[1], str(command.version), command


def _of_unpaid(command: Unpaid) -> tuple[str, str, Struct]:
    return command.purchase, command.outcome, command


DECISION = "dec"
_IDENTITY: dict[type[Command], tuple[str, str, Callable[[Any], tuple[str, str, Struct]]]] = {
    Preview: ("preview", DECISION, _of_request),
    Consume: ("consume", DECISION, _of_request),
    ConsumeAway: ("consume", DECISION, _of_request),
    Reserve: ("reserve", DECISION, _of_request),
    Capture: ("capture", "cap", _of_hold),
    Extend: ("extend", "ext", _of_hold),
    Release: ("release", "rel", _of_hold),
    Expire: ("expire", "exp", _of_timeout),
    ExpireLot: ("expire_lot", "exl", _of_lot),
    Grant: ("grant", "grt", _of_account),
    SetAttributes: ("set", "set", _of_account),
    Void: ("void", "vod", _of_account),
    Refund: ("refund", "rfd", _of_account),
    Transfer: ("transfer", "trf", _of_account),
    Reset: ("reset", "rst", _of_account),
    GrantReset: ("grant_reset", "grr", _of_account),
    Redeem: ("redeem", "rdm", _of_account),
    Reverse: ("reverse", "rvs", _of_key),
    SetTopUp: ("set_top_up", "stu", _of_account),
    TopUp: ("top_up", "top", _of_test),
    Purchase: ("purchase", "paid", _of_key),
    Unpaid: ("unpaid", "unp", _of_unpaid),
}
"""Command → (its kind in the key, the prefix of its id, command → (owner, the caller's id, what is fingerprinted))."""
KINDS: Mapping[str, type[Command]] = {
    kind: shape for shape, (kind, _, _) in _IDENTITY.items() if shape not in (Preview, ConsumeAway)
}
"""Kind in the key → the command that leaves a record of it."""


def identify(command: Command) -> Identified:
    """The command's identity. Raises Failure when a part of its key is no identifier."""
    kind, prefix, parts = _IDENTITY[type(command)]
    owner, own, payload = parts(command)
    tenant = command.tenant
    if type(own) is not str or not _is_new_identifier(own):
        raise _no_identifier(own, "/id")
    if not is_identifier(tenant):
        raise _no_identifier(tenant, "/tenant")
    text = sorted_json_bytes(payload)
    id = derived_id(f"{tenant}\0{owner}\0{kind}\0{own}", prefix)
    return Identified(command, id, (tenant, owner, kind, own), text, Fingerprint(text))


def identified(command: Command) -> Identified:
    """`identify` for what somebody else has made: raises Failure for what is not of its type too."""
    try:
        return identify(command)
    except (AttributeError, OverflowError, TypeError, ValueError):
        expect(command, type(command))
        return identify(typed(command))


def asked(kind: Asking, tenant: str, request: Request) -> Identified:
    """`identified` for one request of many, which get their ids together: `name_all` before anything is done with it."""
    try:
        owner, own = owner_of(request.account), request.id
        if type(own) is not str or not _is_new_identifier(own):
            raise _no_identifier(own, "/id")
        if not is_identifier(tenant):
            raise _no_identifier(tenant, "/tenant")
        text = sorted_json_bytes(request)
        key = tenant, owner, _IDENTITY[kind][0], own
        return Identified(kind(tenant=tenant, request=request), "", key, text, Fingerprint(text))
    except (AttributeError, OverflowError, TypeError, ValueError):
        return identified(kind(tenant=tenant, request=request))


def name_all(commands: Sequence[Identified]) -> None:
    """Gives those that were `asked` for their ids."""
    unnamed = [command for command in commands if not command.id]
    ids = derived_ids(["\0".join(command.key) for command in unnamed], DECISION)
    for command, id in zip(unnamed, ids, strict=True):
        command.id = id


def identified_all(kind: Asking, tenant: str, requests: Sequence[Request]) -> list[Identified | Failure]:
    """`identified` for many requests of one tenant: each as a command, or what is wrong with it."""
    with suppress(Failure, AttributeError, OverflowError, TypeError, ValueError):
        return _identify_all(kind, tenant, requests)
    return [_identified_or_failure(kind(tenant=tenant, request=request)) for request in requests]


def _identify_all(kind: Asking, tenant: str, requests: Sequence[Request]) -> list[Identified | Failure]:
    """Where all are in order: their ids are made together. Raises something where one is not."""
    owns = [request.id for request in requests]
    if not (is_identifier(tenant) and are_identifiers(owns)):
        raise ValueError("an id of them is none")
    owners = [owner_of(request.account) for request in requests]
    keys = [*zip(repeat(tenant), owners, repeat(_IDENTITY[kind][0]), owns, strict=False)]
    ids = derived_ids([*map("\0".join, keys)], DECISION)
    commands = [kind(tenant=tenant, request=request) for request in requests]
    texts = [*map(sorted_json_bytes, requests)]
    return [*map(Identified, commands, ids, keys, texts, map(Fingerprint, texts))]


def _identified_or_failure(command: Command) -> Identified | Failure:
    try:
        return identified(command)
    except Failure as failure:
        return failure.with_traceback(None)  # whose frames hold all the requests


def payload_of(command: Command) -> Struct:
    """What the command's canonical JSON is of: itself, or the request."""
    payload: Struct = _IDENTITY[type(command)][2](command)[2]
    return payload


def owner_of(account: Mapping[str, str]) -> str:
    """`user/u_ana`: the user where one is named, else the first account named (LANGUAGE.md I1)."""
    if not account:
        raise Failure("missing_account", "no account is named", help='name one: {"user": "…"}', pointer="/account")
    kind = "user" if "user" in account else min(account)
    id = account[kind]
    if type(id) is not str or not is_identifier(id):
        raise _no_identifier(id, f"/account/{kind}")
    return f"{kind}/{id}"


def _no_identifier(text: object, pointer: str) -> Failure:
    return Failure("invalid_id", f"{shown(text)} is no identifier", help=IDENTIFIER_HELP, pointer=pointer)
