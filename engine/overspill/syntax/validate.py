"""Documents against schemas: the one door to jsonschema. Only our own schemas, and no remote references."""

from __future__ import annotations

from typing import Any

from jsonschema import Draft7Validator, Draft202012Validator
from referencing import Registry


def problems(document: Any, schema: dict[str, Any]) -> list[str]:
    """What is wrong, one line each with its place; empty: the document is valid."""
    kind = Draft7Validator if "draft-07" in schema.get("$schema", "") else Draft202012Validator
    validator = kind(schema, registry=Registry())
    errors = sorted(validator.iter_errors(document), key=lambda error: list(map(str, error.absolute_path)))
    return [f"/{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in errors]
