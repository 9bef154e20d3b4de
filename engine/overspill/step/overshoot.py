"""What a capture uses beyond everything that covers it (LANGUAGE.md S3): owed by the last eligible pool as far as that goes,
the rest absorbed; debited and refunded in one where there is a lot."""

from __future__ import annotations

from collections.abc import Sequence

from overspill.account.draft import Draft
from overspill.account.effects import SetDebt
from overspill.account.holds import Kept, lots_used
from overspill.account.kernel import overshoot
from overspill.account.state import Hold
from overspill.plan.interpret import Bounds, is_charged, passed_by, values_of
from overspill.plan.plan import PoolLayer, Waterfall, state_key
from overspill.plan.pricing import look_up
from overspill.plan.program import Program
from overspill.plan.raw import Facts
from overspill.step.keys import Identified
from overspill.step.lots import paid_back
from overspill.words.amounts import UNLIMITED
from overspill.words.codec import Struct
from overspill.words.texts import amount_text_of

REPAID = 1000
"""The number of a lot that a capture pays back, beyond those that it reissues."""


class Overshoot(Struct, frozen=True, kw_only=True):
    """What no layer covers, of all captures together (LANGUAGE.md S3): in part a debt of `pool`, the last eligible one; the
    rest is absorbed: debited from the last lot drawn and refunded to it, where there is one."""

    pool: PoolLayer | None
    owed_base: int
    owed: int
    absorbed: int
    """In base steps."""
    added: tuple[int, int]
    """What this capture adds to the debt: (base, amount)."""
    lot: tuple[str, str] | None
    """(pool key, lot id) of the refund."""
    refunded: int
    returned: int = 0
    """What purchases have repaid of a debt that is none after all."""

    def where(self, hold: Hold, facts: Facts) -> tuple[str, str]:
        """(account key, pool key) of the pool."""
        assert self.pool is not None
        return str(hold.accounts[self.pool.account]), state_key(self.pool.name, values_of(self.pool.per, facts))


def settle_overshoot(
    waterfall: Waterfall, facts: Facts, hold: Hold, parts: Sequence[Kept], left: int, draft: Draft
) -> Overshoot:
    """What becomes of `left` base steps; the pool's debt changes in the draft."""
    pool = last_pool(waterfall, facts, hold, draft) if left or hold.owed else None
    if pool is None:
        return Overshoot(pool=None, owed_base=0, owed=0, absorbed=left, added=(0, -hold.owed), lot=None, refunded=0)
    account = hold.accounts[pool.account]
    assert account is not None
    key, ratio = state_key(pool.name, values_of(pool.per, facts)), look_up(pool.ratio, waterfall, facts)
    owed_now = draft.account(account).debts.get(key, 0)
    room = left_to_charge(waterfall, hold, parts).get(pool.unit.name, UNLIMITED) if is_charged(pool) else UNLIMITED
    bound = min(pool.debt, owed_now - hold.owed + room)
    split = overshoot(left, hold.owed, owed_now, bound, hold.absorbed, *ratio)
    if split.owed != hold.owed:
        draft.add(account, SetDebt(key, split.debt))
    lots = [lot for part in parts if part.leg.layer == pool.name for lot in lots_used(part)]
    return Overshoot(
        pool=pool,
        owed_base=split.owed_base,
        owed=split.owed,
        absorbed=split.absorbed,
        added=(split.owed_base - hold.owed_base, split.owed - hold.owed),
        lot=(lots[-1][0], lots[-1][1][0]) if lots and split.refunded else None,
        refunded=split.refunded,
        returned=split.returned,
    )


def left_of_bounds(waterfall: Waterfall, facts: Facts, hold: Hold, parts: Sequence[Kept], draft: Draft) -> Bounds:
    """What the request's own bounds leave free layers beside these parts and what is owed (LANGUAGE.md L10)."""
    left = left_to_charge(waterfall, hold, parts)
    pool = last_pool(waterfall, facts, hold, draft) if hold.owed and left else None
    if pool is not None and is_charged(pool) and pool.unit.name in left:
        left[pool.unit.name] -= hold.owed
    return Bounds(None if hold.only is None else frozenset(hold.only), left)


def left_to_charge(waterfall: Waterfall, hold: Hold, parts: Sequence[Kept]) -> dict[str, int]:
    """What of the request's `max_charge` is left beside these parts, by unit."""
    left = dict(hold.max_charge)
    charged = {layer.name: layer.unit.name for layer in waterfall.layers if is_charged(layer)} if left else {}
    for part in parts:
        unit = charged.get(part.leg.layer)
        if unit in left:
            left[unit] -= part.amount
    return left


def last_pool(waterfall: Waterfall, facts: Facts, hold: Hold, draft: Draft) -> PoolLayer | None:
    """The last pool of the waterfall that applies, of those that the request may draw on."""
    for layer in reversed(waterfall.layers):
        if hold.only is not None and layer.name not in hold.only:
            continue
        key = hold.accounts[layer.account]
        account = None if key is None else draft.account(key)
        if isinstance(layer, PoolLayer) and passed_by(layer, facts, account) is None:
            return layer
    return None


def owed_draws(waterfall: Waterfall, over: Overshoot) -> list[dict[str, object]]:
    """What a capture adds to the debt, as its answer lists it among the draws."""
    base, amount = over.added
    if over.pool is None or not amount:
        return []
    return [
        {
            "layer": over.pool.name,
            "from": "debt",
            "base": amount_text_of(waterfall.unit.scale)(base),
            "amount": amount_text_of(over.pool.unit.scale)(amount),
            "returned": "0",
            "unit": over.pool.unit.name,
        }
    ]


def repaid_shown(
    program: Program, over: Overshoot, hold: Hold, facts: Facts, draft: Draft, now: int, identified: Identified
) -> dict[str, object]:
    account, key = over.where(hold, facts)
    return paid_back(program.plan, draft, account, key, over.returned, identified.derived("lot", REPAID), now)


def refund_shown(hold: Hold, over: Overshoot) -> dict[str, object]:
    """The one linked entry that gives the overshoot back to the lot it was debited from."""
    assert over.pool is not None and over.lot is not None
    account = (hold.accounts[over.pool.account] or "").split("/", 1)[1]
    amount = amount_text_of(over.pool.unit.scale)(over.refunded)
    return {"account": account, "pool": over.lot[0], "lot": over.lot[1], "amount": amount, "unit": over.pool.unit.name}
