"""Grants and attributes: what operators change, as effects on one account and an answer."""

from __future__ import annotations

from collections.abc import Callable

from overspill.account.effects import SetAttribute
from overspill.account.state import Account
from overspill.decide.admit import TYPES
from overspill.plan.plan import AccountKind, Input, Instant, Plan
from overspill.plan.shapes import Scalar
from overspill.step.accounts import Change, one_account
from overspill.step.commands import SetAttributes, Value
from overspill.step.keys import Identified
from overspill.step.resets import settled_resets
from overspill.words.amounts import STEPS_MAX, UNLIMITED, AmountError, steps_from_text
from overspill.words.codec import json_bytes
from overspill.words.diagnostics import did_you_mean
from overspill.words.failures import Failure
from overspill.words.instants import InstantError, instant_from_text, instant_text_micros
from overspill.words.names import is_identifier, shown


def attributes(
    plan: Plan, command: SetAttributes, account_of: Callable[[str], Account], identified: Identified, now: int
) -> Change:
    """Attributes of one account, as its declaration types them, and the accounts that it is a member of. Raises Failure
    for unknown names and wrong types.

    A reset's condition asks for the attributes at its instant: those in force are settled in the windows before these
    attributes are no more (LANGUAGE.md W6)."""
    kind, id = one_account(plan, command.account)
    key = f"{command.tenant}/{kind.name}/{id}"
    memberships = {many.name for many in plan.many if many.of == kind.name}
    changed = [
        SetAttribute(name, _members(name, value) if name in memberships else _attribute(kind, name, value))
        for name, value in command.attributes.items()
    ]
    answer = {
        "set": identified.id,
        "at": instant_text_micros(now),
        "account": f"{kind.name}/{id}",
        "attributes": dict(command.attributes),
        "actor": command.actor,
    }
    account = account_of(key)
    effects = (*settled_resets(plan, kind.name, key, account, now), *changed)
    return Change({key: effects}, json_bytes(answer))


def _members(name: str, value: Value | None) -> tuple[str, ...] | None:
    """Ids in their order, each once."""
    if value is None:
        return None
    if not isinstance(value, tuple | list) or not all(map(is_identifier, value)):
        help = "send a list of ids"
        raise Failure("invalid_attribute", f"`{name}` are accounts", help=help, pointer=f"/attributes/{name}")
    return tuple(sorted(set(value)))


def _attribute(kind: AccountKind, name: str, value: Value | None) -> Scalar | None:
    declared = kind.attributes.get(name)
    pointer = f"/attributes/{name}"
    if declared is None:
        help = did_you_mean(name, kind.attributes) or f"declared: {', '.join(sorted(kind.attributes))}"
        raise Failure(
            "unknown_attribute", f"account `{kind.name}` declares no `{name[:64]}`", help=help, pointer=pointer
        )
    if value is None:
        return None
    if isinstance(value, tuple | list):
        raise Failure("invalid_attribute", f"`{name}` is one value", help="send it as declared", pointer=pointer)
    if declared.unit is not None:
        return _amount(declared, value, pointer)
    if declared.type is Instant:
        return _instant(declared, value, pointer)
    wrong = type(value) is not declared.type
    if wrong or (isinstance(value, str) and not (len(value) <= 256 and value.isprintable())) or value_overflows(value):
        raise Failure(
            "invalid_attribute",
            f"`{name}` is {shown(value)}, not {TYPES[declared.type]}",
            help="send it as the policy declares it",
            pointer=pointer,
        )
    return value


def _instant(declared: Input, value: Scalar, pointer: str) -> int:
    try:
        return instant_from_text(str(value))
    except InstantError as error:
        raise Failure("invalid_attribute", f"`{declared.name}`: {error}", help=error.help, pointer=pointer) from None


def value_overflows(value: Scalar) -> bool:
    return isinstance(value, int) and not -STEPS_MAX <= value <= STEPS_MAX


def _amount(declared: Input, value: Scalar, pointer: str) -> int:
    assert declared.unit is not None
    if not isinstance(value, str):
        raise Failure("invalid_attribute", f"`{declared.name}` is an amount", help="send decimal text", pointer=pointer)
    if value == "unlimited":
        return UNLIMITED
    try:
        return steps_from_text(value, declared.unit)
    except AmountError as error:
        raise Failure("invalid_attribute", str(error), help="send decimal text", pointer=pointer) from None
