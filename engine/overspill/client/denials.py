"""A denial for the end user, as HTTP says it (RFC 9457). Pure.

429 where time alone helps, 402 where something can be bought or agreed to, 403 where nothing does; 503 where the service could
not be asked and the caller has chosen to deny then.
"""

from __future__ import annotations

from typing import Any

from overspill.client.answers import Answer
from overspill.client.replies import PROBLEM
from overspill.records.answers import Offer
from overspill.words.codec import Light, json_bytes
from overspill.words.instants import SECOND, instant_from_text

QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"
REDUCED_CAPACITY = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity"
"""Registered by draft-ietf-httpapi-ratelimit-headers-10."""
WAIT = "wait"
AWAY_SECONDS = 1


class Denial(Light, frozen=True):
    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


def denial_of(answer: Answer) -> Denial:
    """What a caller of a metered route is answered when nothing was granted."""
    seen = answer.seen
    if seen is None:
        after = AWAY_SECONDS if answer.failure is None else -(-(answer.failure.retry_ms or 0) // 1000) or AWAY_SECONDS
        told: dict[str, Any] = {"source": answer.source}
        return _denial(503, REDUCED_CAPACITY, "Temporarily reduced capacity", told, after)
    reason = seen.reason
    told = {
        "decision_id": seen.decision,
        "reason": None if reason is None else reason.code,
        "retry_at": seen.retry_at,
        "offers": [_offer(one) for one in seen.offers],
    }
    if seen.retry_at is not None:
        after = max(-(-(instant_from_text(seen.retry_at) - instant_from_text(seen.at)) // SECOND), 0)
        binding = [] if reason is None or reason.binding is None else [reason.binding]
        return _denial(429, QUOTA_EXCEEDED, "Quota exceeded", {**told, "violated-policies": binding}, after)
    if any(one.offer != WAIT for one in seen.offers):
        return _denial(402, "about:blank", "Payment Required", told, None)
    return _denial(403, "about:blank", "Forbidden", told, None)


def _denial(status: int, type: str, title: str, told: dict[str, Any], after: int | None) -> Denial:
    headers = [(b"content-type", PROBLEM.encode()), (b"cache-control", b"no-store")]
    if after is not None:
        headers.append((b"retry-after", str(after).encode()))
    body = json_bytes({"type": type, "title": title, "status": status, **told})
    return Denial(status, (*headers, (b"content-length", str(len(body)).encode())), body)


def _offer(offer: Offer) -> dict[str, str]:
    """What it has to say."""
    fields = {name: getattr(offer, name) for name in offer.__struct_fields__}
    return {name: value for name, value in fields.items() if value is not None}
