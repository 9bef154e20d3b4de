"""An AuthZEN evaluation → a request of this product. One rule, which needs nothing but what the policy declares:

1. The subject is an account: its type the kind, its id the id. A further kind that the policy declares is named among
   the subject's properties, or in the context.
2. The resource's id goes into the field that is called as the resource's type, where the policy declares one.
3. The action's name goes into the field that the waterfalls are told apart by; where there is none, or the resource has
   taken it, into a field `action`; where there is none either, the one action is called `use`.
4. Every other field and every meter is looked for by its name: among the properties of the action, of the resource, of
   the subject, then in the context. What the policy does not declare is not read.
5. `context.overspill` says any of it as `/v1/decisions` takes it, and goes before what is found elsewhere; what the
   subject, the action and the resource say by themselves it cannot contradict.

Failures name the place in the body that was sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from overspill.plan.plan import Plan
from overspill.records.request import Request
from overspill.records.wire import meter_of
from overspill.serve.asked import PREVIEWED
from overspill.serve.authzen_shapes import OVERSPILL, EvaluationBody, NativeParts
from overspill.serve.deciding import Mode
from overspill.serve.reading import shaped
from overspill.words.codec import Struct
from overspill.words.failures import Failure
from overspill.words.names import shown

ACTION, USE = "action", "use"
"""The field of an action's name that the policy does not choose by, and the action's name where there is no field."""
OWN = f"/context/{OVERSPILL}"


class Asked(Struct, frozen=True):
    """`places`: pointer in the request → pointer in the body that it came from."""

    mode: Mode
    request: Request
    places: Mapping[str, str]


def asked(plan: Plan, said: EvaluationBody, key: str) -> Asked:
    """The request; `key` is the Idempotency-Key or empty. Raises Failure."""
    own = own_parts(said.context)
    places: dict[str, str] = {}
    request = Request(
        id=_id(own, key),
        account=_account(plan, said, own, places),
        fields=_fields(plan, said, own, places),
        meters=_meters(plan, said, own, places),
        initiator=own.initiator,
        only=own.only,
        max_charge=own.max_charge,
        at_least=own.at_least,
    )
    return Asked(own.mode, request, places)


def action_field(plan: Plan, resource: str) -> str | None:
    """The field of the action's name, for resources of this type; None: there is none."""
    field = plan.dispatch.field
    if field is not None and field != resource:
        return field
    return ACTION if ACTION in plan.fields and resource != ACTION else None


def placed(failure: Failure, places: Mapping[str, str]) -> Failure:
    """The failure with its place in the body that was sent."""
    pointer = failure.pointer
    if pointer is None or isinstance(failure, _Here):
        return failure
    found = places.get(pointer)
    if found is None:
        part, _, name = pointer[1:].partition("/")
        if part in ("fields", "meters") and name:
            found = f"/action/properties/{name}"
            if failure.code in ("missing_field", "missing_meter"):
                failure.help = f"send it among the action's properties, or in `context.overspill.{part}`"
        else:
            found = "/subject" if part == "account" else f"{OWN}{pointer}"
    failure.pointer = found
    return failure


class _Here(Failure):
    """Its pointer is already one into the body."""


def own_parts(context: Mapping[str, Any]) -> NativeParts:
    """What the context says as this product takes it. Raises Failure."""
    own = context.get(OVERSPILL, {})
    if not isinstance(own, dict):
        raise _Here("invalid_request", f"`context.{OVERSPILL}` is no object", help="see /openapi.json", pointer=OWN)
    try:
        return shaped(own, NativeParts)
    except Failure as failure:
        raise _Here(failure.code, failure.message, help=failure.help, pointer=f"{OWN}{failure.pointer or ''}") from None


def _id(own: NativeParts, key: str) -> str:
    """Which is the idempotency key: of the header, or in the context."""
    if key and own.id is not None and own.id != key:
        what = "`id` is not the Idempotency-Key"
        raise _Here("invalid_request", what, help="leave it out, or send the same", pointer=f"{OWN}/id")
    if key or own.id is not None:
        return key or own.id or ""
    if own.mode != "preview":
        help = f"send the header Idempotency-Key, or `context.{OVERSPILL}.id`: the same when you send it again"
        raise _Here("missing_idempotency_key", f"to {own.mode} needs a key", help=help)
    return PREVIEWED


# ---- who


def _account(plan: Plan, said: EvaluationBody, own: NativeParts, places: dict[str, str]) -> dict[str, str]:
    kind, id = said.subject.type, said.subject.id
    _same(own.account.get(kind), id, f"{OWN}/account/{kind}", "subject")
    account = {kind: id}
    places[f"/account/{kind}"] = "/subject/id"
    for name, one in own.account.items():
        account.setdefault(name, one)
        places.setdefault(f"/account/{name}", f"{OWN}/account/{name}")
    sources = (("/subject/properties", said.subject.properties), ("/context", said.context))
    for name in plan.kind_names:
        for place, source in sources:
            if name not in account and source.get(name) is not None:
                account[name] = source[name]
                places[f"/account/{name}"] = f"{place}/{name}"
    return account


# ---- what


def _fields(plan: Plan, said: EvaluationBody, own: NativeParts, places: dict[str, str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value, place in _named(plan, said):
        _same(own.fields.get(name), value, f"{OWN}/fields/{name}", place[1:].partition("/")[0])
        fields[name] = value
        places[f"/fields/{name}"] = place
    for name in own.fields:
        if name not in fields:
            fields[name] = own.fields[name]
            places[f"/fields/{name}"] = f"{OWN}/fields/{name}"
    for name in plan.fields:
        if name not in fields and (found := _found(said, name)) is not None:
            fields[name], places[f"/fields/{name}"] = found
    return fields


def _named(plan: Plan, said: EvaluationBody) -> Iterator[tuple[str, str, str]]:
    """(field, value, place) of what the resource and the action are called."""
    if said.resource.type in plan.fields:
        yield said.resource.type, said.resource.id, "/resource/id"
    field = action_field(plan, said.resource.type)
    if field is not None:
        yield field, said.action.name, "/action/name"
    elif said.action.name != USE:
        what = f"the policy knows no action {shown(said.action.name)}"
        help = f"use `{USE}`, or declare a field `{ACTION}`"
        raise _Here("unknown_action", what, help=help, pointer="/action/name")


def _meters(plan: Plan, said: EvaluationBody, own: NativeParts, places: dict[str, str]) -> dict[str, int]:
    meters = {name: meter_of(name, value) for name, value in own.meters.items()}
    places.update({f"/meters/{name}": f"{OWN}/meters/{name}" for name in meters})
    for name in sorted(plan.meters):
        if name not in meters and (found := _found(said, name)) is not None:
            value, places[f"/meters/{name}"] = found
            meters[name] = meter_of(name, value)
    return meters


def _found(said: EvaluationBody, name: str) -> tuple[Any, str] | None:
    """(value, place) of what is called so."""
    for place, source in (
        ("/action/properties", said.action.properties),
        ("/resource/properties", said.resource.properties),
        ("/subject/properties", said.subject.properties),
        ("/context", said.context),
    ):
        if source.get(name) is not None:
            return source[name], f"{place}/{name}"
    return None


def _same(own: object, said: str, pointer: str, what: str) -> None:
    if own is not None and own != said:
        raise _Here("invalid_request", f"it contradicts the {what}", help="leave it out", pointer=pointer)
