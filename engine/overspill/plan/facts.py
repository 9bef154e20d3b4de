"""The inputs of a decision: what a waterfall reads of the request and of accounts, in the order of its slots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from overspill.plan.functions import ABSENT
from overspill.plan.plan import ROOT, Origin, Scalar, Slot, Waterfall
from overspill.plan.raw import Facts
from overspill.plan.shapes import AccountFacts
from overspill.words.failures import Failure

Accounts = Sequence["AccountFacts | None"]
"""One state for each account kind of the plan, None where the request names no such account; then one for each
many-valued kind, whose attributes are those of all its accounts together, as tuples."""


def read_facts(
    waterfall: Waterfall,
    fields: Mapping[str, Scalar],
    meters: Mapping[str, int],
    ids: Sequence[str | None],
    accounts: Accounts,
) -> Facts:
    """The waterfall's inputs in slot order, defaults filled in. Raises Failure naming the first that is missing."""
    return tuple(read_slot(waterfall, slot, fields, meters, ids, accounts) for slot in waterfall.slots)


def read_slot(
    waterfall: Waterfall,
    slot: Slot,
    fields: Mapping[str, Scalar],
    meters: Mapping[str, int],
    ids: Sequence[str | None],
    accounts: Accounts,
) -> object:
    """One input. Raises Failure when it is missing."""
    name = slot.input.name
    value: object
    match slot.origin:
        case Origin.FIELD:
            if slot.kind != ROOT and ids[slot.kind] is None:
                return ABSENT
            value = fields.get(name, slot.input.default)
        case Origin.METER:
            value = meters.get(name, slot.input.default)
        case Origin.ACCOUNT_ID:
            value = ids[slot.kind]
        case Origin.MEMBERS:
            account = accounts[slot.kind]
            return () if account is None else account.attributes.get(name, ())
        case Origin.ATTRIBUTE:
            account = accounts[slot.kind]
            if account is None:
                return ABSENT
            value = account.attributes.get(name, slot.input.default)
    if value is not None:
        return value
    if slot.input.optional or slot.origin is Origin.ACCOUNT_ID:
        return ABSENT
    raise _missing(waterfall, slot, ids)


def _missing(waterfall: Waterfall, slot: Slot, ids: Sequence[str | None]) -> Failure:
    if slot.origin is Origin.ATTRIBUTE:
        return Failure(
            "missing_attribute",
            f"account `{slot.path.split('.')[0]}` {ids[slot.kind]} has no `{slot.input.name}`, which waterfall `{waterfall.name}` reads",
            help=f"set the attribute `{slot.input.name}` of this account first, or give it a default in the policy",
            pointer="/account",
        )
    what, where = ("meter", "meters") if slot.origin is Origin.METER else ("field", "fields")
    return Failure(
        f"missing_{what}",
        f"the request has no {what} `{slot.input.name}`, which waterfall `{waterfall.name}` reads",
        help=f"send it under `{where}`",
        pointer=f"/{where}/{slot.input.name}",
    )
