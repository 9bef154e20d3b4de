"""What the head of a call says: whose credential it brings, under which key it is asked, and how its answer is to be found again."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from itertools import count

from overspill.serve.call import Header, Operation
from overspill.serve.credentials import unauthenticated
from overspill.words.failures import Failure
from overspill.words.names import IDENTIFIER, shown

Headers = Mapping[bytes, bytes]
"""By lower-case name."""
_REQUEST_ID_MAX = 256
_PLAIN_KEY = re.compile(rb'("?)(%b)\1' % IDENTIFIER.pattern.encode()).fullmatch
_SAID_ONCE = (b"authorization", b"content-type", b"idempotency-key")


def expect_once(sent: Sequence[Header]) -> None:
    """Raises Failure for a head in which a field that says one thing stands more than once: who reads the first and who reads the
    last would not agree on what was asked."""
    names = [name for name, _ in sent]
    for name in _SAID_ONCE:
        if (count := names.count(name)) > 1:
            what = f"the header `{name.decode()}` stands there {count} times"
            raise Failure("invalid_header", what, help="send it once")


def bearer(headers: Headers) -> bytes:
    """The credential (RFC 6750). Raises Failure."""
    scheme, _, text = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() != b"bearer" or not text:
        raise unauthenticated("there is no bearer credential")
    return text.strip()


def key_of(operation: Operation, headers: Headers) -> str:
    """The Idempotency-Key, as it is or as a quoted string (draft-ietf-httpapi-idempotency-key-header-07); empty for none, where
    there may be none. Raises Failure."""
    if operation.keyed == "never":
        return ""
    sent = headers.get(b"idempotency-key")
    if sent is None:
        if operation.keyed == "maybe":
            return ""
        help = "send one of your own for each change, and the same when you send it again"
        raise Failure("missing_idempotency_key", "this needs an Idempotency-Key", help=help)
    if (key := plain_key(sent)) is not None:
        return key
    text = sent.decode("latin-1").strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    if IDENTIFIER.fullmatch(text) is None:
        what = f"the Idempotency-Key {shown(text)} is no identifier"
        raise Failure("invalid_id", what, help="use letters, digits and _ . : @ -, 128 at most")
    return text


def plain_key(sent: bytes) -> str | None:
    """The key that a value of Idempotency-Key is, in quotes or without, and nothing beside it; None for any other value."""
    found = _PLAIN_KEY(sent)
    return None if found is None else found[2].decode()


def is_json(headers: Headers) -> bool:
    """Whether the body is said to be JSON."""
    media = headers.get(b"content-type", b"")
    return media == b"application/json" or media.partition(b";")[0].strip().lower() == b"application/json"


class RequestIds:
    """What each call is named by."""

    def __init__(self) -> None:
        self._seed, self._count = f"req_{os.urandom(8).hex()}", count(1)

    def of(self, headers: Headers) -> str:
        """The caller's own, where it sends one that is fit to be repeated: any that shows itself, and is not long."""
        sent = headers.get(b"x-request-id")
        if sent is not None:
            own = sent.decode("latin-1")
            if own and len(own) <= _REQUEST_ID_MAX and own.isascii() and own.isprintable():
                return own
        return f"{self._seed}{next(self._count)}"
