"""What a record must move → its transaction, as it is written where each asset moves between two accounts.

That is most often so, and a transaction that stands there to the byte need not be read. Where an asset moves between more
accounts the journal does not say which leg moves how much: those legs are read and added up.
"""

from __future__ import annotations

from collections.abc import Mapping

from overspill.audit.amounts import amount_text
from overspill.audit.chart import Place, route_of
from overspill.audit.shapes import Leg, Transaction
from overspill.audit.work import Work


def transaction_of(work: Work) -> tuple[Transaction, Mapping[Place, int]] | None:
    """With what it moves, in the order of its legs. None where it cannot be told, or a leg would not be open (LED1)."""
    gives: dict[str, tuple[str, int]] = {}
    takes: dict[str, tuple[str, int]] = {}
    for (account, asset), amount in work.moves.items():
        (takes if amount > 0 else gives)[asset] = account, amount
    if len(gives) + len(takes) != len(work.moves) or gives.keys() != takes.keys():
        return None
    legs: list[Leg] = []
    moves: dict[Place, int] = {}
    for asset, (credit, amount) in takes.items():
        debit, less = gives[asset]
        route = route_of((debit, credit, asset))
        if amount + less or not route.is_open:
            return None
        moves[route.debit], moves[route.credit] = less, amount
        legs.append(Leg(debit, credit, asset, amount_text(amount)))
    record = work.record
    told = Transaction(
        record=record.id,
        seq=record.seq,
        kind=record.key[2],
        key=record.key,
        cause=work.cause,
        policy=work.policy,
        version=work.version,
        rate_card=work.rate_card,
        at=record.at,
        effective_at=work.effective_at,
        legs=tuple(legs),
        opened=work.opened,
        hold=work.hold,
        hold_state=work.hold_state,
    )
    return told, moves
