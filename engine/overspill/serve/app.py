"""The ASGI application: bytes in, who calls, which operation, bytes out; whatever goes wrong is a problem (RFC 9457).

An operation without a place in its path is found by one look, and Starlette finds the others: what is asked most is a
decision, of which each layer in between would cost as much as deciding does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from hashlib import sha256
from time import perf_counter_ns, time_ns
from typing import NamedTuple
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from overspill.ports.registry import AdminEntry
from overspill.runtime.alarms import alarm
from overspill.serve.call import Call, Header, Method, Operation, Reply
from overspill.serve.credentials import Caller, Remembered
from overspill.serve.fields import ALLOW, REQUEST_ID
from overspill.serve.heads import Headers, RequestIds, bearer, expect_once, is_json, key_of
from overspill.serve.observing import Done, Seen
from overspill.serve.operations import OPERATIONS
from overspill.serve.problems import MEDIA_TYPE, fields_of, problem_bytes, status_of, told
from overspill.serve.service import Service
from overspill.words.failures import Failure
from overspill.words.names import shown

NOBODY = Caller("", "", frozenset())
NO_PLACES: Mapping[str, str] = {}
PROBLEM: Header = (b"content-type", MEDIA_TYPE.encode())
_QUERY_MAX = 8192
BODY_SECONDS = 10
"""So long a call has its place while its body is on its way."""
LOOKED_UP_MAX = 256
"""Credentials that are looked up at once: nobody knows yet whose they are, and anybody can send them."""
_REQUEST_ID = REQUEST_ID.wire


class _Asked(NamedTuple):
    """A call whose operation and caller are known; nothing of its body is read yet."""

    operation: Operation
    caller: Caller
    path: Mapping[str, str]
    """What stands in the path's places."""
    scope: Scope
    headers: dict[bytes, bytes]
    request_id: str
    receive: Receive


class App:
    """One service as an ASGI application."""

    def __init__(
        self, service: Service, operations: Sequence[Operation] = OPERATIONS, seen: Sequence[Seen] = ()
    ) -> None:
        self.service = service
        self._direct = {(one.method, one.path): (one, NO_PLACES) for one in operations if "{" not in one.path}
        self._routes = [(Route(one.path, _nobody, methods=_methods(one)), one) for one in operations if "{" in one.path]
        self._seen = tuple(seen)
        self._looking: dict[bytes, asyncio.Future[Caller]] = {}
        """By credential: who calls with it, while that is looked up."""
        self.request_ids = RequestIds()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await _lifespan(receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, ticks = time_ns(), perf_counter_ns()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        request_id = self.request_ids.of(headers)
        operation, caller, path = None, NOBODY, NO_PLACES
        try:
            operation, path = self._direct.get((scope["method"], scope["path"])) or self._routed(scope)
            if len(headers) < len(scope["headers"]):
                expect_once(scope["headers"])
            if operation.scope is not None:
                remembered = self.remembered(headers)
                caller = await self._looked_up(headers) if remembered is None else remembered.caller
            reply = await self._done(_Asked(operation, caller, path, scope, headers, request_id, receive))
        except Exception as error:
            failure = told(error, request_id)
            if failure.pointer is not None and not _is_of_body(failure.pointer, scope["method"], path):
                failure.pointer = None
            reply = problem_reply(failure, request_id, operation)
        body = reply.body
        length = b"%d" % len(body)
        fields = [reply.media, (b"content-length", length), (_REQUEST_ID, request_id.encode()), *reply.headers]
        await send({"type": "http.response.start", "status": reply.status, "headers": fields})
        await send({"type": "http.response.body", "body": body})
        self.tell(operation, caller, scope["method"], headers, request_id, reply, began, ticks)

    def tell(
        self,
        operation: Operation | None,
        caller: Caller,
        method: str,
        headers: Headers,
        request_id: str,
        reply: Reply,
        began: int,
        ticks: int,
    ) -> None:
        """Whoever sees calls is told of one that has its reply; it began at an instant of the wall clock and of `perf_counter`."""
        if self._seen:
            done = Done(operation, caller, method, headers, request_id, reply, began, perf_counter_ns() - ticks)
            for tell in self._seen:
                try:
                    tell(done)
                except Exception as error:  # the call is answered; whoever comes behind it in its batch is not yet
                    alarm("call_not_told", error=type(error).__name__, request=request_id)

    def direct(self, method: Method, path: str) -> Operation:
        """The operation of a path without places."""
        return self._direct[method, path][0]

    async def _done(self, asked: _Asked) -> Reply:
        service, tenant = self.service, asked.caller.tenant
        try:
            service.admit(tenant)
        except Failure:
            await asyncio.sleep(service.refused(tenant))
            raise
        try:
            return await (self._logged(asked) if asked.operation.is_administrative else self._acted(asked))
        finally:
            service.leave(tenant)

    async def _acted(self, asked: _Asked) -> Reply:
        operation, caller, path, scope, headers, request_id, receive = asked
        service, tenant = self.service, caller.tenant
        if operation.scope is not None and operation.scope not in caller.scopes:
            what = f"this credential may not {operation.scope}"
            raise Failure("not_allowed", what, help="use one with that scope")
        key = key_of(operation, headers)
        place = (tenant, scope["path"], key) if key else None
        body = await _body(operation, headers, receive, service.limits.body)
        engine = service.engine if operation.scope is None else service.engine_of(tenant)
        query = _query(operation, scope["query_string"])
        method, target = scope["method"], scope.get("raw_path") or scope["path"].encode()
        call = Call(service, engine, caller, path, query, headers, body, key, request_id, method, target)
        if place is not None:
            service.begin(place)
        try:
            return await operation.act(call)
        finally:
            if place is not None:
                service.end(place)

    async def _logged(self, asked: _Asked) -> Reply:
        """Of an administrative call it is kept who made it, whatever became of it, also where it was not allowed."""
        status = 500
        try:
            reply = await self._acted(asked)
            status = reply.status
            return reply
        except Failure as failure:
            status = status_of(failure)
            raise
        finally:
            entry = AdminEntry(
                at=self.service.engine.now(),
                tenant=asked.caller.tenant,
                actor=asked.caller.id,
                operation=asked.operation.id,
                target=asked.scope["path"][:200],
                status=status,
                request=asked.request_id,
            )
            await run_in_threadpool(self.service.registry.log, entry)

    # ---- what a call is

    def _routed(self, scope: Scope) -> tuple[Operation, Mapping[str, str]]:
        """The operation of a path that has places, with what stands in them. Raises Failure."""
        if scope["method"] == "HEAD" and (found := self._direct.get(("GET", scope["path"]))) is not None:
            return found
        allowed: set[str] = {method for method, path in self._direct if path == scope["path"]}
        for route, operation in self._routes:
            match, child = route.matches(scope)
            if match is Match.FULL:
                return operation, child["path_params"]
            if match is Match.PARTIAL:
                allowed.add(operation.method)
        if allowed:
            raise _OtherMethod(scope["method"], scope["path"], allowed)
        raise Failure("not_found", f"there is no {shown(scope['path'])}", help="see /openapi.json")

    def remembered(self, headers: Headers) -> Remembered | None:
        """Who calls, if that was looked up just now. Raises Failure."""
        return self.service.credentials.remembered(sha256(bearer(headers)).digest())

    async def _looked_up(self, headers: Headers) -> Caller:
        """Who calls, looked up once for all who ask with one credential meanwhile. Raises Failure."""
        text = bearer(headers)
        under_way = self._looking.get(text)
        if under_way is None:
            if len(self._looking) >= LOOKED_UP_MAX:
                await asyncio.sleep(self.service.refused(NOBODY.tenant))
                what = "the service looks up as many credentials as it may"
                raise Failure("busy", what, help="ask again, with the same key")
            asked = run_in_threadpool(self.service.credentials.caller, text)
            under_way = self._looking[text] = asyncio.ensure_future(asked)
            under_way.add_done_callback(lambda _: self._looking.pop(text))
        return await asyncio.shield(under_way)


async def _body(operation: Operation, headers: Mapping[bytes, bytes], receive: Receive, most: int) -> bytes:
    """Raises Failure for more than may be, before it is read where its length is told."""
    takes_none = operation.body is None and operation.method != "ANY"
    length = headers.get(b"content-length", b"")
    if takes_none and length.strip(b"0").isdigit():
        raise _no_body()
    if operation.method == "GET" and b"transfer-encoding" in headers:
        raise _no_body()  # whoever can reach the service would keep a place with what never comes
    if length.isdigit() and (len(length) > 15 or int(length) > most):
        raise _too_large(most)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await _received(receive, most, takes_none=takes_none)
    except TimeoutError:
        what = f"the body had not come within {BODY_SECONDS} seconds"
        raise Failure("invalid_request", what, help="send all of it at once") from None
    if operation.method == "ANY":
        return b""
    if operation.body is not None and not is_json(headers):
        raise Failure("wrong_media_type", "the body is not said to be JSON", help="send Content-Type: application/json")
    return body


async def _received(receive: Receive, most: int, *, takes_none: bool) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":  # what has come so far is not all
            raise Failure("invalid_request", "the caller has gone before its body had come", help="send all of it")
        body, more = body + message.get("body", b""), message.get("more_body", False)
        if body and takes_none:
            raise _no_body()
        if len(body) > most:
            raise _too_large(most)
    return body


def _no_body() -> Failure:
    return Failure("invalid_request", "this takes no body", help="leave it out")


def _too_large(most: int) -> Failure:
    return Failure("too_large", f"the body has more than {most} bytes", help="send less at once")


def _query(operation: Operation, query: bytes) -> Mapping[str, Sequence[str]]:
    if not query or operation.method == "ANY":
        return {}
    if len(query) > _QUERY_MAX:
        raise Failure("invalid_query", f"the query has more than {_QUERY_MAX} bytes", help="send less")
    try:
        found = parse_qs(query.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError:
        raise Failure("invalid_query", "the query cannot be read", help="write name=value, with %-codes") from None
    known = [one.name for one in operation.query]
    for name in found:
        if name not in known:
            help = f"known: {', '.join(known)}" if known else "this takes none"
            raise Failure("invalid_query", f"there is no `{name[:64]}` in this query", help=help)
    return found


# ---- what goes wrong


class _OtherMethod(Failure):
    def __init__(self, method: str, path: str, allowed: set[str]) -> None:
        self.allowed = ", ".join(sorted(allowed | {"HEAD"} if "GET" in allowed else allowed))
        what = f"{shown(path)} does not know {shown(method)}"
        super().__init__("method_not_allowed", what, help=f"use {self.allowed}")


def _is_of_body(pointer: str, method: str, path: Mapping[str, str]) -> bool:
    """Whether a place is one of the body: whoever looks at something sends none, and what stands in the path is not in it."""
    return method not in ("GET", "HEAD") and pointer[1:].partition("/")[0] not in path


def problem_reply(failure: Failure, request_id: str, operation: Operation | None) -> Reply:
    """What could not be done, as it is told."""
    status = status_of(failure)
    if operation is not None and status in operation.as_400:
        status = 400
    headers = (ALLOW.of(failure.allowed),) if isinstance(failure, _OtherMethod) else fields_of(failure)
    return Reply(problem_bytes(failure, request_id, status), status, headers, PROBLEM)


# ---- ASGI


def _methods(operation: Operation) -> list[str]:
    """Of a route: none in particular lets all through."""
    return [] if operation.method == "ANY" else [operation.method]


async def _nobody(request: object) -> None:
    """What a route must have; only its path is used here."""


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
