"""A decision → the lots that each pool it visited had to choose from, with the key that decided each neighbour.

A decision's bytes hold the lots that were drawn, and no others; the accounts as they were before it hold them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from overspill.account.candidates import DEFAULT_ORDER, Candidate, candidates
from overspill.account.state import Account
from overspill.plan.plan import Plan, PoolLayer, Waterfall, state_key
from overspill.plan.shapes import (
    CATEGORIES,
    LOT_CATEGORY,
    LOT_EXPIRES_AT,
    LOT_GRANTED_AT,
    LOT_ID,
    LOT_LEFT,
    LOT_PRIORITY,
)
from overspill.records.answers import DecisionRecord, InputsStep, LayerStep
from overspill.records.explanation import CandidateLot, PoolCandidates
from overspill.words.instants import NEVER, instant_from_text, instant_text
from overspill.words.texts import amount_text_of


def candidates_of(
    plan: Plan, decision: DecisionRecord, account_of: Callable[[str], Account]
) -> Iterator[PoolCandidates]:
    """The pools of the layers that looked at their lots, in the waterfall's order; `account_of` gives an account
    (`user/u_ana`) as it was before the decision."""
    inputs = next(step for step in decision.trace if isinstance(step, InputsStep))
    waterfall = plan.waterfall(inputs.waterfall)
    steps = [step for step in decision.trace if isinstance(step, LayerStep)]
    for layer, step in zip(waterfall.layers, steps, strict=True):
        if isinstance(layer, PoolLayer) and step.lots is not None:
            kind = plan.kind_names[layer.account]
            owner = f"{kind}/{inputs.request['account'][kind]}"
            pool = state_key(layer.name, tuple(str(inputs.facts[path]) for path in _paths(waterfall, layer)))
            yield pool_candidates(layer, owner, pool, account_of(owner), instant_from_text(decision.at))


def pool_candidates(layer: PoolLayer, owner: str, pool: str, account: Account, now: int) -> PoolCandidates:
    """The lots of one pool (`pool` is its key in the account's state) as a draw at `now` meets them."""
    found = candidates(account.pools.get(pool, ()), layer.order, now)
    return PoolCandidates(
        layer=layer.name,
        account=owner,
        pool=pool,
        unit=layer.unit.name,
        order=layer.order or DEFAULT_ORDER,
        lots=tuple([_shown(one, layer.unit.scale) for one in found]),
    )


def _paths(waterfall: Waterfall, layer: PoolLayer) -> list[str]:
    return [waterfall.slots[slot].path for slot in layer.per]


def _shown(one: Candidate, scale: int) -> CandidateLot:
    lot = one.lot
    return CandidateLot(
        lot=lot[LOT_ID],
        left=amount_text_of(scale)(lot[LOT_LEFT]),
        priority=lot[LOT_PRIORITY],
        category=CATEGORIES[lot[LOT_CATEGORY]],
        granted_at=instant_text(lot[LOT_GRANTED_AT]),
        expires_at=None if lot[LOT_EXPIRES_AT] == NEVER else instant_text(lot[LOT_EXPIRES_AT]),
        before_next=one.before_next,
        passed=one.passed,
    )
