"""Writes the JSON Schemas that are shipped: `python tools/schemas.py [--check]`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from overspill.records.schema import (
    balance_schema,
    decision_schema,
    explanation_schema,
    export_schema,
    flowing,
    monetization_schema,
    request_schema,
    statement_schema,
    status_schema,
    transaction_schema,
    usage_schema,
)
from overspill.review.schema import suite_schema
from overspill.syntax.schema import policy_schema
from schema_texts import TEXTS

TARGET = Path(__file__).parent.parent / "grammar" / "overspill_grammar" / "schemas"
LINE_FEED = {"type": "string", "pattern": "\n"}
"""What no text with a pattern holds: in Python's dialect `$` lets one follow, in others it does not."""
SCHEMAS: dict[str, Callable[[], dict[str, Any]]] = {
    "policy": policy_schema,
    "tests": suite_schema,
    "request": request_schema,
    "decision": decision_schema,
    "status": status_schema,
    "explanation": explanation_schema,
    "usage": usage_schema,
    "monetization": monetization_schema,
    "balance": balance_schema,
    "transaction": transaction_schema,
    "export": export_schema,
    "statement": statement_schema,
}


def written(name: str) -> dict[str, Any]:
    """The schema as it is shipped: under a name that stays, every key with a text for editors."""
    schema = described(flowing(SCHEMAS[name]()), TEXTS[name])
    return {"$schema": schema["$schema"], "$id": f"urn:overspill:schema:{name}", **schema}


def described(schema: Any, texts: Mapping[str, str], parent: str = "") -> Any:
    """The schema with a `description` on every property that has a text and none of its own."""
    if isinstance(schema, list):
        return [described(item, texts, parent) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            found[key] = {name: _property(name, inner, texts, parent) for name, inner in value.items()}
        elif key in ("$defs", "definitions"):
            found[key] = {name: described(inner, texts, name) for name, inner in value.items()}
        else:
            found[key] = described(value, texts, parent)
    if isinstance(schema.get("pattern"), str) and schema["pattern"].endswith("$"):
        found["not"] = LINE_FEED
    return found


def _property(name: str, schema: Any, texts: Mapping[str, str], parent: str) -> Any:
    inner = described(schema, texts, name)
    text = texts.get(f"{parent}.{name}", texts.get(name))
    return inner if text is None or inner.get("description") else {"description": text, **inner}


def undescribed(schema: Any, place: str = "") -> list[str]:
    """The properties that an editor would say nothing about."""
    if isinstance(schema, list):
        return [one for item in schema for one in undescribed(item, place)]
    if not isinstance(schema, dict):
        return []
    found: list[str] = []
    for key, value in schema.items():
        if key in ("properties", "$defs", "definitions"):
            for name, inner in value.items():
                found += [f"{place}.{name}"] if key == "properties" and not inner.get("description") else []
                found += undescribed(inner, name)
        else:
            found += undescribed(value, place)
    return found


def main(arguments: list[str]) -> int:
    """Exit code: 0 written or current, 1 stale."""
    stale = []
    for name in SCHEMAS:
        path = TARGET / f"{name}.schema.json"
        text = json.dumps(written(name), indent=2, ensure_ascii=False) + "\n"
        if not path.exists() or path.read_text("utf-8") != text:
            stale.append(name)
            if "--check" not in arguments:
                TARGET.mkdir(exist_ok=True)
                path.write_text(text, "utf-8")
    print(
        f"{len(SCHEMAS)} schemas, {len(stale)} {'stale' if '--check' in arguments else 'written'} {' '.join(stale)}".rstrip()
    )
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
