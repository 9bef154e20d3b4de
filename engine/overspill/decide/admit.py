"""A request as it came → a request that a plan can run: declared fields of the right type, whole meters, known accounts.

Everything wrong with a request is a Failure that names the place (a JSON Pointer) and the remedy; nothing has
happened then (LANGUAGE.md section 5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from overspill.decide.bounds import bounds_of
from overspill.decide.shapes import METER_BITS, ids_of, is_text, learn
from overspill.plan.evaluate import test
from overspill.plan.facts import Accounts, read_facts
from overspill.plan.interpret import Bounds
from overspill.plan.plan import ROOT, Plan, Scalar, Waterfall
from overspill.records.request import Request
from overspill.words.codec import Light, replace
from overspill.words.diagnostics import did_you_mean
from overspill.words.failures import Failure
from overspill.words.initiators import DEFAULT_INITIATOR, INITIATOR, INITIATORS
from overspill.words.names import IDENTIFIER_HELP, is_identifier, shown

TYPES = {str: "a string of at most 256 printable characters", int: "a whole number", bool: "true or false"}
"""What fields and attributes are, to whoever sends them."""


class Admitted(Light, frozen=True):
    """`ids` has one account id for each kind of the plan, None where the request names none;
    `bounds` is None where the request sets itself none."""

    request: Request
    ids: tuple[str | None, ...]
    bounds: Bounds | None = None


def admit(plan: Plan, request: Request) -> Admitted:
    """Checks everything that needs no account's state, but for the request's id, which its identity is made of. Raises
    Failure."""
    ids = ids_of(plan, request) or _examined(plan, request)
    if request.initiator != DEFAULT_INITIATOR:  # which is what facts have where nothing is said
        request = begun(request)
    if request.only is None and request.max_charge is None and request.at_least is None:
        return Admitted(request, ids)
    return Admitted(request, ids, bounds_of(plan, request))


def _examined(plan: Plan, request: Request) -> tuple[str | None, ...]:
    """The account ids of a request whose names and values are all looked at one by one. Raises Failure."""
    admit_fields(plan, request.fields)
    if request.initiator != DEFAULT_INITIATOR:
        begun(request)
    admit_meters(plan, request.meters)
    ids = account_ids(plan, request.account)
    learn(plan, request)
    return ids


def begun(request: Request) -> Request:
    """The request with its initiator among its fields, as conditions read it. Raises Failure for a word that is none."""
    if request.initiator not in INITIATORS:
        raise Failure(
            "invalid_initiator",
            f"{shown(request.initiator)} is no initiator",
            help=f"use one of {', '.join(INITIATORS)}",
            pointer="/initiator",
        )
    return replace(request, fields={**request.fields, INITIATOR: request.initiator})


def account_ids(plan: Plan, account: Mapping[str, str]) -> tuple[str | None, ...]:
    """The account ids in the order of the plan's kinds. Raises Failure for unknown kinds, or when the root is absent."""
    known = plan.kind_names
    for kind, id in account.items():
        if kind not in known:
            raise _unknown("account", kind, known, "/account")
        if type(id) is not str or not is_identifier(id):
            raise _no_identifier(id, f"/account/{kind}", f"{kind} id")
    if known[ROOT] not in account:
        raise Failure(
            "missing_account",
            f"the request names no `{known[ROOT]}`",
            help=f'send "account": {{"{known[ROOT]}": "…"}}',
            pointer="/account",
        )
    return tuple(map(account.get, known))


def admit_fields(plan: Plan, fields: Mapping[str, Scalar]) -> None:
    """Each field is declared and of its type."""
    declared = plan.field_types
    for name, value in fields.items():
        if declared.get(name) is not type(value) or (type(value) is str and not is_text(value)):
            raise _wrong_field(plan, name, value)


def _wrong_field(plan: Plan, name: str, value: Scalar) -> Failure:
    input = plan.fields.get(name)
    if input is None and name in plan.meters:
        what = f"`{name}` is a meter, not a field"
        return Failure("unknown_field", what, help="send it under `meters`", pointer=f"/fields/{name}")
    if input is None:
        return _unknown("field", name, plan.fields, f"/fields/{name}")
    return Failure(
        "invalid_field",
        f"field `{name}` is {shown(value)}, not {TYPES[input.type]}",
        help="send it as the policy declares it",
        pointer=f"/fields/{name}",
    )


def admit_meters(plan: Plan, meters: Mapping[str, int]) -> None:
    """Each meter is declared, whole, and between 0 and 2^63 - 1."""
    declared = plan.meters
    for name, value in meters.items():
        if name not in declared:
            raise _unknown("meter", name, declared, f"/meters/{name}")
        if type(value) is not int or not 0 <= value < 2**METER_BITS:
            raise Failure(
                "invalid_meter",
                f"meter `{name}` is {shown(value)}, not a whole number from 0 to 2^63 - 1",
                help="send the quantity as an integer",
                pointer=f"/meters/{name}",
            )


def waterfall_of(plan: Plan, admitted: Admitted, accounts: Accounts) -> int:
    """The index of the waterfall that serves the request. Raises Failure `not_served` when none does."""
    dispatch = plan.dispatch
    fields = admitted.request.fields
    candidates: Sequence[int] = dispatch.always
    if dispatch.field is not None:
        value = fields.get(dispatch.field)
        found = dispatch.by_value.get(value, ()) if isinstance(value, str) else ()
        candidates = (*found, *candidates) if candidates else found
    for index in candidates:
        waterfall = plan.waterfalls[index]
        if waterfall.serves is None or _serves(waterfall, admitted, accounts):
            return index
    raise _not_served(plan, fields)


def _serves(waterfall: Waterfall, admitted: Admitted, accounts: Accounts) -> bool:
    assert waterfall.serves is not None
    request = admitted.request
    facts = read_facts(waterfall, request.fields, request.meters, admitted.ids, accounts)
    return test(waterfall.serves, facts) is True


def _not_served(plan: Plan, fields: Mapping[str, Scalar]) -> Failure:
    field = plan.dispatch.field
    if field is None:
        return Failure(
            "not_served",
            "no waterfall of the policy serves this request",
            help="its fields meet no `serves` condition",
            pointer="/fields",
        )
    known = sorted(plan.dispatch.by_value)
    if field not in fields:
        return Failure(
            f"missing_{field}",
            f"the request has no field `{field}`, by which the policy chooses a waterfall",
            help=f"known: {', '.join(known)}",
            pointer=f"/fields/{field}",
        )
    value = str(fields[field])
    return Failure(
        f"unknown_{field}",
        f"no waterfall of the policy serves `{field}` {shown(value)}",
        help=did_you_mean(value, known) or f"known: {', '.join(known[:20])}",
        pointer=f"/fields/{field}",
    )


def _no_identifier(text: object, pointer: str, what: str) -> Failure:
    return Failure(
        "invalid_id",
        f"{what} {shown(text)} is no identifier",
        help=IDENTIFIER_HELP,
        pointer=pointer,
    )


def _unknown(
    what: str, name: str, known: Sequence[str] | Mapping[str, object] | frozenset[str], pointer: str
) -> Failure:
    help = did_you_mean(name, known) or f"declared: {', '.join(sorted(known)) or 'none'}"
    return Failure(f"unknown_{what}", f"the policy declares no {what} `{name[:64]}`", help=help, pointer=pointer)
