"""OpenAPI 3.1 out of the operations and the shapes that they name: nothing is written twice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec.json import schema_components

from overspill.records.schema import flowing
from overspill.serve.call import Call, Operation, Reply, Schema
from overspill.serve.fields import IDEMPOTENCY_REPLAYED, REQUEST_ID, Field
from overspill.serve.problems import MEDIA_TYPE, Problem, fields_told
from overspill.words.codec import Struct, json_bytes, replace

Object = dict[str, Any]
REF = "#/components/schemas/{name}"
HEADER_REF = "#/components/headers/{name}"
IDENTIFIER = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.:@-]{0,127}$"}
KIND = {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,63}$"}
KEY = {"type": "string", "pattern": '^("[A-Za-z0-9][A-Za-z0-9_.:@-]{0,127}"|[A-Za-z0-9][A-Za-z0-9_.:@-]{0,127})$'}
COMMON = {
    400: "It cannot be read: the body, a header or the query is not as it must be.",
    401: "There is no credential, or it is not good.",
    402: "It is denied until something is bought.",
    403: "The credential may not do this.",
    404: "There is no such thing.",
    409: "It contradicts what has happened, or the same call is under way.",
    413: "It is larger than may be.",
    415: "The body is not said to be JSON.",
    429: "It is denied for a while, until `Retry-After` where that is told.",
    422: "It can be read and cannot be done; with a key that was used, the body is another one.",
    500: "The service failed inside.",
    503: "It has as much to do as it may, or the store is away: ask again after `Retry-After`, with the same key.",
}
TAGS = {
    "Decisions": "How much is allowed, and from where.",
    "Holds": "What was reserved, and what becomes of it.",
    "AuthZEN": "The same decisions, as the Authorization API 1.0 of OpenID AuthZEN asks for them.",
    "Gateways": "What a gateway asks without code, by rules of a file.",
    "Accounts": "What accounts have, and what changes it.",
    "Lots": "What was granted, and leaves otherwise than by use.",
    "Purchases": "What is to be paid for a top-up.",
    "Policies": "What decides.",
    "Webhooks": "Who is told of what happens.",
    "Service": "The service itself.",
}


def document(operations: Sequence[Operation], version: str) -> Object:
    """The whole description."""
    shapes = list(_shapes(operations))
    refs, components = schema_components([Problem, *shapes], ref_template=REF)
    schemas: dict[object, Any] = dict(zip([Problem, *shapes], refs, strict=True))
    paths: dict[str, Object] = {}
    for operation in operations:
        method = "post" if operation.method == "ANY" else operation.method.lower()
        paths.setdefault(operation.path.replace(":path}", "}"), {})[method] = _operation(operation, schemas)
    used = {operation.tag for operation in operations}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Overspill",
            "version": version,
            "summary": "How much is allowed, and from where.",
            "description": (
                "Amounts are decimal text with their unit beside them, instants RFC 3339 in UTC. A denial is an answer "
                "with status 200; what could not be done is a problem (RFC 9457), and has changed nothing."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": name, "description": about} for name, about in TAGS.items() if name in used],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(flowing(components).items())),
            "headers": _headers(operations),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "An API key, or a token."}},
        },
    }


def _shapes(operations: Sequence[Operation]) -> Iterator[type[Struct]]:
    seen: set[object] = {Problem}
    for operation in operations:
        for one in (operation.body, operation.answer, *operation.told.values()):
            parts = one.get("anyOf", ()) if isinstance(one, Mapping) else (one,)
            for shape in parts:
                if isinstance(shape, type) and shape not in seen:
                    seen.add(shape)
                    yield shape


def _schema(shape: type[Struct] | Schema, schemas: Mapping[object, Any]) -> Any:
    if not isinstance(shape, Mapping):
        return schemas[shape]
    if "anyOf" in shape:
        return {**shape, "anyOf": [_schema(one, schemas) for one in shape["anyOf"]]}
    return shape


def _operation(operation: Operation, schemas: Mapping[object, Any]) -> Object:
    found: Object = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "parameters": list(_parameters(operation)),
        "responses": _responses(operation, schemas),
    }
    if operation.about:
        found["description"] = operation.about
    if operation.method == "ANY":
        found["x-methods"] = "any"
    if operation.scope is None:
        found["security"] = []
    else:
        found["x-scope"] = operation.scope
    if operation.body is not None:
        found["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _schema(operation.body, schemas)}},
        }
    return found


def _parameters(operation: Operation) -> Iterator[Object]:
    for name, any_path in re.findall(r"{(\w+)(:path)?}", operation.path):
        schema: Object = {"type": "string"} if any_path else dict(KIND if name == "kind" else IDENTIFIER)
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    for one in operation.query:
        schema = {"type": "array", "items": {"type": "string"}} if one.many else {"type": "string"}
        yield {"name": one.name, "in": "query", "description": one.about, "schema": schema}
    if operation.keyed != "never":
        about = "Your own key for this change: the same again, with the same body, changes nothing more and answers the same."
        if operation.keyed == "maybe":
            about += " Left out of a batch and of a preview."
        yield {
            "name": "Idempotency-Key",
            "in": "header",
            "required": operation.keyed == "always",
            "description": about,
            "schema": KEY,
        }


def _problems(operation: Operation) -> set[int]:
    """The statuses of its problems."""
    found = {400, 500, 503, *operation.problems}
    if operation.scope is not None:
        found |= {401, 403}
    if operation.body is not None:
        found |= {413, 415, 422}
    if operation.method == "POST":
        found |= {409, 413, 422}
    if "{" in operation.path:
        found |= {404, 422}
    return found - set(operation.as_400)


def _statuses(operation: Operation) -> list[int]:
    return sorted({*operation.answers, *_problems(operation)})


def fields(operation: Operation, status: int) -> tuple[Field, ...]:
    """The header fields of its answers with this status, beside those of HTTP itself (Content-Type, Content-Length, Date)."""
    found = [REQUEST_ID, *operation.sends.get(status, ())]
    known = fields_told(status, operation.keyed != "never")
    if status in operation.answers:  # what is also told otherwise than by a problem has none of a problem's
        found += [replace(field, always=False) for field in known]
        found += [IDEMPOTENCY_REPLAYED] if operation.keyed != "never" else []
    else:
        found += known
    return tuple(found)


def _headers(operations: Sequence[Operation]) -> Object:
    told = [field for operation in operations for status in _statuses(operation) for field in fields(operation, status)]
    return dict(sorted([(_header_name(field), _header(field)) for field in told]))


def _header_name(field: Field) -> str:
    """A description has one of each that is always there, and one of each that may be."""
    return field.name if field.always else f"{field.name}.optional"


def _header(field: Field) -> Object:
    return {"description": field.about, "required": field.always, "schema": field.schema}


def _referred(operation: Operation, status: int) -> Object:
    return {field.name: {"$ref": HEADER_REF.format(name=_header_name(field))} for field in fields(operation, status)}


def _responses(operation: Operation, schemas: Mapping[object, Any]) -> Object:
    problems = _problems(operation)
    return {
        str(status): {
            "description": "The answer." if status in operation.answers else COMMON[status],
            "headers": _referred(operation, status),
            "content": {
                media: {"schema": _schema(shape, schemas)}
                for media, shape, among in (
                    (operation.media, operation.answer, operation.answers),
                    (MEDIA_TYPE, operation.told.get(status, Problem), problems),
                )
                if status in among
            },
        }
        for status in _statuses(operation)
    }


def described(operations: Sequence[Operation], version: str) -> Operation:
    """The operation that answers with the description."""
    body: list[bytes] = []

    async def act(call: Call) -> Reply:
        if not body:
            body.append(json_bytes(document((*operations, itself), version)))
        return Reply(body[0])

    itself = Operation(
        id="openapi",
        method="GET",
        path="/openapi.json",
        tag="Service",
        summary="This description, as OpenAPI 3.1",
        scope=None,
        answer={"type": "object"},
        act=act,
    )
    return itself
