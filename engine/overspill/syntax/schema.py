"""The JSON Schema of policy files, from the table of constructs: draft-07, for editors and for whoever writes YAML.

Scalars are strings throughout, as the reader reads them; an unquoted number or boolean is text to the reader too, so
editors are told to accept both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

from overspill.syntax.constructs import CONSTRUCTS
from overspill.syntax.shapes import INLINE, Listed, Named, OneOf, Record, Shape, Statement

Schema = dict[str, Any]

_NAME = {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,63}$"}
_TEXT = {"type": "string"}
_NUMBER = {"type": ["string", "integer", "number"]}
_FLAG = {"enum": ["true", "false", True, False]}
_AMOUNT = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)? +[a-z][a-z0-9_]*$"}
_BOUND = {"anyOf": [{"const": "unlimited"}, _AMOUNT]}
_DURATION = {"type": "string", "pattern": "^[0-9]+(ms|s|min|h|d|w|mo|y)$"}
_INSTANT = {"type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]{1,6})?Z$"}
_EXPR = {"type": "string", "description": "a CEL expression, in quotes"}
_NAMES = {"type": "array", "items": _NAME}
_PATH = {"type": "string", "pattern": r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$"}
_PATHS = {"type": "array", "items": _PATH, "minItems": 1}


def _object(properties: Mapping[str, Any], *required: str) -> Schema:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def _map(value: Any) -> Schema:
    """Any names to values of one shape."""
    return {"type": "object", "additionalProperties": value}


def _table(cell: Any) -> Schema:
    rows = _map({"anyOf": [cell, _map(cell), _map(_map(cell))]})
    return _object({"by": _PATHS, "rows": rows, "default": cell}, "by", "rows")


_CELLS = {"anyOf": [_BOUND, _map(_BOUND)]}
_FIELD_TYPE = {"type": "string", "pattern": r"^[a-z][a-z0-9_]*\??$"}
_DEFAULT = {"type": ["string", "integer", "number", "boolean"]}

_NUMBERS = {"anyOf": [_NUMBER, _table(_NUMBER)]}
_LENGTH_TEXT = "[0-9]+(ms|s|min|h|d|w|mo|y)"
_REACTION = {"type": "string", "pattern": rf"^[a-z_]+( +up +to +[0-9.]+ +[a-z][a-z0-9_]*| +{_LENGTH_TEXT})?$"}
_START = {"anyOf": [{"const": "first_use"}, _INSTANT, _PATH]}
_SOURCE = {
    "anyOf": [
        *(_BOUND, {"type": "string", "pattern": r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){1,2}$"}),
        {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": {"$ref": "#/definitions/sources"},
        },
    ]
}
_FIELD = _object({"type": _FIELD_TYPE, "from": {"const": "request"}, "default": _DEFAULT}, "type")

LEAVES: Mapping[str, Any] = {
    "text": _TEXT,
    "name": _NAME,
    "calendar": {"enum": ["day", "week", "month", "year"]},
    "zone": {"type": "string", "pattern": r"^(UTC|[A-Za-z]+(/[A-Za-z0-9_+-]+)+)$"},
    "names": _NAMES,
    "paths": _PATHS,
    "flag": _FLAG,
    "number": _NUMBER,
    "amount": _AMOUNT,
    "duration": _DURATION,
    "instant": _INSTANT,
    "expr": _EXPR,
    "exprs": {"anyOf": [_EXPR, {"type": "array", "items": _EXPR, "minItems": 1}]},
    "percents": {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": "^[0-9]+%$"}},
    "start": _START,
    "source": _SOURCE,
    "reaction": _REACTION,
    "exchange": _TEXT,
    "fields": _map({"anyOf": [_FIELD_TYPE, _FIELD]}),
    "prices": {
        "type": "array",
        "minItems": 1,
        "items": _object(
            {"from": _INSTANT, "rows": _map({"anyOf": [{"const": "free"}, {"type": "object"}]})}, "from", "rows"
        ),
    },
    "capacity": {"anyOf": [_table(_CELLS), _CELLS]},
    "numbers": _NUMBERS,
}
"""The schema of a leaf."""


def _shape(shape: Shape) -> Schema:
    """The schema of a value, by its shape."""
    match shape:
        case str():
            return dict(LEAVES[shape])
        case Record():
            return _record(shape)
        case OneOf(records=records):
            return {"anyOf": [_record(record) for record in records]}
        case Named(record=record):
            return _map(_record(record))
        case Listed(record=record):
            order = {"description": "their order counts"} if shape.ordered else {}
            return {"type": "array", "minItems": 1, **order, "items": _record(record)}
        case _:
            assert_never(shape)


def _record(record: Record) -> Schema:
    first = record.statements[0]
    if record.bare:
        return _shape(first.shape)
    whole = _mapping(record.statements)
    return {"anyOf": [_shape(first.shape), whole]} if record.short else whole


def _mapping(statements: tuple[Statement, ...]) -> Schema:
    """A mapping of these keys; those of a record that stands inline among them, for each of its kinds."""
    inline = next((statement for statement in statements if statement.key == INLINE), None)
    own = tuple(statement for statement in statements if statement is not inline)
    if inline is None:
        properties = {statement.key: _shape(statement.shape) for statement in own}
        return _object(properties, *(statement.key for statement in own if statement.required))
    assert isinstance(inline.shape, OneOf)
    kinds = [_mapping((*own, *record.statements)) for record in inline.shape.records]
    return {"anyOf": kinds if inline.required else [_mapping(own), *kinds]}


_UNIT = {"type": "string", "pattern": r"^(integer|decimal\([0-9]{1,2}\))$"}
_HEADER: Mapping[str, Any] = {
    "policy": _object({"name": _NAME, "version": _NUMBER}, "name", "version"),
    "language": _NUMBER,
    "effective": _object({"from": _INSTANT, "until": _INSTANT}, "from"),
    "owner": _TEXT,
    "units": _map({"anyOf": [_UNIT, _object({"type": _UNIT, "singular": _NAME}, "type")]}),
}


def policy_schema() -> Schema:
    """The schema of one `*.spill.yaml` file."""
    properties = dict(_HEADER)
    for construct in CONSTRUCTS.values():
        own = _shape(construct.statements[0].shape) if construct.bare else _mapping(construct.statements)
        properties[construct.key] = own if construct.key == "request" else _map(own)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Overspill policy file",
        **_object(properties),
        "definitions": {"sources": {"type": "array", "minItems": 1, "items": _SOURCE}},
    }
