"""The search for actions: what may this subject do now with this resource, and how much of it.

The actions are the values that the policy's waterfalls are told apart by. One is found where the request that it makes
would be granted; where what was asked does not say how much it uses, where anything is left. Pages go on behind a name, so that
they meet whatever has changed in between.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from hashlib import sha256

from overspill.plan.plan import Plan
from overspill.runtime.engine import Engine
from overspill.serve.authzen_answers import AS_400, error_of
from overspill.serve.authzen_mapping import USE, action_field, asked, own_parts, placed
from overspill.serve.authzen_shapes import (
    OVERSPILL,
    Action,
    ActionSearchAnswer,
    ActionSearchBody,
    EvaluationBody,
    FoundAction,
    FoundProperties,
    HowMuch,
    Properties,
    SearchContext,
    SearchPage,
    Undecided,
)
from overspill.serve.call import Call, Operation, Reply
from overspill.serve.reading import object_from, shaped
from overspill.serve.threads import blocking
from overspill.words.codec import json_bytes, sorted_json_bytes
from overspill.words.failures import Failure, StoreFailure

PAGE_MAX = 100
NOTHING = "0"


def search(call: Call) -> Reply:
    """What may be done, in the order of names; what cannot be decided stands beside it."""
    body = shaped(object_from(call.body, fractions=True), ActionSearchBody)
    limit, after = _page(body)
    context = _looking(body.context)
    plan = call.engine.policies.active().plan
    found: list[FoundAction] = []
    undecided: list[Undecided] = []
    for name in _actions(plan, body.resource.type):
        said = EvaluationBody(subject=body.subject, action=Action(name=name), resource=body.resource, context=context)
        try:
            how_much = _how_much(call.engine, plan, said)
        except StoreFailure:
            raise
        except Failure as failure:
            undecided.append(Undecided(name=name, error=error_of(failure)))
            continue
        if how_much is not None:
            found.append(FoundAction(name=name, properties=FoundProperties(overspill=how_much)))
    behind = [one for one in found if one.name > after]
    page = tuple(behind[:limit])
    token = _token(body, limit, page[-1].name if page else after) if len(behind) > len(page) else ""
    return Reply(
        json_bytes(
            ActionSearchAnswer(
                page=SearchPage(next_token=token, count=len(page), total=len(found)),
                context=SearchContext(undecided=tuple(undecided)) if undecided else None,
                results=page,
            )
        )
    )


def _looking(context: Properties) -> Properties:
    """The context of who only looks, whatever it says of how to decide. Raises Failure."""
    own_parts(context)
    own = {name: value for name, value in context.get(OVERSPILL, {}).items() if name not in ("mode", "id")}
    return {**context, OVERSPILL: own}


def _actions(plan: Plan, resource: str) -> Sequence[str]:
    """All that the policy knows, in their order."""
    field = action_field(plan, resource)
    if field is None:
        return (USE,)
    return sorted(plan.dispatch.by_value) if field == plan.dispatch.field else ()


def _how_much(engine: Engine, plan: Plan, said: EvaluationBody) -> HowMuch | None:
    """None where it would be denied. Raises Failure for what the request lacks."""
    one = asked(plan, said, "")
    try:
        available = engine.available(one.request)
        try:
            permitted = engine.preview(one.request).allowed
        except Failure as failure:
            if failure.code != "missing_meter":
                raise
            permitted = available.available != NOTHING
    except Failure as failure:
        raise placed(failure, one.places) from None
    return HowMuch(available=available.available, unit=available.unit) if permitted else None


# ---- pages


def _page(body: ActionSearchBody) -> tuple[int, str]:
    """(how many, behind which name). Raises Failure."""
    limit = body.page.limit
    if limit is not None and limit < 0:
        raise Failure("invalid_request", "`limit` is below nothing", help="send 1 or more", pointer="/page/limit")
    if not body.page.token:
        return PAGE_MAX if limit is None else min(limit, PAGE_MAX), ""
    try:
        text = urlsafe_b64decode(body.page.token.encode("ascii")).decode()
        digest, before, after = text.split(".", 2)
        size = int(before)
    except ValueError:
        raise _wrong_token("no token of this service") from None
    if not 0 <= size <= PAGE_MAX or digest != _digest(body) or (limit is not None and min(limit, PAGE_MAX) != size):
        raise _wrong_token("of another search")
    return size, after


def _token(body: ActionSearchBody, limit: int, after: str) -> str:
    """Opaque to who gets it: what was asked, how many a page, behind which name."""
    return urlsafe_b64encode(f"{_digest(body)}.{limit}.{after}".encode()).decode()


def _digest(body: ActionSearchBody) -> str:
    return sha256(sorted_json_bytes([body.subject, body.resource, body.context])).hexdigest()[:32]


def _wrong_token(what: str) -> Failure:
    help = "send the `next_token` of the page before, and all else as it was"
    return Failure("invalid_request", f"the token is {what}", help=help, pointer="/page/token")


SEARCH = Operation(
    id="authzen_search_action",
    method="POST",
    path="/access/v1/search/action",
    tag="AuthZEN",
    summary="Find what a subject may do now, and how much (AuthZEN 1.0)",
    about="Nothing is used. An action for which what was asked lacks something stands in `context.undecided`.",
    scope="decide",
    body=ActionSearchBody,
    answer=ActionSearchAnswer,
    as_400=AS_400,
    act=blocking(search),
)
