"""A payment provider's message, as bytes and headers → what became of a purchase. Pure: the instant is handed in.

Signatures follow Standard Webhooks (https://www.standardwebhooks.com): HMAC-SHA256 over `id.timestamp.body`, base64, under
a secret that is written `whsec_` and base64; `webhook-signature` may list several, so that secrets can be changed.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from hashlib import sha256
from hmac import compare_digest, digest

from overspill.account.purchases import DECLINED, PENDING, SUCCEEDED
from overspill.words.codec import Struct
from overspill.words.diagnostics import did_you_mean
from overspill.words.failures import Failure
from overspill.words.instants import MINUTE, SECOND
from overspill.words.strict_json import json_from_text

TOLERANCE = 5 * MINUTE
"""So far a message's own instant may be from now: an old one that somebody kept is no news."""
SECRET_PREFIX = "whsec_"
BYTES_MAX = 16_384
TYPES = {
    "purchase.succeeded": SUCCEEDED,
    "purchase.declined": DECLINED,
    "purchase.pending": PENDING,
}
_KEYS = ("type", "purchase", "receipt", "detail")


class PurchaseNews(Struct, frozen=True, kw_only=True):
    """The arguments of `Engine.resolve_purchase`."""

    purchase: str
    outcome: str
    receipt: str
    detail: str


def purchase_news(secret: str, headers: Mapping[str, str], body: bytes, now: int) -> PurchaseNews:
    """What a message says, once its signature holds; `headers` have lower-case names, `now` is in microseconds. Raises
    Failure `invalid_signature`, `stale_message`, or what is wrong with the body."""
    _verify(secret, headers, body, now)
    value = json_from_text(body, name="the message", bytes_max=BYTES_MAX)
    if not isinstance(value, dict):
        raise Failure("invalid_message", "a message is a JSON object")
    for key, text in value.items():
        if key not in _KEYS:
            help = did_you_mean(key, _KEYS) or f"known: {', '.join(_KEYS)}"
            raise Failure("unknown_key", f"a message has no `{key[:64]}`", help=help, pointer=f"/{key[:64]}")
        if not isinstance(text, str):
            raise Failure("invalid_message", f"`{key}` is a string", pointer=f"/{key}")
    for key in ("type", "purchase"):
        if key not in value:
            raise Failure("invalid_message", f"the message has no `{key}`", help="send it", pointer=f"/{key}")
    outcome = TYPES.get(value["type"])
    if outcome is None:
        help = f"known: {', '.join(TYPES)}"
        raise Failure("unknown_type", f"there is no message `{ascii(value['type'])[:60]}`", help=help, pointer="/type")
    return PurchaseNews(
        purchase=value["purchase"], outcome=outcome, receipt=value.get("receipt", ""), detail=value.get("detail", "")
    )


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


def _verify(secret: str, headers: Mapping[str, str], body: bytes, now: int) -> None:
    id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    given = headers.get("webhook-signature", "").encode("utf-8", "replace").split(b" ")
    wanted = signature_of(secret, id, timestamp, body).encode()
    if not any(compare_digest(one, wanted) for one in given):
        raise Failure("invalid_signature", "the message is not signed with this webhook's secret", pointer="")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise Failure("stale_message", "`webhook-timestamp` is no Unix time in seconds")
    if abs(int(timestamp) * SECOND - now) > TOLERANCE:
        raise Failure(
            "stale_message", "the message is more than five minutes from now", help="send it again, signed anew"
        )
