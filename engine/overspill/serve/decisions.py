"""Decisions: preview, consume, reserve, one or many; what follows a hold; reversals; and why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from overspill.records.answers import Decision, DecisionRecord
from overspill.records.explanation import Explanation
from overspill.records.request import Request
from overspill.records.sentences import lines
from overspill.records.wire import meter_of
from overspill.runtime.engine import Engine
from overspill.runtime.explanations import Explained
from overspill.serve.asked import Asked, asked_from
from overspill.serve.bodies import BatchAnswer, CaptureBody, ReversalBody, decisions_asked
from overspill.serve.call import REPLAYED, TEXT, Call, Operation, Reply, receipt
from overspill.serve.deciding import all_decided, decided
from overspill.serve.problems import problem_bytes, told
from overspill.serve.rate_limits import FIELDS, rate_limits
from overspill.serve.reading import object_from, shaped
from overspill.serve.receipts import CaptureReceipt, ExtendReceipt, ReleaseReceipt, ReversalReceipt
from overspill.serve.threads import blocking
from overspill.words.codec import json_decoder
from overspill.words.failures import Failure
from overspill.words.names import shown

json_object = json_decoder(dict[str, Any]).decode


async def decide(call: Call) -> Reply:
    asked = asked_from(call.body, call.key, call.service.limits.batch)
    requests = [one for one in asked.requests if isinstance(one, Request)]
    if asked.is_batch:
        return reply_of_all(asked, await all_decided(call, asked.mode, requests), call.request_id)
    return reply_of(await decided(call, asked.mode, requests[0]), call.engine)


def reply_of(decision: Decision, engine: Engine) -> Reply:
    """A decision by itself."""
    at = None if decision.replayed else decision.written.at  # mostly it was made just now
    headers = rate_limits(decision, engine.now() if at is None else at, engine.policies.active().plan)
    headers = (*headers, REPLAYED) if decision.replayed else headers
    return Reply(decision.json, headers=headers, outcomes=(decision.outcome,))


def reply_of_all(asked: Asked, decided: Iterable[Decision | Failure], request_id: str) -> Reply:
    """`{"results":[…]}`: each with a `decision` in its exact bytes, or a `problem`. `decided` are those that are requests."""
    done = iter(decided)
    parts: list[bytes] = []
    outcomes: list[str] = []
    for index, asked_for in enumerate(asked.requests):
        one = asked_for if isinstance(asked_for, Failure) else next(done)
        if isinstance(one, Failure):
            if one.pointer is not None:
                one.pointer = f"/requests/{index}{one.pointer}"
            parts += b'{"problem":', problem_bytes(told(one, request_id), request_id), b"}", b","
        else:
            parts += b'{"decision":', one.json, _REPLAYED if one.replayed else _NEW, b","
            outcomes.append(one.outcome)
    body = b"".join([b'{"results":[', *parts[:-1], b"]}"])  # at once: a hundred are a quarter of a megabyte
    return Reply(body, outcomes=tuple(outcomes))


_NEW, _REPLAYED = b',"replayed":false}', b',"replayed":true}'


def capture(call: Call) -> Reply:
    asked = shaped(object_from(call.body), CaptureBody)
    meters = {name: meter_of(name, meter) for name, meter in asked.meters.items()}
    done = call.engine.capture(call.path["hold"], meters, id=call.key, final=asked.final)
    if asked.final:
        call.service.holds.closed(call.caller.tenant, call.path["hold"])
    return receipt(done.json, done.replayed)


def extend(call: Call) -> Reply:
    done = call.engine.extend(call.path["hold"], id=call.key)
    return receipt(done.json, done.replayed)


def release(call: Call) -> Reply:
    done = call.engine.release(call.path["hold"], id=call.key)
    call.service.holds.closed(call.caller.tenant, call.path["hold"])
    return receipt(done.json, done.replayed)


def reverse(call: Call) -> Reply:
    asked = shaped(object_from(call.body), ReversalBody)
    done = call.engine.reverse(asked.of, id=call.key, actor=call.caller.id)
    return receipt(done.json, done.replayed)


def show(call: Call) -> Reply:
    return Reply(_explained(call).json)


def explanation(call: Call) -> Reply:
    found = json_object(_explained(call).json)
    text = "\n".join([*lines(found["answer"], found["candidates"]), ""])
    return Reply(text.encode(), media=TEXT)


def _explained(call: Call) -> Explained:
    id = call.path["decision"]
    found = call.engine.explain(id)
    if found is None:
        what = f"there is no decision {shown(id)}"
        raise Failure("not_found", what, help="name the `decision` of an answer, or a hold, capture or grant")
    return found


OPERATIONS = (
    Operation(
        id="decide",
        method="POST",
        path="/v1/decisions",
        tag="Decisions",
        summary="Decide a request, or many",
        about=(
            "`consume` uses what is granted, `reserve` holds it for a capture, `preview` has no effect. A denial is an "
            "answer with status 200. One request has its key in the header Idempotency-Key; with `requests` each has its "
            "own `id`, which is its key, and its own result."
        ),
        scope="decide",
        body=decisions_asked(),
        answer={"anyOf": [DecisionRecord, BatchAnswer]},
        keyed="maybe",
        problems=(409,),
        sends={200: FIELDS},
        act=decide,
    ),
    Operation(
        id="show_decision",
        method="GET",
        path="/v1/decisions/{decision}",
        tag="Decisions",
        summary="Show a decision with its trace, and what it had to choose from",
        about="The same for a hold, a capture, a release, a grant: whatever has an id.",
        scope="audit",
        answer=Explanation,
        problems=(404,),
        act=blocking(show),
    ),
    Operation(
        id="explain_decision",
        method="GET",
        path="/v1/decisions/{decision}/explanation",
        tag="Decisions",
        summary="Explain a decision in sentences",
        scope="audit",
        answer={"type": "string"},
        media="text/plain",
        problems=(404,),
        act=blocking(explanation),
    ),
    Operation(
        id="capture_hold",
        method="POST",
        path="/v1/holds/{hold}/capture",
        tag="Holds",
        summary="Book what was used of a hold",
        about="What was not used goes back. With `final` false the hold stays open for the next part.",
        scope="decide",
        body=CaptureBody,
        answer=CaptureReceipt,
        keyed="always",
        problems=(404, 409),
        act=blocking(capture),
    ),
    Operation(
        id="extend_hold",
        method="POST",
        path="/v1/holds/{hold}/extend",
        tag="Holds",
        summary="Let a hold last as long again from now",
        scope="decide",
        answer=ExtendReceipt,
        keyed="always",
        problems=(404, 409),
        act=blocking(extend),
    ),
    Operation(
        id="release_hold",
        method="POST",
        path="/v1/holds/{hold}/release",
        tag="Holds",
        summary="Give back everything that a hold still holds",
        scope="decide",
        answer=ReleaseReceipt,
        keyed="always",
        problems=(404, 409),
        act=blocking(release),
    ),
    Operation(
        id="reverse",
        method="POST",
        path="/v1/reversals",
        tag="Decisions",
        summary="Undo a finished request, whole",
        about="What it drew goes back to where it came from.",
        scope="operate",
        body=ReversalBody,
        answer=ReversalReceipt,
        keyed="always",
        problems=(404, 409),
        act=blocking(reverse),
    ),
)
