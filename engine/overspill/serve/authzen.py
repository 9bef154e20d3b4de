"""The AuthZEN Authorization API 1.0 (OpenID, final): evaluations, the search for actions, and what is offered.

An evaluation is a preview, and changes nothing, unless it says otherwise under `context.overspill`. Subjects and
resources are not searched: their endpoints are left out of the metadata, as that standard says it of what a decision
point does not offer, and are not there (404).
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

from overspill.plan.plan import Plan
from overspill.records.answers import Decision
from overspill.serve.authzen_answers import AS_400, evaluation_of, failed, outcome_of
from overspill.serve.authzen_mapping import Asked, asked, placed
from overspill.serve.authzen_metadata import METADATA
from overspill.serve.authzen_search import SEARCH
from overspill.serve.authzen_shapes import (
    Evaluation,
    EvaluationBody,
    Evaluations,
    EvaluationsBody,
    Semantic,
)
from overspill.serve.call import REPLAYED, Call, Operation, Reply
from overspill.serve.deciding import all_decided, decided
from overspill.serve.problems import told
from overspill.serve.reading import HELP, object_from, shaped
from overspill.words.codec import json_bytes
from overspill.words.failures import Failure

ENTITIES = ("subject", "action", "resource")
REQUIRED = ("type", "id", "name")
"""What an evaluation of a batch takes from the batch's entity where its own leaves it out."""
STOPS: dict[Semantic, bool | None] = {
    "execute_all": None,
    "deny_on_first_deny": False,
    "permit_on_first_permit": True,
}
"""The decision that ends a batch."""


async def evaluation(call: Call) -> Reply:
    return _reply(await _one(call, object_from(call.body, fractions=True)))


async def evaluations(call: Call) -> Reply:
    value = object_from(call.body, fractions=True)
    items, most = value.pop("evaluations", []), call.service.limits.batch
    if not isinstance(items, list):
        raise Failure("invalid_request", "`evaluations` is no list", help=HELP, pointer="/evaluations")
    if not items:
        return _reply(await _one(call, value))
    defaults = shaped(value, EvaluationsBody)
    if len(items) > most:
        what = f"a batch has {most} evaluations at most, this one {len(items)}"
        raise Failure("batch_too_long", what, help="send several batches", pointer="/evaluations")
    if call.key:
        help = "leave the header out: `context.overspill.id` of each evaluation is its key"
        raise Failure("invalid_request", "a batch has no Idempotency-Key of its own", help=help)
    found = await _many(call, items, value, STOPS[defaults.options.evaluations_semantic])
    outcomes = tuple([outcome for one in found if (outcome := outcome_of(one))])
    return Reply(json_bytes(Evaluations(evaluations=tuple(found))), outcomes=outcomes)


def _reply(one: Evaluation) -> Reply:
    outcome = outcome_of(one)
    headers = (REPLAYED,) if one.context.replayed else ()
    outcomes = (outcome,) if outcome else ()
    return Reply(json_bytes(one), headers=headers, outcomes=outcomes, decision=one.context.evaluation_id)


async def _one(call: Call, value: dict[str, Any]) -> Evaluation:
    plan = call.engine.policies.active().plan
    one = asked(plan, shaped(value, EvaluationBody), call.key)
    try:
        decision = await decided(call, one.mode, one.request)
    except Failure as failure:
        raise placed(failure, one.places) from None
    return evaluation_of(decision, one.mode, plan)


# ---- many


async def _many(call: Call, items: list[Any], defaults: dict[str, Any], stop: bool | None) -> list[Evaluation]:
    """In order: all of them, or up to the first whose decision is `stop`; what lies behind it is not decided."""
    plan = call.engine.policies.active().plan
    read = [_read(plan, item, defaults) for item in items]
    found: list[Evaluation] = []
    if stop is None:
        for _, group in groupby(read, key=lambda one: one.mode if isinstance(one, Asked) else ""):
            found += await _all_of(call, plan, list(group))
        return found
    for one in read:
        found += await _all_of(call, plan, [one])
        if found[-1].decision is stop:
            break
    return found


async def _all_of(call: Call, plan: Plan, group: list[Asked | Failure]) -> list[Evaluation]:
    """Those that are asked in one way, together."""
    one_way = [one for one in group if isinstance(one, Asked)]
    done = iter(await _decisions(call, one_way) if one_way else ())
    found = []
    for one in group:
        result = one if isinstance(one, Failure) else next(done)
        if isinstance(result, Decision):
            assert isinstance(one, Asked)
            found.append(evaluation_of(result, one.mode, plan))
        else:
            places = one.places if isinstance(one, Asked) else {}
            found.append(failed(placed(told(result, call.request_id), places)))
    return found


async def _decisions(call: Call, group: list[Asked]) -> list[Decision | Failure]:
    try:
        return await all_decided(call, group[0].mode, [one.request for one in group])
    except Failure as failure:
        return [failure] * len(group)


def _read(plan: Plan, item: Any, defaults: dict[str, Any]) -> Asked | Failure:
    try:
        if not isinstance(item, dict):
            raise Failure("invalid_request", "an evaluation is a JSON object", help=HELP)
        return asked(plan, shaped(_merged(item, defaults), EvaluationBody), "")
    except Failure as failure:
        return failure


def _merged(item: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """An entity of the item stands for the whole of the default's, but for what every such entity must have."""
    merged = {**defaults, **item}
    for name in ENTITIES:
        own, default = item.get(name), defaults.get(name)
        if isinstance(own, dict) and isinstance(default, dict):
            merged[name] = {**{key: default[key] for key in REQUIRED if key in default}, **own}
    return merged


OPERATIONS = (
    Operation(
        id="authzen_evaluation",
        method="POST",
        path="/access/v1/evaluation",
        tag="AuthZEN",
        summary="Evaluate whether a subject may do something (AuthZEN 1.0)",
        about=(
            "A preview, unless `context.overspill.mode` says `consume` or `reserve`; then it needs a key, in the header or as "
            "`context.overspill.id`. How much is granted, from where, and what would help stands in the answer's context."
        ),
        scope="decide",
        body=EvaluationBody,
        answer=Evaluation,
        keyed="maybe",
        problems=(409,),
        as_400=AS_400,
        act=evaluation,
    ),
    Operation(
        id="authzen_evaluations",
        method="POST",
        path="/access/v1/evaluations",
        tag="AuthZEN",
        summary="Evaluate many at once, with defaults (AuthZEN 1.0)",
        about="Each previews the accounts as they are: what one would use is still there for the next. None, or an empty list, is one.",
        scope="decide",
        body=EvaluationsBody,
        answer={"anyOf": [Evaluations, Evaluation]},
        keyed="maybe",
        problems=(409,),
        as_400=AS_400,
        act=evaluations,
    ),
    SEARCH,
    METADATA,
)
