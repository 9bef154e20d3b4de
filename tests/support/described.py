"""What an answer holds that its description does not tell of. A description lets through what it does not name, so a field that
was forgotten is found by nobody who only checks an answer against it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


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


def answer_schema(document: Mapping[str, Any], operation: str, status: int) -> Mapping[str, Any]:
    """Of an operation's answer with this status; of one that no operation tells of, such as 405, that of every problem."""
    for methods in document["paths"].values():
        for one in methods.values():
            if one["operationId"] == operation:
                if str(status) not in one["responses"]:
                    return {"$ref": "#/components/schemas/Problem"}
                [content] = one["responses"][str(status)]["content"].values()
                found: Mapping[str, Any] = content["schema"]
                return found
    raise AssertionError(f"there is no operation {operation}")
