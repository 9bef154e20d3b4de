"""The JSON Schema of policy files, from the table of constructs: draft-07, for editors and for whoever writes YAML.

Scalars are strings throughout, as the reader reads them; an unquoted number or boolean is text to the reader too, so
editors are told to accept both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from overspill.syntax.constructs import CONSTRUCTS, Construct

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

SHAPES: Mapping[str, Any] = {
    "text": _TEXT,
    "name": _NAME,
    "names": _NAMES,
    "paths": _PATHS,
    "flag": _FLAG,
    "duration": _DURATION,
    "expr": _EXPR,
    "fields": _map({"anyOf": [_FIELD_TYPE, _object({"type": _FIELD_TYPE, "default": _DEFAULT}, "type")]}),
    "price_key": _object({"in": _NAME, "per": _NUMBER, "by": _PATHS}, "in", "per", "by"),
    "meters": _map(_EXPR),
    "prices": {
        "type": "array",
        "minItems": 1,
        "items": _object(
            {"from": _INSTANT, "rows": _map({"anyOf": [{"const": "free"}, {"type": "object"}]})}, "from", "rows"
        ),
    },
    "capacity": {"anyOf": [_table(_CELLS), _CELLS]},
    "multiplier": {"anyOf": [_NUMBER, _table(_NUMBER)]},
    "windows": _map(
        {
            "anyOf": [
                _object({"length": _DURATION, "from": {"const": "first_use"}}, "length", "from"),
                _object({"calendar": {"enum": ["day", "week", "month", "year"]}, "in": _TEXT}, "calendar", "in"),
            ]
        }
    ),
    "skips": _map(_EXPR),
    "unit_price": _object({"amount": _AMOUNT, "per": _AMOUNT}, "amount", "per"),
    "guards": {"type": "array", "items": _object({"deny": _NAME, "when": _EXPR}, "deny", "when")},
    "draws": {
        "type": "array",
        "minItems": 1,
        "description": "the order of these is the precedence",
        "items": {"anyOf": [_NAME, _object({"layer": _NAME, "at": _TEXT, "on_error": _NAME, "when": _EXPR}, "layer")]},
    },
    "otherwise": _object({"deny": _NAME, "offer": _NAMES}, "deny"),
    "holds": _object({"expire_after": _DURATION, "late_capture": _DURATION}, "expire_after"),
}
"""The schema of a statement's value, by its shape."""

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
        own = _construct(construct)
        properties[construct.key] = own if construct.key == "request" else _map(own)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Overspill policy file",
        **_object(properties),
    }


def _construct(construct: Construct) -> Schema:
    properties = {statement.key: SHAPES[statement.shape] for statement in construct.statements}
    return _object(properties, *(statement.key for statement in construct.statements if statement.required))
