"""What an answer holds that its description does not tell of, in its body and in its head. A description lets through what it does
not name, so a field that was forgotten is found by nobody who only checks an answer against it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema

OF_HTTP = {"content-type", "content-length", "date"}
"""What every answer of HTTP has, and no description tells of."""


def undescribed(value: Any, schema: Mapping[str, Any], document: Mapping[str, Any], at: str = "") -> list[str]:
    """Pointers of the fields that no schema names; of alternatives the one counts that leaves the fewest."""
    return list(_of(value, schema, document, at))


def _of(value: Any, schema: Mapping[str, Any], document: Mapping[str, Any], at: str) -> Iterator[str]:
    if "$ref" in schema:
        yield from _of(value, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document, at)
    elif ways := schema.get("anyOf") or schema.get("oneOf"):
        yield from min((undescribed(value, way, document, at) for way in ways if _fits(value, way)), key=len)
    elif isinstance(value, dict):
        named, rest = schema.get("properties"), schema.get("additionalProperties")
        for name, inner in value.items():
            if named and name in named:
                yield from _of(inner, named[name], document, f"{at}/{name}")
            elif isinstance(rest, Mapping):
                yield from _of(inner, rest, document, f"{at}/{name}")
            elif named is not None:
                yield f"{at}/{name}"
    elif isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        for index, inner in enumerate(value):
            yield from _of(inner, schema["items"], document, f"{at}/{index}")


def _fits(value: Any, schema: Mapping[str, Any]) -> bool:
    """Whether it may be of this way by its outermost type."""
    kinds = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", type(None): "null"}
    return "type" not in schema or kinds.get(type(value)) in (schema["type"], None)


def answer_schema(document: Mapping[str, Any], operation: str, status: int, media: str) -> Mapping[str, Any]:
    """Of an operation's answer with this status; of one that no operation tells of, such as 405, that of every problem."""
    told = _told(document, operation)
    if str(status) not in told:
        return {"$ref": "#/components/schemas/Problem"}
    found: Mapping[str, Any] = told[str(status)]["content"][media]["schema"]
    return found


def answer_headers(document: Mapping[str, Any], operation: str, status: int) -> Mapping[str, Mapping[str, Any]]:
    """Of an operation's answer with this status, by name as it is sent."""
    headers = _told(document, operation)[str(status)]["headers"]
    places = document["components"]["headers"]
    return {name.lower(): places[one["$ref"].rpartition("/")[2]] for name, one in headers.items()}


def unfit_headers(headers: Mapping[str, str], told: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Names of what is sent and not told, what is told to be always there and is not, and what has another form than is told."""
    unknown = set(headers) - set(told) - OF_HTTP
    missing = {name for name, one in told.items() if one["required"]} - set(headers)
    odd = {name for name in set(headers) & set(told) if not _is_of(headers[name], told[name]["schema"])}
    return sorted(unknown | missing | odd)


def _is_of(text: str, schema: Mapping[str, Any]) -> bool:
    value = int(text) if schema["type"] == "integer" and text.isdecimal() else text
    return jsonschema.Draft202012Validator(schema).is_valid(value)


def _told(document: Mapping[str, Any], operation: str) -> Mapping[str, Any]:
    """Of an operation, by status."""
    for methods in document["paths"].values():
        for one in methods.values():
            if one["operationId"] == operation:
                found: Mapping[str, Any] = one["responses"]
                return found
    raise AssertionError(f"there is no operation {operation}")
