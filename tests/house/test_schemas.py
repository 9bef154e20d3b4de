"""The shipped schemas: valid themselves, with a text on every key, taking what is right and refusing what is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema.validators import validator_for

from fuzz.seeds import seeds
from overspill.patterns.parse import PatternFault, parse
from overspill.syntax.validate import problems
from review.test_bad_input import WHOLE
from schema_texts import TEXTS
from schemas import SCHEMAS, described, undescribed
from support.texts import YAML

SHIPPED = Path(str(files("overspill_policies")))
DRAFT_07 = "http://json-schema.org/draft-07/schema#"
DRAFTS = {
    "policy": DRAFT_07,
    "tests": DRAFT_07,
    "request": "https://json-schema.org/draft/2020-12/schema",
    "decision": "https://json-schema.org/draft/2020-12/schema",
    "status": "https://json-schema.org/draft/2020-12/schema",
    "explanation": "https://json-schema.org/draft/2020-12/schema",
    "usage": "https://json-schema.org/draft/2020-12/schema",
    "monetization": "https://json-schema.org/draft/2020-12/schema",
    "balance": "https://json-schema.org/draft/2020-12/schema",
    "transaction": "https://json-schema.org/draft/2020-12/schema",
    "statement": "https://json-schema.org/draft/2020-12/schema",
    "export": "https://json-schema.org/draft/2020-12/schema",
}
"""Editors of YAML read draft-07 and nothing newer."""


def _schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((files("overspill_grammar") / "schemas" / f"{name}.schema.json").read_text())
    return found


def _document(text: str) -> Any:
    """As the reader has it: every scalar is text."""
    return yaml.load(text, Loader=yaml.BaseLoader)


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_one(name: str) -> None:
    schema = _schema(name)
    validator_for(schema).check_schema(schema)
    assert schema["$schema"] == DRAFTS[name]
    assert schema["$id"] == f"urn:overspill:schema:{name}"


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_key_says_what_it_is(name: str) -> None:
    assert undescribed(_schema(name)) == []


def test_a_key_without_a_text_would_be_found() -> None:
    """The canary."""
    schema = {"properties": {"a": {"description": "a", "items": [{"properties": {"b": {}}}]}}}
    assert undescribed(schema) == ["a.b"]


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_text_is_somebodys(name: str) -> None:
    schema, texts = SCHEMAS[name](), TEXTS[name]
    whole = described(schema, texts)
    idle = [
        key for key in texts if described(schema, {other: texts[other] for other in texts if other != key}) == whole
    ]
    assert idle == []


def test_a_pattern_ends_where_its_text_does() -> None:
    """In Python too, whose `$` lets a line feed follow."""
    request = {"id": "r", "account": {"user": "u"}, "fields": {}, "meters": {"tokens": "1"}}
    assert problems(request, _schema("request")) == []
    for wrong in ({"id": "r\n"}, {"account": {"user": "u\n"}}, {"meters": {"tokens": "1\n"}}):
        assert problems({**request, **wrong}, _schema("request"))


def _patterns(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        yield from (pattern for item in schema for pattern in _patterns(item))
    elif isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        yield from (pattern for item in schema.values() for pattern in _patterns(item))


@pytest.mark.parametrize("name", SCHEMAS)
def test_patterns_are_of_the_dialect_that_all_share(name: str) -> None:
    """RE2's syntax: no looking around, nothing that a validator could hang on."""
    for pattern in _patterns(_schema(name)):
        parse(pattern)
    with pytest.raises(PatternFault):
        parse("a(?!b)")


RIGHT = [
    *[("policy", _document(text)) for text in (YAML, *[path.read_text() for path in SHIPPED.rglob("*.spill.yaml")])],
    *[("tests", _document(text)) for text in (WHOLE, *[path.read_text() for path in SHIPPED.rglob("*.test.yaml")])],
    *[("request", json.loads(text)) for text in (seeds("request")[0], seeds("request")[2])],
]


@pytest.mark.parametrize(("name", "document"), RIGHT)
def test_what_is_right_is_taken(name: str, document: Any) -> None:
    assert problems(document, _schema(name)) == []


REQUEST = seeds("request")[2]
WRONG = [
    ("policy", YAML, "language:", "langage:"),
    ("policy", YAML, "name: tiny", "name: Tiny"),
    ("policy", YAML, "10 credits", "10"),
    ("policy", YAML, "credits: decimal(2)", "credits: float"),
    ("policy", YAML, "per: [user]", "per: user"),
    ("policy", YAML, "calendar: day", "calendar: fortnight"),
    ("policy", YAML, "priced_by: card", "priced_by: [card]"),
    ("policy", YAML, "otherwise: {deny: used_up, offer", "otherwise: {denied: used_up, offer"),
    ("policy", YAML, "2026-01-01T00:00:00Z", "2026-01-01"),
    ("policy", YAML, "draw: [plan_limit", "draws: [plan_limit"),
    ("tests", WHOLE, "cases:", "case:"),
    ("tests", WHOLE, "- name: steps", "- title: steps"),
    ("tests", WHOLE, "outcome: allow", "outcome: allowed"),
    ("tests", WHOLE, "- wait: 5h", "- wait: five"),
    ("tests", WHOLE, "- wait: 5h", "- waits: 5h"),
    ("tests", WHOLE, "used: 9 credits, ", ""),
    ("tests", WHOLE, "category: promotional", "category: gift"),
    ("tests", WHOLE, "id: C2, amount: 5 credits", "id: C2"),
    ("tests", WHOLE, "columns: [outcome, draws]", "columns: outcome"),
    ("request", REQUEST, '"id"', '"key"'),
    ("request", REQUEST, '"r"', '""'),
    ("request", REQUEST, '{"user": "u_ana"}', "{}"),
    ("request", REQUEST, '"u_ana"', '"u/ana"'),
    ("request", REQUEST, "3", "-1"),
    ("request", REQUEST, "3", "1.5"),
    ("request", REQUEST, "3", "true"),
    ("request", REQUEST, '"sora"', "null"),
]


@pytest.mark.parametrize(("name", "text", "old", "new"), WRONG, ids=[f"{row[0]}-{row[3]}" for row in WRONG])
def test_what_is_wrong_is_refused(name: str, text: str, old: str, new: str) -> None:
    assert old in text
    read = json.loads if name == "request" else _document
    assert problems(read(text), _schema(name)) == []
    assert problems(read(text.replace(old, new, 1)), _schema(name)) != []
