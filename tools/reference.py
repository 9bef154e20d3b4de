"""Writes the reference of the service: `python tools/reference.py [--check]`: docs/api.md for people, docs/openapi.json for
machines, both from the table of operations."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from overspill import Engine
from overspill.serve.metrics import Metrics
from overspill.serve.openapi import TAGS, document
from overspill.serve.operations import all_operations
from overspill.serve.problem_types import ABOUT, NAMED, STORE, STORE_CODES, problem_type
from overspill.serve.problems import AGAIN
from overspill.serve.service import Service
from overspill.store.registry import opened_registry

DOCS = Path(__file__).parent.parent / "docs"
EVERY = ""
COMMON = {"X-Request-ID": EVERY, "WWW-Authenticate": "401", "Retry-After": "503"}
"""Header → the status whose answers have it, whatever the operation: the page says so once."""
VERSION = "0"
"""The description does not change with each release; the service tells its own version."""


def description() -> dict[str, Any]:
    """OpenAPI as the service tells it."""
    registry = opened_registry(None)
    with Engine.open() as engine:
        found = document(all_operations(Metrics(Service(engine, registry)), VERSION), VERSION)
    registry.close()
    return found


def page(api: Mapping[str, Any]) -> Iterator[str]:
    yield "# The service's operations\n"
    yield "Made by `tools/reference.py` from the operations themselves; [openapi.json](openapi.json) says the same to machines, and the service tells it at"
    yield "`/openapi.json`. [service.md](service.md) says what holds for all of them: credentials, keys, problems, limits.\n"
    for tag, about in TAGS.items():
        found = [
            (path, method, one) for path, of in api["paths"].items() for method, one in of.items() if tag in one["tags"]
        ]
        if found:
            yield f"## {tag}\n"
            yield f"{about}\n"
        for path, method, one in found:
            yield from _operation(path, method.upper(), one)
    yield "## Headers of answers\n"
    yield from _headers(api)
    yield "## Codes of problems\n"
    yield from _codes()
    yield "## Shapes\n"
    for name, schema in api["components"]["schemas"].items():
        if "properties" in schema:
            yield from _shape(name, schema)


def _codes() -> Iterator[str]:
    yield "A problem's `type` leads to what its `code` means, `GET /problems/{code}`; these are all. AuthZEN's operations tell 415 and 422 as 400.\n"
    yield "| code | status | |"
    yield "|---|---|---|"
    for code in sorted(ABOUT):
        found = problem_type(code)
        assert found is not None
        yield f"| `{code}` | {found.status} | {found.about} |"
    for start, about in NAMED.items():
        yield f"| `{start}` and a field's name | 422 | {about} |"
    yield f"| {', '.join(f'`{code}`' for code in STORE_CODES)} | {AGAIN} | {STORE} |"
    yield ""


def _headers(api: Mapping[str, Any]) -> Iterator[str]:
    yield "Every answer has `X-Request-ID`, but for the 400 in plain text to what is no HTTP; each 401 `WWW-Authenticate`, each problem with 503 `Retry-After`; which others there may be stands at each operation.\n"
    yield "| header | form | |"
    yield "|---|---|---|"
    told = {key.removesuffix(".optional"): one for key, one in api["components"]["headers"].items()}
    for name, one in told.items():
        yield f"| `{name}` | {_type(one['schema'])} | {one['description']} |"
    yield ""


def _operation(path: str, method: str, one: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {one['summary']}\n"
    yield f"`{method} {path}`" + (f" · scope `{one['x-scope']}`" if "x-scope" in one else " · for everybody") + "\n"
    if "description" in one:
        yield f"{one['description']}\n"
    rows = [(p["name"], p["in"], p.get("description", "")) for p in one["parameters"] if p["in"] != "path"]
    for name, place, about in rows:
        yield f"- {place} `{name}`: {about}"
    if rows:
        yield ""
    if "requestBody" in one:
        yield f"Takes {_named(_schema(one['requestBody']))}."
    statuses = ", ".join(status for status in one["responses"] if status != "200")
    yield f"Answers {_named(_schema(one['responses']['200']))}; problems: {statuses}.\n"
    own: dict[str, list[str]] = {}
    for status, answer in one["responses"].items():
        for name in answer["headers"]:
            if COMMON.get(name) not in (EVERY, status):
                own.setdefault(name, []).append(status)
    if own:
        told = [f"`{name}` ({', '.join(found)})" for name, found in own.items()]
        yield f"Headers: {', '.join(told)}.\n"


def _schema(holder: Mapping[str, Any]) -> tuple[str, Any]:
    [(media, found)] = holder["content"].items()
    return media, found["schema"]


def _named(of: tuple[str, Any]) -> str:
    media, schema = of
    parts = schema.get("anyOf") or schema.get("oneOf") or [schema]
    names = [f"[{_name(one)}](#{_name(one).lower()})" if "$ref" in one else one.get("title", "") for one in parts]
    shown = " or ".join(name for name in names if name)
    return shown or ("a JSON object" if media == "application/json" else f"`{media}`")


def _name(schema: Mapping[str, Any]) -> str:
    return str(schema["$ref"].rpartition("/")[2])


def _shape(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {name}\n"
    if "description" in schema:
        yield " ".join(schema["description"].split()) + "\n"
    required = schema.get("required", ())
    yield "| field | type | |"
    yield "|---|---|---|"
    for field, inner in schema["properties"].items():
        yield f"| `{field}` | {_type(inner)} | {'' if field in required else 'may be left out'} |"
    yield ""


def _type(schema: Any) -> str:
    if "$ref" in schema:
        return f"[{_name(schema)}](#{_name(schema).lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(f"`{json.dumps(one)}`" for one in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}" if "items" in schema else "list"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"by name: {_type(schema['additionalProperties'])}"
    kind = schema.get("type", "anything")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def texts() -> dict[str, str]:
    """File → what must stand in it."""
    api = description()
    return {
        "openapi.json": json.dumps(api, indent=1, ensure_ascii=False) + "\n",
        "api.md": "\n".join(page(api)).rstrip("\n") + "\n",
    }


def main(arguments: list[str]) -> int:
    """Exit code: 0 written or current, 1 stale."""
    stale = []
    for name, text in texts().items():
        path = DOCS / name
        if not path.exists() or path.read_text("utf-8") != text:
            stale.append(name)
            if "--check" not in arguments:
                path.write_text(text, "utf-8")
    print(f"reference: {'stale' if '--check' in arguments else 'written'} {' '.join(stale) or 'nothing'}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
