"""Policies that were published to the database, and the administrators' log."""

from __future__ import annotations

from overspill.ports.registry import AdminEntry
from overspill.ports.store import StoredPolicy
from overspill.serve.bodies import LogLine, LogPage, PolicyLine, PolicyList, PolicyShown
from overspill.serve.call import Call, Operation, Param, Reply
from overspill.serve.threads import blocking
from overspill.words.codec import json_bytes
from overspill.words.failures import Failure
from overspill.words.instants import instant_text
from overspill.words.names import shown

PAGE = 100


def listed(call: Call) -> Reply:
    active = call.engine.policies.active().plan.digest
    lines = [
        PolicyLine(digest=one.digest, name=one.name, version=one.version, active=one.digest == active)
        for one in call.engine.published()
    ]
    return Reply(json_bytes(PolicyList(policies=tuple(lines))))


def show(call: Call) -> Reply:
    """A policy with the text of its files."""
    one = _policy(call)
    told = PolicyShown(
        digest=one.digest,
        name=one.name,
        version=one.version,
        active=one.digest == call.engine.policies.active().plan.digest,
        files={name: data.decode() for name, data in sorted(one.sources.items())},
    )
    return Reply(json_bytes(told))


def _policy(call: Call) -> StoredPolicy:
    digest = call.path["digest"]
    if digest == "active":
        digest = call.engine.policies.active().plan.digest
    found = next((one for one in call.engine.published() if one.digest == digest), None)
    if found is None:
        what = f"no policy {shown(digest)} was published here"
        raise Failure("unknown_policy", what, help="see `GET /v1/policies`; `active` is the one that decides")
    return found


def log(call: Call) -> Reply:
    """A page of what administrators of the caller's tenant did."""
    text = call.asked("after") or "0"
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Failure("invalid_query", "`after` is no number of an entry", help="send the `next` of the page before")
    rows = call.service.registry.logged(call.caller.tenant, int(text), PAGE)
    page = LogPage(
        entries=tuple([_line(number, entry) for number, entry in rows]),
        next=rows[-1][0] if len(rows) == PAGE else None,
    )
    return Reply(json_bytes(page))


def _line(number: int, entry: AdminEntry) -> LogLine:
    return LogLine(
        number=number,
        at=instant_text(entry.at),
        actor=entry.actor,
        operation=entry.operation,
        target=entry.target,
        status=entry.status,
        request=entry.request,
    )


OPERATIONS = (
    Operation(
        id="list_policies",
        method="GET",
        path="/v1/policies",
        tag="Policies",
        summary="List the policies that were published",
        scope="author",
        answer=PolicyList,
        act=blocking(listed),
    ),
    Operation(
        id="show_policy",
        method="GET",
        path="/v1/policies/{digest}",
        tag="Policies",
        summary="Show a policy's files",
        about="`active` is the one that decides.",
        scope="author",
        answer=PolicyShown,
        problems=(404,),
        act=blocking(show),
    ),
    Operation(
        id="list_log",
        method="GET",
        path="/v1/log",
        tag="Service",
        summary="List what administrators did, the oldest first",
        scope="audit",
        query=(Param("after", "the `next` of the page before"),),
        answer=LogPage,
        act=blocking(log),
    ),
)
