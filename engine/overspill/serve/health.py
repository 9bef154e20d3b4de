"""Whether the service lives, and whether it can serve: for who restarts it, and for who sends it callers."""

from __future__ import annotations

from collections.abc import Iterator

from overspill.runtime.drift import is_much
from overspill.serve.bodies import Check, Liveness, Readiness
from overspill.serve.call import Call, Operation, Reply
from overspill.serve.threads import blocking
from overspill.words.codec import json_bytes
from overspill.words.failures import Failure


async def live(call: Call) -> Reply:
    return Reply(json_bytes(Liveness(live=True)))


def ready(call: Call) -> Reply:
    checks = tuple(_checks(call))
    is_ready = all(check.ok for check in checks)
    return Reply(json_bytes(Readiness(ready=is_ready, checks=checks)), 200 if is_ready else 503)


def _checks(call: Call) -> Iterator[Check]:
    engine = call.service.engine
    plan = engine.policies.active().plan
    yield Check(name="policy", ok=True, detail=f"{plan.name} {plan.version} {plan.digest[:19]}")
    try:
        engine.settlement()
        there = call.service.registry.is_there()
        yield Check(name="store", ok=there, detail="reachable" if there else "keys cannot be looked up")
    except Failure as failure:
        yield Check(name="store", ok=False, detail=f"it does not answer: {failure.code}")
    drift = engine.drift()
    detail = f"the wall clock is {abs(drift) // 1000} ms {'ahead' if drift >= 0 else 'behind'}"
    yield Check(name="clock", ok=not is_much(drift), detail=detail)


OPERATIONS = (
    Operation(
        id="live",
        method="GET",
        path="/livez",
        tag="Service",
        summary="Whether the process answers",
        scope=None,
        answer=Liveness,
        act=live,
    ),
    Operation(
        id="ready",
        method="GET",
        path="/readyz",
        tag="Service",
        summary="Whether it can decide: policy active, store reachable, clock sane",
        scope=None,
        answer=Readiness,
        answers=(200, 503),
        act=blocking(ready),
    ),
)
