"""The runner of top-ups: intents out of committed state, to the payment provider, and its answers back as commands.

Nothing is asked of a provider while anything is decided, and nothing before the question is on record: a purchase is
made pending first, durably, then the provider is asked, then its answer is recorded. A crash at any of these steps leaves
a purchase that the next run asks about again, under the same key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from overspill.account.purchases import DECLINED, INTENDED, PENDING, SUCCEEDED
from overspill.account.state import Account
from overspill.ports.payments import Declined, Intent, Paid, PaymentProvider, Pending
from overspill.records.answers import Receipt
from overspill.records.journal import Record
from overspill.runtime.combiner import Combiner
from overspill.step.commands import Command, Purchase, Unpaid
from overspill.step.keys import identify
from overspill.words.codec import json_decoder
from overspill.words.failures import Failure
from overspill.words.typed import expect, typed

_decode = json_decoder(dict[str, Any]).decode
AT_ONCE = 256
"""So many states are read in one go."""


class TopUps:
    """The top-ups of one engine. `find` gives the record that an id leads to, `sweep` writes down what time has done."""

    def __init__(self, combiner: Combiner, find: Callable[[str], Record | None], sweep: Callable[[], int]) -> None:
        self._combiner = combiner
        self._find = find
        self._sweep = sweep

    def run(self, provider: PaymentProvider) -> list[Receipt]:
        """Sweeps up what time alone has made due, then asks the provider about every open purchase. What came of each stands
        in its receipt; one about which the provider could not be asked stays open."""
        self._sweep()
        done = [self._asked(provider, purchase) for purchase in self._open()]
        return [receipt for receipt in done if receipt is not None]

    def intents(self) -> list[Intent]:
        """The purchases that are open, the oldest first, once what time alone has made due is swept up."""
        self._sweep()
        return [self._intent(id)[0] for id, _ in self._open()]

    def resolve(
        self, purchase: str, outcome: str, *, receipt: str = "", detail: str = "", actor: str = "provider"
    ) -> Receipt:
        """Records what became of a purchase: succeeded (with the provider's receipt), declined, pending or abandoned.

        The same again changes nothing. A payment of a purchase that was given up before is still a lot. Raises Failure for
        an unknown purchase, for one that is over, and for a receipt that another purchase has.
        """
        expect(purchase, str, "/purchase")
        intent, pool, account, digest = self._intent(purchase)
        if outcome != SUCCEEDED:
            return self._run(
                Unpaid(
                    tenant=intent.tenant,
                    account=account,
                    pool=pool,
                    purchase=purchase,
                    outcome=outcome,
                    detail=detail,
                    actor=actor,
                )
            )
        return self._run(
            Purchase(
                tenant=intent.tenant,
                account=account,
                pool=pool,
                id=purchase,
                amount=intent.amount,
                cost=f"{intent.money} {intent.currency}",
                receipt=receipt,
                digest=digest,
            )
        )

    # ---- what is to be done

    def _accounts(self) -> Iterator[tuple[str, Account]]:
        """The accounts that buy by themselves, with their keys: so many at once that nobody waits for it long."""
        states = self._combiner.states

        def known() -> list[str]:
            states.catch_up()
            return sorted(states.topped_up)

        def read(some: list[str]) -> list[tuple[str, Account]]:
            return [(key, states.of(key)) for key in some]

        keys = self._combiner.exclusively(known)
        for start in range(0, len(keys), AT_ONCE):
            yield from self._combiner.exclusively(partial(read, keys[start : start + AT_ONCE]))

    def _open(self) -> list[tuple[str, str]]:
        """(purchase, its state) for every one that is open, the oldest first."""
        kept = [one.open for _, account in self._accounts() for one in account.top_ups.values()]
        found = [purchase for purchase in kept if purchase is not None]
        return [(one.id, one.state) for one in sorted(found, key=lambda one: (one.at, one.id))]

    def _asked(self, provider: PaymentProvider, purchase: tuple[str, str]) -> Receipt | None:
        id, state = purchase
        pending = self._resolved(id, PENDING) if state == INTENDED else None
        if state == INTENDED and pending is None:
            return None
        try:
            payment = provider.charge(self._intent(id)[0])
        except Exception:  # whatever kept the answer away, it is asked for again
            return pending
        match payment:
            case Paid(receipt=receipt):
                return self._resolved(id, SUCCEEDED, receipt=receipt)
            case Declined(detail=detail):
                return self._resolved(id, DECLINED, detail=detail)
            case Pending():
                return pending

    def _resolved(self, purchase: str, outcome: str, *, receipt: str = "", detail: str = "") -> Receipt | None:
        """None where somebody else was quicker. Another receipt for a purchase that was paid is nobody's to pass over."""
        try:
            return self.resolve(purchase, outcome, receipt=receipt, detail=detail)
        except Failure as failure:
            if failure.code == "purchase_closed" or (failure.code == "idempotency_conflict" and not receipt):
                return None
            raise

    def _intent(self, purchase: str) -> tuple[Intent, str, str, str]:
        """(the intent, its pool, its account's key, the policy's digest), from the record that it was made in."""
        record = self._find(purchase) if purchase.startswith("pur_") else None
        if record is None:
            message = f"there is no purchase `{purchase[:80]}`"
            raise Failure("unknown_purchase", message, help="name one that a top-up has attempted", pointer="/purchase")
        answer = _decode(record.answer)
        pool = next(one for one in answer["pools"] if one.get("purchase", {}).get("id") == purchase)
        bought = pool["purchase"]
        intent = Intent(
            id=purchase,
            tenant=record.key[0],
            account=answer["account"],
            pool=pool["pool"],
            amount=bought["amount"],
            unit=pool["unit"],
            money=bought["money"],
            currency=bought["currency"],
            at=answer["at"],
        )
        return intent, pool["pool"], f"{record.key[0]}/{answer['account']}", answer["policy"]["digest"]

    # ---- commands

    def _run(self, command: Command) -> Receipt:
        done = self._combiner.run(identify(typed(command)))
        return Receipt(done.result(), done.replayed)
