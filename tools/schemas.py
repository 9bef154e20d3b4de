"""Writes the JSON Schemas that are shipped: `python tools/schemas.py [--check]`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from overspill.records.schema import decision_schema, request_schema
from overspill.review.schema import suite_schema
from overspill.syntax.schema import policy_schema

TARGET = Path(__file__).parent.parent / "grammar" / "overspill_grammar" / "schemas"
SCHEMAS: dict[str, Callable[[], dict[str, Any]]] = {
    "policy": policy_schema,
    "tests": suite_schema,
    "request": request_schema,
    "decision": decision_schema,
}


def main(arguments: list[str]) -> int:
    """Exit code: 0 written or current, 1 stale."""
    stale = []
    for name, schema in SCHEMAS.items():
        path = TARGET / f"{name}.schema.json"
        text = json.dumps(schema(), indent=2) + "\n"
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
