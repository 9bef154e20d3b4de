"""Envoy's external authorization over HTTP (`ext_authz` with `http_service`): a gateway asks, and no code is written.

What Envoy does, by its own description (envoyproxy/envoy, ext_authz.proto, messages HttpService and AuthorizationRequest;
ext_authz_filter.rst): it sends the client's method, and the client's path with its query behind `path_prefix`; Host,
Authorization and what `allowed_headers` names; no body, and Content-Length 0. 200 lets the call through, with the headers that
`allowed_upstream_headers` names put over the client's own; a 5xx is an error, of which `failure_mode_allow` says what
becomes of the call; every other status denies it, with this body and these headers as the client's answer.

tests/serve/test_gateway_envoy.py runs Envoy itself. So a decision is told as a status. The headers that go upstream are always all there: what a client sends under their
names is overwritten.
"""

from __future__ import annotations

from overspill.records.answers import Decision
from overspill.serve.call import Call, Header, Operation, Reply
from overspill.serve.deciding import decided
from overspill.serve.denials import CREDITS, ENTITLEMENT, QUOTA, Denial, denial_of, retry_after
from overspill.serve.fields import RETRY_AFTER, Field
from overspill.serve.gateway import Gateway, Rule
from overspill.serve.problems import MEDIA_TYPE, Problem
from overspill.serve.rate_limits import FIELDS, rate_limits
from overspill.words.codec import json_bytes
from overspill.words.failures import Failure
from overspill.words.names import shown

PREFIX = "/envoy"
"""What the gateway's `path_prefix` is."""
NONE = "none"
DOUBTFUL = (b"%2f", b"%5c", b"%2e", b"\\", b"//")
"""What some take for a separator or for nothing, and some do not: a rule for one path must not be met by another."""
PROBLEM: Header = (b"content-type", MEDIA_TYPE.encode())
UPSTREAM = tuple(
    [
        Field(name=f"X-Overspill-{name}", about=about, schema={"type": "string", **schema}, always=True)
        for name, about, schema in (
            ("Outcome", "What was decided; `pass`: nobody was asked.", {"enum": ["allow", "partial", "pass"]}),
            ("Decision", "Its id.", {}),
            ("Granted", "How much.", {}),
            ("Unit", "Of what.", {}),
            ("Hold", "What is to be captured.", {}),
            ("Replayed", "Whether the call's key was granted that before.", {"enum": ["true", "false"]}),
        )
    ]
)
"""For the service behind the gateway; what there is not is `none`."""
_NAMES = tuple([field.wire for field in UPSTREAM])


async def check(call: Call) -> Reply:
    gateway = call.service.gateway
    if gateway is None:
        raise Failure("not_found", "this service has no gateway", help="start it with --gateway FILE")
    rule = _rule(gateway, call)
    if rule.mode == "pass":
        return Reply(b"{}", headers=_upstream("pass"))
    plan = call.engine.policies.active().plan
    request = gateway.request_of(rule, call.headers, plan)
    try:
        decision = await decided(call, rule.mode, request)
    except Failure as failure:
        failure.pointer = None  # there is no body for it to point into
        raise
    if decision.replayed and decision.allowed and gateway.replayed == "deny":
        what = f"a call with the {gateway.key} {shown(request.id)} was granted before"
        raise Failure("replayed", what, help="send the call with an id of its own")
    now = call.engine.now()
    limits = rate_limits(decision, now, plan)
    outcomes, id = (decision.outcome,), decision.record.decision
    if decision.allowed:
        return Reply(b"{}", headers=(*_of(decision), *limits), outcomes=outcomes, decision=id)
    denial = denial_of(decision.record, plan, call.request_id)
    headers = (*retry_after(decision.record, now), *limits)
    return Reply(json_bytes(denial), denial.status, headers, PROBLEM, outcomes, id)


def _rule(gateway: Gateway, call: Call) -> Rule:
    path = f"/{call.path['path']}"
    target = call.target.lower()
    if any(mark in target for mark in DOUBTFUL) or not {".", ".."}.isdisjoint(path.split("/")):
        help = "let the gateway normalize paths: normalize_path, merge_slashes, path_with_escaped_slashes_action"
        raise Failure("invalid_path", "the path can be read in more than one way", help=help)
    rule = gateway.rule_of(call.method, path)
    if rule is None:
        help = "add one to the gateway's file; `mode: pass` lets calls through"
        raise Failure("no_rule", f"no rule says what {shown(call.method)} {shown(path)} costs", help=help)
    return rule


def _of(decision: Decision) -> tuple[Header, ...]:
    record = decision.record
    return _upstream(
        record.outcome,
        record.decision,
        record.granted,
        record.unit,
        NONE if record.hold is None else record.hold.id,
        "true" if decision.replayed else "false",
    )


def _upstream(
    outcome: str, decision: str = NONE, granted: str = NONE, unit: str = NONE, hold: str = NONE, replayed: str = "false"
) -> tuple[Header, ...]:
    values = (outcome, decision, granted, unit, hold, replayed)
    return tuple([(name, value.encode()) for name, value in zip(_NAMES, values, strict=True)])


OPERATIONS = (
    Operation(
        id="envoy_check",
        method="ANY",
        path=f"{PREFIX}/{{path:path}}",
        tag="Gateways",
        summary="Decide a call that Envoy asks about (`ext_authz`, HTTP)",
        about=(
            "Every method is taken, and every path. Which account, fields and meters a call has say the rules of the gateway's file. 200 lets it through; 429, 402 and "
            "403 deny it, for a while, until something is bought, or at all."
        ),
        scope="decide",
        answer={"type": "object"},
        problems=(402, 404, 409, 413, 422, 429),
        told={CREDITS: Denial, ENTITLEMENT: {"anyOf": [Denial, Problem]}, QUOTA: Denial},
        sends={200: (*UPSTREAM, *FIELDS), CREDITS: FIELDS, ENTITLEMENT: FIELDS, QUOTA: (*FIELDS, RETRY_AFTER)},
        act=check,
    ),
)
