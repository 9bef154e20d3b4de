"""Signatures of messages, in and out: Standard Webhooks (https://www.standardwebhooks.com). Pure: the instant is handed in.

HMAC-SHA256 over `id.timestamp.body`, base64, under a secret that is written `whsec_` and base64; `webhook-signature` may
list several with a space between them, so that secrets can be changed.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from hmac import compare_digest, digest

from overspill.words.failures import Failure
from overspill.words.instants import MINUTE, SECOND

TOLERANCE = 5 * MINUTE
"""So far a message's own instant may be from now: an old one that somebody kept is no news."""
SECRET_PREFIX = "whsec_"
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"


def secret_of(key: bytes) -> str:
    """The bytes that sign → how a secret is written."""
    return SECRET_PREFIX + b64encode(key).decode()


def signature_of(secret: str, id: str, timestamp: str, body: bytes) -> str:
    """`v1,` and the base64 of the HMAC. Raises Failure for a secret that is none."""
    try:
        key = b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not key:
        raise Failure("invalid_secret", "a webhook's secret is `whsec_` and base64", help="copy it whole")
    signed = b".".join((id.encode("utf-8", "replace"), timestamp.encode("utf-8", "replace"), body))
    return f"v1,{b64encode(digest(key, signed, sha256)).decode()}"


def signed(secrets: Sequence[str], id: str, at: int, body: bytes) -> dict[str, str]:
    """The headers of a message that is sent at that instant, with a signature for each secret."""
    timestamp = str(at // SECOND)
    signatures = [signature_of(secret, id, timestamp, body) for secret in secrets]
    return {ID: id, TIMESTAMP: timestamp, SIGNATURE: " ".join(signatures)}


def verify(secret: str, headers: Mapping[str, str], body: bytes, now: int) -> None:
    """Raises Failure `invalid_signature`, or `stale_message`; `headers` have lower-case names, `now` is in microseconds."""
    id, timestamp = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    given = headers.get(SIGNATURE, "").encode("utf-8", "replace").split(b" ")
    wanted = signature_of(secret, id, timestamp, body).encode()
    if not any(compare_digest(one, wanted) for one in given):
        raise Failure("invalid_signature", "the message is not signed with this webhook's secret", pointer="")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise Failure("stale_message", "`webhook-timestamp` is no Unix time in seconds")
    if abs(int(timestamp) * SECOND - now) > TOLERANCE:
        raise Failure(
            "stale_message", "the message is more than five minutes from now", help="send it again, signed anew"
        )
