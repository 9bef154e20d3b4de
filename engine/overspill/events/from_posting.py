"""A posting → the event that usage is settled: what was used, and what it cost, as rows of the datasets (`docs/datasets.md`).

`time` is that of the usage: when it was posted, and by whom, stands nowhere that a restart would find again.
"""

from __future__ import annotations

from collections.abc import Iterator

from overspill.events.cloud_event import SETTLED, CloudEvent, cloud_event
from overspill.words.codec import Light, Raw, json_bytes, json_decoder

NOTHING = Raw()
NAMING = b'"usage":{'
"""What stands in every posting of usage."""


class _Usage(Light, frozen=True):
    event: str
    at: str
    tenant: str
    account: str


class _Posted(Light, frozen=True):
    usage: Raw = NOTHING
    monetization: Raw = NOTHING


_posted = json_decoder(_Posted).decode
_usage = json_decoder(_Usage).decode


def settled(body: bytes, tenant: str, source: str) -> Iterator[CloudEvent]:
    """`body` is the posting as it is stored; nothing is told of one without usage, or of another tenant."""
    if NAMING not in body:
        return
    posted = _posted(body)
    if not bytes(posted.usage) or (usage := _usage(posted.usage)).tenant != tenant:
        return
    data = json_bytes({"usage": posted.usage, "monetization": posted.monetization})
    yield cloud_event(SETTLED, source, usage.account, usage.at, data, usage.event)
