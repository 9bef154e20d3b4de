"""The metadata of this AuthZEN decision point: where it is, and which of the standard's interfaces it has.

Where it is says whoever runs it (`--url`); else the host that was asked for, over HTTP as this service speaks it. That
is good enough to try it: the standard wants HTTPS, which stands in front of this service, and a client that finds
another name than the one it asked must not use what it got.
"""

from __future__ import annotations

import re

from overspill.serve.authzen_shapes import Configuration
from overspill.serve.call import Call, Operation, Reply
from overspill.serve.fields import CACHE_CONTROL
from overspill.words.codec import json_bytes
from overspill.words.failures import Failure

_HOST = re.compile(rb"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")
_URL = re.compile(r"https://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*")
KEPT, NOT_KEPT = CACHE_CONTROL.of("max-age=3600"), CACHE_CONTROL.of("no-store")


def checked_url(text: str) -> str:
    """Where the service is, for who asks. Raises Failure."""
    if not _URL.fullmatch(text):
        what = "the service's address is no plain https URL"
        raise Failure(
            "invalid_url", what, help="write https://pdp.example.com, with no / behind it, no query, no fragment"
        )
    return text


async def metadata(call: Call) -> Reply:
    url = call.service.url
    base = url or f"http://{_host(call)}"
    told = Configuration(
        policy_decision_point=base,
        access_evaluation_endpoint=f"{base}/access/v1/evaluation",
        access_evaluations_endpoint=f"{base}/access/v1/evaluations",
        search_action_endpoint=f"{base}/access/v1/search/action",
    )
    return Reply(json_bytes(told), headers=(KEPT if url else NOT_KEPT,))


def _host(call: Call) -> str:
    host = call.headers.get(b"host", b"")
    if not _HOST.fullmatch(host):
        raise Failure(
            "invalid_request", "the header Host names no host", help="send it, or start the service with --url"
        )
    return host.decode()


METADATA = Operation(
    id="authzen_configuration",
    method="GET",
    path="/.well-known/authzen-configuration",
    tag="AuthZEN",
    summary="What this decision point offers (AuthZEN 1.0)",
    scope=None,
    answer=Configuration,
    sends={200: (CACHE_CONTROL,)},
    act=metadata,
)
