"""What of a description (OpenAPI) is not so any more for whoever knows an older one: what it may send is to be taken, and what it
reads is to be there. A newer description may take more, and answer with more fields."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]


class Documents:
    """The older description, and the newer one."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self._parts = old["components"]["schemas"], new["components"]["schemas"]
        self._met: set[str] = set()

    def refused(self, old: Schema, new: Schema, at: str = "") -> Iterator[str]:
        """Pointers of what the older one may send and the newer one does not take."""
        yield from self._differs(old, new, at, 0)

    def missing(self, old: Schema, new: Schema, at: str = "") -> Iterator[str]:
        """Pointers of what the older one reads and the newer one does not tell, or tells otherwise."""
        yield from self._differs(new, old, at, 1)

    def _differs(self, given: Schema, wanted: Schema, at: str, which: int) -> Iterator[str]:
        """Where something of `given` is none of `wanted`. `which` is the description that `given` is of."""
        met = f"{which} {json.dumps(given, sort_keys=True)} {json.dumps(wanted, sort_keys=True)}"
        if "$ref" in given and met in self._met:
            return
        self._met.add(met)
        given, wanted = self._at(given, which), self._at(wanted, 1 - which)
        for way in _ways(given):
            found = [list(self._one(way, other, at, which)) for other in _ways(wanted)]
            yield from min(found, key=lambda places: (len(places), -len("".join(places))))

    def _at(self, schema: Schema, which: int) -> Schema:
        while "$ref" in schema:
            schema = self._parts[which][schema["$ref"].rpartition("/")[2]]
        return schema

    def _one(self, given: Schema, wanted: Schema, at: str, which: int) -> Iterator[str]:
        if "$ref" in given or "$ref" in wanted or len(_ways(given)) + len(_ways(wanted)) > 2:
            yield from self._differs(given, wanted, at, which)
        elif not _types(given) <= _types(wanted) or not _values(given, wanted):
            yield at
        elif "properties" in given or "properties" in wanted:
            yield from self._object(given, wanted, at, which)
        elif isinstance(wanted.get("items"), Mapping):
            yield from self._differs(given.get("items") or {}, wanted["items"], f"{at}/*", which)
        elif isinstance(wanted.get("additionalProperties"), Mapping):
            yield from self._differs(given.get("additionalProperties") or {}, wanted["additionalProperties"], at, which)

    def _object(self, given: Schema, wanted: Schema, at: str, which: int) -> Iterator[str]:
        own, others = given.get("properties", {}), wanted.get("properties", {})
        for name in wanted.get("required", ()):
            if name not in given.get("required", ()):
                yield f"{at}/{name}"
        for name, schema in own.items():
            if name in others:
                yield from self._differs(schema, others[name], f"{at}/{name}", which)
            elif wanted.get("additionalProperties") is False:
                yield f"{at}/{name}"


def _ways(schema: Schema) -> list[Schema]:
    return list(schema.get("anyOf") or schema.get("oneOf") or [schema])


def _types(schema: Schema) -> set[str]:
    """Those that it may be of; all where it does not say."""
    kinds = schema.get("type")
    if kinds is None:
        values = schema.get("enum") or ([schema["const"]] if "const" in schema else None)
        return {_type(value) for value in values} if values else ALL
    found = {kinds} if isinstance(kinds, str) else set(kinds)
    return found | ({"integer"} if "number" in found else set())


def _type(value: object) -> str:
    names = {"str": "string", "bool": "boolean", "int": "integer", "NoneType": "null"}
    return names[type(value).__name__]


ALL = {"object", "array", "string", "number", "integer", "boolean", "null"}


def _values(given: Schema, wanted: Schema) -> bool:
    """Whether every value that one may be is one that the other may be."""
    few = wanted.get("enum") or ([wanted["const"]] if "const" in wanted else None)
    own = given.get("enum") or ([given["const"]] if "const" in given else None)
    if few is not None and (own is None or not set(map(repr, own)) <= set(map(repr, few))):
        return False
    return all(_bound(given, wanted, name) for name in ("maxLength", "maxItems", "maximum")) and all(
        _bound(wanted, given, name) for name in ("minLength", "minItems", "minimum")
    )


def _bound(inner: Schema, outer: Schema, name: str) -> bool:
    return name not in outer or (name in inner and inner[name] <= outer[name])
