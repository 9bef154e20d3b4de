"""What an account keeps of buying by itself → what its page shows."""

from __future__ import annotations

from collections.abc import Iterator

from overspill.account.purchases import Purchase, TopUp, bought_in, month_of
from overspill.account.state import Account
from overspill.plan.plan import Plan
from overspill.records.status import PurchaseStatus, TopUpStatus
from overspill.words.amounts import text_from_steps
from overspill.words.instants import instant_text


def top_ups_of(plan: Plan, account: Account, now: int) -> Iterator[TopUpStatus]:
    """Pool by pool; of a pool that the policy has no more, steps are told."""
    for key, kept in sorted(account.top_ups.items()):
        pool = plan.pools.get(key.split("|", 1)[0])
        scale, unit = (0, "steps") if pool is None else (pool.unit.scale, pool.unit.name)
        yield _top_up(key, kept, scale, unit, now)


def _top_up(key: str, kept: TopUp, scale: int, unit: str, now: int) -> TopUpStatus:
    settings = kept.settings
    most = settings.monthly_maximum
    return TopUpStatus(
        pool=key,
        unit=unit,
        enabled=settings.enabled,
        minimum=text_from_steps(settings.minimum, scale),
        target=text_from_steps(settings.target, scale),
        monthly_maximum=None if most is None else text_from_steps(most, scale),
        settings_version=settings.version,
        actor=settings.actor,
        agreed_at=instant_text(settings.at),
        reason=kept.reason or None,  # type: ignore[arg-type]
        purchase=None if kept.purchase is None else _purchase(kept.purchase, scale),
        bought=text_from_steps(bought_in(kept, month_of(now)), scale),
        retry_at=instant_text(kept.next_at) if kept.next_at > now else None,
    )


def _purchase(purchase: Purchase, scale: int) -> PurchaseStatus:
    return PurchaseStatus(
        purchase=purchase.id,
        state=purchase.state,  # type: ignore[arg-type]
        amount=text_from_steps(purchase.amount, scale),
        money=purchase.money,
        currency=purchase.currency,
        attempted_at=instant_text(purchase.at),
    )
