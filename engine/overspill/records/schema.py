"""The JSON Schemas of requests, decisions, account pages and statements, explanations, the three datasets, the book's
transactions and an export's manifest, from the records themselves."""

from __future__ import annotations

from typing import Any

import msgspec

from overspill.records.answers import DecisionRecord
from overspill.records.balances import BalanceUpdate
from overspill.records.explanation import Explanation
from overspill.records.export import Manifest
from overspill.records.monetization import MonetizationEvent
from overspill.records.postings import Transaction
from overspill.records.statement import Statement
from overspill.records.status import StatusRecord
from overspill.records.usage_events import UsageEvent


def flowing(schema: Any) -> Any:
    """The schema with each description on one line: where a docstring breaks is no part of what it says."""
    if isinstance(schema, list):
        return [flowing(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: " ".join(value.split()) if key == "description" and isinstance(value, str) else flowing(value)
        for key, value in schema.items()
    }


_ID = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.:@-]{0,127}$"}


def decision_schema() -> dict[str, Any]:
    """Every field of a decision, its trace included."""
    schema = msgspec.json.schema(DecisionRecord)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Overspill decision", **schema}


def status_schema() -> dict[str, Any]:
    """Every field of an account's page."""
    schema = msgspec.json.schema(StatusRecord)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Overspill status", **schema}


def explanation_schema() -> dict[str, Any]:
    """What `explain` says of any record."""
    schema = msgspec.json.schema(Explanation)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Overspill explanation", **schema}


def usage_schema() -> dict[str, Any]:
    """Every field of a usage event."""
    schema = msgspec.json.schema(UsageEvent)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Overspill usage event", **schema}


def monetization_schema() -> dict[str, Any]:
    """Every field of a monetization event."""
    schema = msgspec.json.schema(MonetizationEvent)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Overspill monetization event",
        **schema,
    }


def balance_schema() -> dict[str, Any]:
    """Every field of a balance update."""
    schema = msgspec.json.schema(BalanceUpdate)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Overspill balance update", **schema}


def transaction_schema() -> dict[str, Any]:
    """Every field of a transaction of the book."""
    schema = msgspec.json.schema(Transaction)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Overspill transaction", **schema}


def statement_schema() -> dict[str, Any]:
    """Every field of an account's statement."""
    schema = msgspec.json.schema(Statement)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Overspill statement", **schema}


def export_schema() -> dict[str, Any]:
    """Every field of an export's manifest."""
    schema = msgspec.json.schema(Manifest)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Overspill export", **schema}


def request_schema() -> dict[str, Any]:
    """What `decide`, `reserve` and `preview` take: one object for each request."""
    meter = {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9]{1,19}$"}]}
    amount = {"type": "string", "pattern": "^[0-9]{1,19}([.][0-9]{1,18})?$"}
    properties = {
        "id": {**_ID, "description": "the idempotency key: the same again answers the same"},
        "account": {"type": "object", "additionalProperties": _ID, "minProperties": 1},
        "fields": {"type": "object", "additionalProperties": {"type": ["string", "integer", "boolean"]}},
        "meters": {"type": "object", "additionalProperties": meter},
        "initiator": {"enum": ["user", "automation", "background"]},
        "only": {
            "type": ["array", "null"],
            "items": {"type": "string"},
            "description": "the layers that it may be drawn from; null: all",
        },
        "max_charge": {
            "type": ["object", "null"],
            "additionalProperties": amount,
            "description": "what it may be charged at most, by unit",
        },
        "at_least": {
            "anyOf": [amount, {"type": "null"}],
            "description": "the least part that is worth having, in the unit that it is priced in",
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Overspill request",
        "type": "object",
        "properties": properties,
        "required": ["id", "account"],
        "additionalProperties": False,
    }
