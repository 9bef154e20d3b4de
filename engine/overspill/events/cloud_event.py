"""CloudEvents 1.0, structured JSON (https://github.com/cloudevents/spec, `cloudevents/spec.md`): the shape, the types, the ids.

`source` names the journal and the tenant, `id` is derived from what happened: whoever tells of it, and however often, it
is the same pair, by which a duplicate is known.
"""

from __future__ import annotations

from overspill.words.codec import Light, Raw
from overspill.words.ids import derived_id, key_text

PREFIX = "dev.overspill."
"""Of every type, in the manner of reverse DNS; it is no address."""
DECIDED = "decision.made"
FIRST_PAID_USE = "account.first_paid_use"
CROSSED = "window.threshold_crossed"
ATTEMPTED = "top_up.attempted"
PAID = "top_up.paid"
DECLINED = "top_up.declined"
ABANDONED = "top_up.abandoned"
SETTLED = "usage.settled"
ACTIVATED = "policy.activated"
TYPES = (DECIDED, FIRST_PAID_USE, CROSSED, ATTEMPTED, PAID, DECLINED, ABANDONED, SETTLED, ACTIVATED)
MEDIA_TYPE = "application/cloudevents+json"


class CloudEvent(Light, frozen=True, kw_only=True):
    """`subject` is the account (`user/u_ana`), or the policy; `time` the instant of the record, RFC 3339 in UTC. `data` only
    gains fields: what would break a reader gets another `dataschema`."""

    specversion: str = "1.0"
    id: str
    source: str
    type: str
    subject: str
    time: str
    datacontenttype: str = "application/json"
    dataschema: str
    data: Raw


def source_of(journal: str, tenant: str) -> str:
    """`journal` is the journal's own name (`store/identity.py`), which no copy and no restart changes."""
    return f"urn:overspill:journal:{journal}:{tenant}"


def cloud_event(type: str, source: str, subject: str, time: str, data: bytes, *key: str) -> CloudEvent:
    """The event of `type` (without its prefix) that `key` tells apart from all others of its source and type."""
    return CloudEvent(
        id=derived_id(key_text(type, *key), "evt"),
        source=source,
        type=PREFIX + type,
        subject=subject,
        time=time,
        dataschema=f"urn:overspill:event:{type}:1",
        data=Raw(data),
    )
