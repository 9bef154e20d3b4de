"""The page of accounts: met as a decision meets them, and shown with what a request would get on the same states.

Nothing is recorded. That display and gate agree is no promise but the same code: `Batch.meet` gives the states, and the
decision is the batch's own preview.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from overspill.decide.admit import begun
from overspill.decide.known import Scene
from overspill.decide.status import account_status
from overspill.plan.plan import Plan
from overspill.records.request import Request
from overspill.records.status import StatusPolicy
from overspill.step.commands import Preview
from overspill.step.keys import identify
from overspill.step.step import Batch, Plans
from overspill.words.codec import Raw, json_bytes
from overspill.words.diagnostics import did_you_mean
from overspill.words.failures import Failure
from overspill.words.instants import instant_text_micros
from overspill.words.names import IDENTIFIER_HELP, is_identifier

PendingOf = Callable[[str], Mapping[str, Decimal]]
"""Account key → pool key → what was captured and is not yet posted."""


def status(
    plans: Plans,
    batch: Batch,
    tenant: str,
    account: Mapping[str, str],
    request: Request | None,
    pending_of: PendingOf,
) -> bytes:
    """The page as JSON, on the states that the batch, of which nothing is committed, meets at its instant. `account` names
    one of each kind at most; a request's own are shown too. Raises Failure."""
    plan = plans.active().plan
    named = _named(plan, account, request)
    keys = {kind: f"{tenant}/{kind}/{id}" for kind, id in named.items()}
    known = [keys.get(kind) for kind in plan.kind_names]
    states = batch.meet(known)
    preview = None if request is None else Preview(tenant=tenant, request=request)
    decision = None if preview is None else Raw(batch.decision(identify(preview), preview).json)
    scene = Scene(
        plan=plan,
        ids=tuple([named.get(kind) for kind in plan.kind_names]),
        accounts=(*states, *batch.members(plan, tenant, states)),
        request=None if request is None else begun(request),
        now=batch.now,
    )
    kinds = [kind.name for kind in (*plan.kinds, *plan.many)]
    accounts = [
        account_status(scene, index, keys[kind], batch.account(keys[kind]), pending_of(keys[kind]))
        for index, kind in enumerate(kinds)
        if kind in keys
    ]
    policy = StatusPolicy(name=plan.name, version=plan.version, digest=plan.digest)
    shown = {"at": instant_text_micros(batch.now), "policy": policy, "accounts": accounts, "decision": decision}
    return json_bytes(shown)


def _named(plan: Plan, account: Mapping[str, str], request: Request | None) -> dict[str, str]:
    """Kind → id. Raises Failure for none, an unknown kind, and two of one kind."""
    named = dict(account)
    kinds = [kind.name for kind in (*plan.kinds, *plan.many)]
    for kind, id in {} if request is None else request.account.items():
        if named.setdefault(kind, id) != id:
            message = f"the request is of another `{kind[:64]}`"
            raise Failure(
                "wrong_account", message, help="look at the account that asks", pointer=f"/account/{kind[:64]}"
            )
    if not named:
        raise Failure("missing_account", "no account is named", help='name one: {"user": "…"}', pointer="/account")
    for kind, id in named.items():
        if kind not in kinds:
            help = did_you_mean(kind, kinds) or f"declared: {', '.join(sorted(kinds))}"
            message = f"the policy declares no account `{kind[:64]}`"
            raise Failure("unknown_account", message, help=help, pointer="/account")
        if not isinstance(id, str) or not is_identifier(id):
            message = f"`{ascii(id)[:60]}` is no identifier"
            raise Failure("invalid_id", message, help=IDENTIFIER_HELP, pointer=f"/account/{kind}")
    return named
