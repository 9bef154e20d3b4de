"""A payment provider's message, as bytes and headers → what became of a purchase. Pure: the instant is handed in.

It is signed as `signatures.py` has it.
"""

from __future__ import annotations

from collections.abc import Mapping

from overspill.account.purchases import DECLINED, PENDING, SUCCEEDED
from overspill.runtime.signatures import verify
from overspill.words.codec import Struct
from overspill.words.diagnostics import did_you_mean
from overspill.words.failures import Failure
from overspill.words.strict_json import json_from_text

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
    verify(secret, headers, body, now)
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
