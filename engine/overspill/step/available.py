"""How much there is for a request, on the states that a batch meets. Nothing is recorded."""

from __future__ import annotations

from overspill.decide.admit import admit
from overspill.decide.available import available_to
from overspill.records.available import Available
from overspill.records.request import Request
from overspill.step.batch import account_keys
from overspill.step.step import Batch, Plans


def available(plans: Plans, batch: Batch, tenant: str, request: Request) -> Available:
    """What it could be granted at the batch's instant. Raises Failure."""
    program = plans.active()
    admitted = admit(program.plan, request)
    accounts = batch.meet(account_keys(program, tenant, admitted))
    met = (*accounts, *batch.members(program.plan, tenant, accounts))
    return available_to(program.plan, admitted, met, batch.now)
