"""One request or many, decided in the way that a call asks for, whatever the call's own shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from overspill.records.answers import Decision
from overspill.records.request import Request
from overspill.serve.call import Call
from overspill.words.failures import Failure

Mode = Literal["consume", "reserve", "preview"]


async def decided(call: Call, mode: Mode, request: Request) -> Decision:
    """One. Raises Failure, also `busy` where the tenant has as many holds open as it may."""
    match mode:
        case "consume":
            return await call.engine.adecide(request)
        case "preview":
            return await call.engine.apreview(request)
        case "reserve":
            holds, tenant = call.service.holds, call.caller.tenant
            holds.expect_room(tenant, 1, call.engine.now())
            decision = await call.engine.areserve(request)
            if not decision.replayed:
                holds.opened(tenant, decision.json)
            return decision


async def all_decided(call: Call, mode: Mode, requests: Sequence[Request]) -> list[Decision | Failure]:
    """Many, in order, each with its decision or its failure. Raises Failure `busy` as above."""
    match mode:
        case "consume":
            return await call.engine.adecide_all(requests)
        case "preview":
            return await call.engine.apreview_all(requests)
        case "reserve":
            holds, tenant = call.service.holds, call.caller.tenant
            holds.expect_room(tenant, len(requests), call.engine.now())
            results = await call.engine.areserve_all(requests)
            for one in results:
                if isinstance(one, Decision) and not one.replayed:
                    holds.opened(tenant, one.json)
            return results
