"""One request or many, decided in the way that a call asks for, whatever the call's own shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from overspill.records.answers import Decision
from overspill.records.request import Request
from overspill.serve.call import Call
from overspill.serve.service import Service
from overspill.step.commands import Consume, Preview, Reserve
from overspill.step.keys import Asking
from overspill.words.failures import Failure

Mode = Literal["consume", "reserve", "preview"]
KINDS: Mapping[Mode, Asking] = {"consume": Consume, "reserve": Reserve, "preview": Preview}


async def decided(call: Call, mode: Mode, request: Request) -> Decision:
    """One. Raises Failure, also `busy` where the tenant has as many holds open as it may."""
    [one] = await all_decided(call, mode, (request,))
    if isinstance(one, Failure):
        raise one
    return one


async def all_decided(call: Call, mode: Mode, requests: Sequence[Request]) -> list[Decision | Failure]:
    """Many, in order, each with its decision or its failure. Raises Failure `busy` as above."""
    expect_room(call.service, mode, call.caller.tenant, len(requests))
    match mode:
        case "consume":
            results = await call.engine.adecide_all(requests)
        case "preview":
            results = await call.engine.apreview_all(requests)
        case "reserve":
            results = await call.engine.areserve_all(requests)
    note(call.service, mode, call.caller.tenant, results)
    return results


def expect_room(service: Service, mode: Mode, tenant: str, count: int) -> None:
    """Raises Failure `busy` where so many reservations more would be too many."""
    if mode == "reserve":
        service.holds.expect_room(tenant, count, service.engine.now())


def note(service: Service, mode: Mode, tenant: str, outcomes: Sequence[Decision | Failure]) -> None:
    """What was decided so keeps a place where it is a hold that is new."""
    for outcome in outcomes if mode == "reserve" else ():
        if isinstance(outcome, Decision) and not outcome.replayed:
            service.holds.opened(tenant, outcome.json)
