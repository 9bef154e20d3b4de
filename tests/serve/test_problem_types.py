"""Where the `type` of a problem leads: every code that a caller can be answered with says there what it means."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import overspill
from overspill.serve.problem_types import ABOUT, STORE_CODES, about
from overspill.serve.problems import STATUSES, Problem, status_of
from overspill.words.failures import Failure, StoreFailure
from support.asgi import call
from support.services import ANA, Served, served

ENGINE = Path(overspill.__file__).parent
ASKED = ("account", "decide", "hooks", "plan", "serve", "step", "words")
"""The packages that fail because of what a caller has sent."""
AT_THE_START = {"invalid_gateway", "invalid_issuers", "invalid_network", "invalid_scope", "unknown_key_id"}
"""What only whoever starts the service, or makes keys, is told."""


def _codes(*packages: str, of: str) -> Iterator[str]:
    """The codes that are written down as the first argument of a failure."""
    for package in packages:
        for file in sorted((ENGINE / package).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == of and node.args:
                    first = node.args[0]
                    if isinstance(first, ast.Constant):
                        yield str(first.value)


def test_every_code_of_a_call_says_what_it_means() -> None:
    written = set(_codes(*ASKED, of="Failure"))
    assert len(written) > 60
    assert written - AT_THE_START - set(ABOUT) == set()
    assert set(STATUSES) - set(ABOUT) == set()


def test_every_code_of_the_store_says_what_it_means() -> None:
    written = set(_codes("records", "runtime", "step", "store", of="StoreFailure"))
    assert len(written) > 25
    assert written - set(STORE_CODES) == set()
    assert set(STORE_CODES) & set(ABOUT) == set()


@pytest.fixture(scope="module")
def one() -> Iterator[Served]:
    with served() as found:
        yield found


@pytest.mark.parametrize("code", [*ABOUT, *STORE_CODES, "missing_product", "unknown_model"])
def test_a_type_leads_to_what_it_means(one: Served, code: str) -> None:
    answer = call(one.app, "GET", f"/problems/{code}")
    assert (answer.status, answer.json["type"], answer.json["about"]) == (200, f"/problems/{code}", about(code))
    if code not in ("insufficient_credits", "entitlement_missing"):
        failure = StoreFailure(code, "") if code in STORE_CODES else Failure(code, "")
        assert answer.json["status"] == status_of(failure)


@pytest.mark.parametrize("code", ["nothing", "missing_", "unknown_", "a%20b"])
def test_what_is_no_code_leads_nowhere(one: Served, code: str) -> None:
    assert call(one.app, "GET", f"/problems/{code}").status == 404


def test_a_problem_has_the_title_that_its_type_has(one: Served) -> None:
    problem = one.all.post("/v1/decisions", {"account": ANA, "fields": {}, "meters": {}}, "k").json
    told = call(one.app, "GET", problem["type"]).json
    assert problem["code"] == "missing_product"
    assert {name: problem[name] for name in ("type", "title", "status", "code")} == {
        name: told[name] for name in ("type", "title", "status", "code")
    }
    assert set(told) - set(Problem.__struct_fields__) == {"about"}
