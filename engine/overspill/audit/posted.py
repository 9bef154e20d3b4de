"""What is posted, against what the journal says must be: transactions and balances (LED1, LED3, LED4, LED11, LED13).

Balances are the fold of the transactions as they are written, right or wrong: what is on the wrong side is seen there even
where journal and postings agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from overspill.audit.amounts import Amounts, add, amount_of, amount_text
from overspill.audit.chart import CLASSES, Place, kept_on, owner_of, route_of
from overspill.audit.findings import Findings
from overspill.audit.shapes import Balance, Transaction
from overspill.audit.work import Work

CODES = {
    "lot": "LED2",
    "hold": "LED2",
    "debt": "LED2",
    "breakage": "LED2",
    "usage": "LED6",
    "overage": "LED6",
    "writeoff": "LED6",
    "win": "LED9",
    "cap": "LED9",
    "issuance": "LED11",
}
"""Which invariant is hurt by another amount than the journal's in an account of this class; of money LED13."""


class Posted:
    """One tenant's balances, by the transactions so far."""

    def __init__(self, tenant: str, found: Findings) -> None:
        self.tenant, self.found = tenant, found
        self.balances: dict[Place, int] = {}
        self.legs = 0
        self._holds: dict[str, dict[Place, int]] = {}
        """Hold that is not over → what its accounts have."""

    def compare(self, work: Work, posted: Transaction | None) -> None:
        """One record's transaction against what it must be."""
        expected = work.moves
        if posted is None:
            if expected:
                what = "is not posted"
                self.found.add("missing", "LED5", work.record.id, what, _moved(expected), entries=1)
            return
        self.legs += len(posted.legs)
        if posted is work.transaction:  # to the byte
            self._post(work, expected)
            return
        deltas = self._deltas(posted)
        if not expected and not deltas:
            self.found.add("orphan", "LED5", work.record.id, "is posted, and moves nothing")
        elif deltas != expected:
            self._another(work.record.id, deltas, expected)
        self._header(work, posted)
        self._post(work, deltas)

    def take(self, posted: Transaction | None) -> None:
        """The transaction of a record that cannot be understood."""
        if posted is not None:
            self.legs += len(posted.legs)
            self._fold(self._deltas(posted))

    def orphan(self, posted: Transaction) -> None:
        """A transaction of no record is part of the balances all the same."""
        self.legs += len(posted.legs)
        deltas = self._deltas(posted)
        self.found.add(
            "orphan", "LED5", posted.record, "is posted, and no record says so", _moved(deltas), seq=posted.seq
        )
        self._fold(deltas)

    def _deltas(self, posted: Transaction) -> dict[Place, int]:
        found: dict[Place, int] = {}
        for leg in posted.legs:
            route = route_of((leg.debit, leg.credit, leg.asset))
            try:
                amount = amount_of(leg.amount)
            except ValueError:
                amount = 0
            if amount <= 0 or not route.is_open:
                what = f"moves `{leg.amount[:40]}` {leg.asset} from {leg.debit} to {leg.credit}"
                self.found.add("amount", "LED1", posted.record, what, [(leg.asset, amount)])
            found[route.debit] = found.get(route.debit, 0) - amount
            found[route.credit] = found.get(route.credit, 0) + amount
        return found if all(found.values()) else {place: amount for place, amount in found.items() if amount}

    def _another(self, id: str, deltas: Mapping[Place, int], expected: Mapping[Place, int]) -> None:
        wrong = {
            place: deltas.get(place, 0) - expected.get(place, 0)
            for place in dict.fromkeys((*expected, *deltas))
            if deltas.get(place, 0) != expected.get(place, 0)
        }
        shown = [
            f"{amount_text(deltas.get(place, 0))} instead of {amount_text(expected.get(place, 0))} {place[1]} at {place[0]}"
            for place in list(wrong)[:4]
        ]
        code = next((CODES[name] for name in (place[0].partition(":")[0] for place in wrong) if name in CODES), "LED13")
        self.found.add("amount", code, id, "posts " + ", ".join(shown), _moved(wrong))

    def _header(self, work: Work, posted: Transaction) -> None:
        record = work.record
        if (
            posted.seq == record.seq
            and posted.key == record.key
            and posted.record == record.id
            and posted.kind == record.key[2]
            and posted.cause == work.cause
            and posted.policy == work.policy
            and posted.version == work.version
            and posted.rate_card == work.rate_card
            and posted.at == record.at
            and posted.effective_at == work.effective_at
            and posted.hold == work.hold
            and posted.hold_state == work.hold_state
            and posted.opened == work.opened
        ):
            return
        pairs = (
            ("record", posted.record, record.id),
            ("seq", posted.seq, record.seq),
            ("kind", posted.kind, record.key[2]),
            ("key", posted.key, record.key),
            ("cause", posted.cause, work.cause),
            ("policy", posted.policy, work.policy),
            ("version", posted.version, work.version),
            ("rate_card", posted.rate_card, work.rate_card),
            ("at", posted.at, record.at),
            ("effective_at", posted.effective_at, work.effective_at),
            ("opened", posted.opened, work.opened),
            ("hold", posted.hold, work.hold),
            ("hold_state", posted.hold_state, work.hold_state),
        )
        for name, is_so, must_be in pairs:
            if is_so != must_be:
                code = "LED4" if name in ("hold", "hold_state") else "LED5"
                self.found.add("differs", code, record.id, f"says {name} {_shown(is_so)}, the record {_shown(must_be)}")

    def _post(self, work: Work, deltas: Mapping[Place, int]) -> None:
        for place, after in self._fold(deltas):
            what = f"leaves {amount_text(after)} {place[1]} in {place[0]}"
            self.found.add("amount", "LED3", work.record.id, what, [(place[1], after)])
        if work.hold_state in ("late", "over"):
            hold = work.hold or ""
            kept = self._holds.pop(hold, None) if work.hold_state == "over" else self._holds.get(hold)
            left = {place: amount for place, amount in (kept or {}).items() if amount}
            if left:
                shown = ", ".join(
                    f"{amount_text(amount)} {asset} at {account}" for (account, asset), amount in left.items()
                )
                what = f"leaves hold {hold}, which is over or has timed out, with {shown}"
                self.found.add(
                    "amount", "LED4", work.record.id, what, [(asset, amount) for (_, asset), amount in left.items()]
                )

    def _fold(self, deltas: Mapping[Place, int]) -> list[tuple[Place, int]]:
        """Adds to the balances; gives those that are on the wrong side then."""
        balances = self.balances
        wrong: list[tuple[Place, int]] = []
        for place, amount in deltas.items():
            account = place[0]
            after = balances.get(place, 0) + amount
            side, hold = kept_on(account)
            if after:
                balances[place] = after
                if after * side < 0:
                    wrong.append((place, after))
            else:
                balances.pop(place, None)
            if hold:
                self._holds.setdefault(hold, {})[place] = after
        return wrong


def _moved(deltas: Mapping[Place, int]) -> Iterator[tuple[str, int]]:
    """How much of each asset is where it should not be: half of what all accounts are away from theirs, rounded up."""
    totals: Amounts = {}
    for (_, asset), amount in deltas.items():
        add(totals, asset, abs(amount))
    return ((asset, -(-total // 2)) for asset, total in totals.items())


def _shown(value: object) -> str:
    return f"`{str(value)[:120]}`"


def compare_stored(posted: dict[str, Posted], stored: Iterable[Balance], found: Findings, counted: list[int]) -> None:
    """LED11 and LED15: the trial balance as it is stored is the fold of the transactions, and adds up to nothing."""
    left = {(tenant, *place): amount for tenant, one in posted.items() for place, amount in one.balances.items()}
    totals: dict[Place, int] = {}
    before: tuple[str, str, str] | None = None
    for row in stored:
        counted[0] += 1
        tenant = row.owner.partition("/")[0]
        place = (row.account, row.asset)
        try:
            amount = amount_of(row.amount)
        except ValueError:
            found.add("malformed", "LED15", row.account, f"has `{row.amount[:40]}` {row.asset}, which is no amount")
            continue
        own = (row.owner, row.account, row.asset)
        if before is not None and own <= before:
            klass = "duplicate" if own == before else "order"
            found.add(klass, "LED15", row.account, f"stands behind {before[1]} of {before[0]}")  # type: ignore[arg-type]
        before = own
        totals[tenant, row.asset] = totals.get((tenant, row.asset), 0) + amount
        expected = left.pop((tenant, *place), None)
        if expected is None:
            what = f"is stored with {row.amount} {row.asset}, and nothing was posted there"
            found.add("orphan", "LED15", row.account, what, [(row.asset, amount)])
        elif expected != amount:
            what = f"is stored with {row.amount} {row.asset}, its transactions come to {amount_text(expected)}"
            found.add("amount", "LED15", row.account, what, [(row.asset, amount - expected)])
        if row.owner != owner_of(tenant, row.account):
            found.add("differs", "LED15", row.account, f"is stored as of {row.owner}")
        if row.account.partition(":")[0] not in CLASSES:
            found.add("orphan", "LED11", row.account, "is no account of the chart", [(row.asset, amount)])
    for (_, account, asset), amount in left.items():
        what = f"has {amount_text(amount)} {asset} by its transactions, and no balance is stored"
        found.add("missing", "LED15", account, what, [(asset, amount)])
    for (tenant, asset), total in totals.items():
        if total:
            found.add(
                "amount", "LED11", asset, f"does not add up to 0 in the trial balance of {tenant}", [(asset, total)]
            )
