"""The JSON Schema of test files, from the tables that their reader goes by: draft-07, for editors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from overspill.plan.shapes import CATEGORIES
from overspill.review.answers import PARTS, Part
from overspill.review.step_reader import BESIDE, PURCHASED
from overspill.words.anchors import ANCHORS
from overspill.words.initiators import INITIATORS

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_SCALAR: Schema = {"type": ["string", "integer", "number", "boolean"]}
_FLAG: Schema = {"enum": [True, False, "true", "false"]}
_COUNT: Schema = {"type": ["string", "integer"], "pattern": "^[0-9]{1,9}$"}
_NUMBER = r"-?[0-9]+(\.[0-9]+)?"
_AMOUNT: Schema = {"type": "string", "pattern": f"^{_NUMBER} +[a-z][a-z0-9_]*$"}
_EXPECTED: Schema = {"type": ["string", "integer", "number"]}
_INSTANT: Schema = {"type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]{1,6})?Z$"}
_LENGTH: Schema = {"type": "string", "pattern": "^[0-9]{1,6}(ms|s|min|h|d|w|mo|y)$"}
_EXPR: Schema = {"type": "string", "description": "a CEL expression over the decision, in quotes"}


def _mapping(value: Schema) -> Schema:
    return {"type": "object", "additionalProperties": value}


def _listing(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def _record(properties: Mapping[str, Schema], *required: str) -> Schema:
    """An object of these properties and no others."""
    found: Schema = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return {**found, "required": list(required)} if required else found


_ACCOUNT = _mapping(_TEXT)
_VALUES = _mapping(_SCALAR)
_LOT = {"granted_at": _INSTANT, "expires_at": _INSTANT, "priority": _COUNT, "category": {"enum": [*CATEGORIES]}}
_WINDOW = {"used": _AMOUNT, "generation": _COUNT, "opened_at": _INSTANT, "ends_at": _INSTANT}
_TOP_UP = {
    "enabled": _FLAG,
    **dict.fromkeys(("minimum", "target", "monthly_maximum", "bought"), _AMOUNT),
}
_GRANT = {"pool": _TEXT, "id": _TEXT, "amount": _AMOUNT, "per": _VALUES, **_LOT}
del _GRANT["granted_at"]

_GIVEN = _record(
    {
        "at": _INSTANT,
        "account": _ACCOUNT,
        "attributes": _VALUES,
        "members": _mapping(_mapping(_VALUES)),
        "windows": _mapping(_record(_WINDOW, "used")),
        "counters": _mapping(_record(_WINDOW, "used")),
        "banked_resets": _mapping(_listing(_record({"id": _TEXT, "expires_at": _INSTANT}, "id"))),
        "top_ups": _mapping(_record(_TOP_UP, "enabled", "minimum", "target")),
        "lots": _mapping(_listing(_record({"id": _TEXT, "amount": _AMOUNT, **_LOT}, "id", "amount"))),
        "holds": _mapping(_VALUES),
    }
)
_WORDS: Mapping[str, Schema] = {
    **dict.fromkeys(("decide", "preview", "reserve", "capture", "set"), _VALUES),
    "release": _record({}),
    "extend": _record({}),
    "grant": _record(_GRANT, "pool", "id", "amount"),
    "reset": _record({"limit": _TEXT, "of": _listing(_TEXT), "anchor": {"enum": [*ANCHORS]}}, "limit"),
    "redeem": _TEXT,
    "purchase": _record({"pool": _TEXT, "outcome": {"enum": [*PURCHASED]}}, "pool"),
    "reverse": _TEXT,
    "wait": _LENGTH,
    "at": _INSTANT,
}
_BESIDE: Mapping[str, Schema] = {
    "id": _TEXT,
    "hold": _TEXT,
    "final": _FLAG,
    "account": _ACCOUNT,
    "initiator": {"enum": [*INITIATORS]},
    "only": _listing(_TEXT),
    "max_charge": _VALUES,
    "at_least": _EXPECTED,
}


def _part(part: Part) -> Schema:
    """What may be expected of one part of an answer."""
    value = _EXPECTED if part.shape in ("amount", "amounts") else _SCALAR
    if part.choices:
        flags = [True, False] if "true" in part.choices else []
        value = {"enum": [*part.choices, *flags]}
    if part.keys == "pool":
        value = {"anyOf": [value, _mapping(value)]}
    return _mapping(value) if part.keys else value


def _step(word: str) -> Schema:
    expect = _record({name: _part(part) for name, part in PARTS.items() if word in part.words})
    beside = {key: _BESIDE[key] for key in BESIDE[word]}
    return _record({word: _WORDS[word], **beside, "expect": expect}, word)


def suite_schema() -> Schema:
    """The schema of a `*.test.yaml` file."""
    axis = {"anyOf": [_listing(_SCALAR), _mapping(_GIVEN), _SCALAR]}
    matrix = {"axes": _mapping(axis), "decide": _VALUES, "preview": _VALUES, "columns": _listing(_TEXT), "table": _TEXT}
    case = {
        "name": _TEXT,
        "given": _GIVEN,
        "invariants": _mapping(_EXPR),
        "steps": _listing({"oneOf": [_step(word) for word in BESIDE]}),
        "matrix": _record(matrix, "axes", "table"),
    }
    suite = {
        "policy": _TEXT,
        "given": _GIVEN,
        "invariants": _mapping(_EXPR),
        "unreachable": _mapping(_TEXT),
        "cases": _listing(_record(case, "name")),
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Overspill policy tests",
        **_record(suite, "cases"),
    }
