"""Texts to begin from, for each target: the shipped policies and their tests, the rules' pages, the tests' tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from random import Random

from cel_expressions import KINDS, Generator
from overspill.report.pages import Example, rules
from overspill.syntax.format import Surface, formatted
from overspill.words.failures import Failure
from review.test_bad_input import WHOLE
from support.everything import EVERYTHING
from support.rule_pages import bundle_of
from support.texts import DSL, YAML

SHIPPED = Path(str(files("overspill_policies")))
CORPUS = Path(__file__).parent / "corpus"


def _examples(surface: str) -> list[Example]:
    return [example for page in rules() for example in (*page.avoid, *page.prefer) if example.surface == surface]


def _dsl() -> list[str]:
    bundles = [sorted(folder.glob("*.spill")) for folder in sorted(SHIPPED.iterdir()) if folder.is_dir()]
    shipped = ["\n".join(path.read_text("utf-8") for path in files) for files in bundles if files]
    wholes = [b"\n".join(bundle_of(example).values()).decode() for example in _examples("DSL")]
    return [DSL, EVERYTHING, *shipped, *wholes]


def _yaml() -> list[str]:
    """Written from those of the DSL, as far as they can be read, so that most are whole."""
    written = [_as_yaml(text) for text in _dsl()]
    return [
        YAML,
        *[path.read_text("utf-8") for path in sorted(SHIPPED.rglob("*.spill.yaml"))],
        *[example.text for example in _examples("YAML")],
        *[text for text in written if text is not None],
    ]


def _as_yaml(text: str) -> str | None:
    """The same in YAML, where it can be read and has a name once only."""
    try:
        return formatted("t.spill", text.encode(), Surface.YAML)[0]
    except Failure:
        return None


def _cel() -> list[str]:
    """Expressions of every kind, over the inputs that the tests of expressions share."""
    inputs = {
        "bool": ("user.suspended", "has(user.age)", "has(workspace.id)"),
        "int": ("user.age", "input_tokens", "workspace.seats"),
        "string": ("user.plan", "request.model", "workspace.id"),
        "strings": ("user.groups",),
    }
    expressions = Generator(Random(1).randrange, ill=2, more=inputs)
    return [*[expressions.expression(kind, 3) for kind in KINDS for _ in range(20)], "user.spend_limit > request.cost"]


def _request() -> list[str]:
    whole = {
        "id": "req-1",
        "account": {"user": "u_ana", "workspace": "w_1"},
        "fields": {"product": "codex", "model": "gpt-5.5", "speed": "fast", "turn": "t-19"},
        "meters": {"input_tokens": 90000, "cached_input_tokens": "50000", "output_tokens": 8000, "generations": 0},
        "initiator": "user",
        "only": None,
        "max_charge": None,
        "at_least": None,
    }
    bounded = {**whole, "only": ["credits"], "max_charge": {"credits": "1.5"}, "at_least": "1"}
    small = {"id": "r", "account": {"user": "u_ana"}, "fields": {"product": "sora"}, "meters": {"generations": 3}}
    return [json.dumps(one) for one in (whole, bounded, small)]


def _tests() -> list[str]:
    held = "holds: {h: {product: text, model: m1, tokens: 100}}"  # denied to one of the matrix's plans
    return [
        WHOLE.replace(held, "holds: {}"),
        WHOLE,
        *[path.read_text("utf-8") for path in sorted(SHIPPED.rglob("*.test.yaml"))],
    ]


_SEEDS: Mapping[str, Callable[[], list[str]]] = {
    "dsl": _dsl,
    "yaml": _yaml,
    "cel": _cel,
    "request": _request,
    "tests": _tests,
}


def seeds(target: str) -> list[str]:
    """The texts that a target's mutations begin from."""
    return _SEEDS[target]()


def corpus(target: str) -> list[Path]:
    """The smallest texts of what was found once."""
    return sorted(path for path in (CORPUS / target).glob("*") if path.is_file())
