"""What changes one account: which one is meant, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping

from overspill.account.effects import Effect
from overspill.plan.plan import AccountKind, Plan
from overspill.words.codec import Struct
from overspill.words.diagnostics import did_you_mean
from overspill.words.failures import Failure
from overspill.words.names import IDENTIFIER, IDENTIFIER_HELP


class Change(Struct, frozen=True):
    effects: Mapping[str, tuple[Effect, ...]]
    """By account key."""
    answer: bytes
    ids: tuple[str, ...] = ()
    """What leads to the record beside its own."""


def one_account(plan: Plan, account: Mapping[str, str]) -> tuple[AccountKind, str]:
    """Its kind, one of the many-valued too, and its id. Raises Failure for none, several, and unknown ones."""
    if len(account) != 1:
        raise Failure("wrong_account", "name exactly one account", help='such as {"user": "u_ana"}', pointer="/account")
    name, id = next(iter(account.items()))
    kinds = (*plan.kinds, *plan.many)
    kind = next((kind for kind in kinds if kind.name == name), None)
    if kind is None:
        known = sorted(kind.name for kind in kinds)
        help = did_you_mean(name, known) or f"declared: {', '.join(known)}"
        raise Failure("unknown_account", f"the policy declares no account `{name[:64]}`", help=help, pointer="/account")
    if not isinstance(id, str) or IDENTIFIER.fullmatch(id) is None:
        message = f"`{ascii(id)[:60]}` is no identifier"
        raise Failure("invalid_id", message, help=IDENTIFIER_HELP, pointer=f"/account/{name}")
    return kind, id
