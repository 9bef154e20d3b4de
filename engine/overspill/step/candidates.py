"""A capture → the lots that each pool had to choose from for what the hold did not cover, with the key that decided each
neighbour. Inside its hold a capture has no choice: the lots are the reservation's."""

from __future__ import annotations

from collections.abc import Iterator

from overspill.account.draft import AccountOf, Draft
from overspill.decide.candidates import pool_candidates
from overspill.plan.interpret import values_of
from overspill.plan.plan import PoolLayer, state_key
from overspill.records.explanation import PoolCandidates
from overspill.step.commands import Capture
from overspill.step.keys import identify
from overspill.step.plans import Plans
from overspill.step.settle import hold_of, refilled


def captures_candidates(plans: Plans, capture: Capture, account_of: AccountOf, now: int) -> Iterator[PoolCandidates]:
    """The pools that were looked at, in the waterfall's order; `account_of` gives an account by its key, as it was before
    the capture."""
    hold = hold_of(account_of(capture.account), capture.hold, now)
    draft, command = Draft(account_of), identify(capture)
    refill = refilled(plans.of(hold.digest), hold, dict(capture.meters), draft, now, command, final=capture.final)
    for layer, step in refill.free:
        if isinstance(layer, PoolLayer) and len(step) == 6:
            owner, account = hold.accounts[layer.account], refill.accounts[layer.account]
            assert owner is not None
            assert account is not None
            pool = state_key(layer.name, values_of(layer.per, refill.facts))
            yield pool_candidates(layer, owner.split("/", 1)[1], pool, account, now)
