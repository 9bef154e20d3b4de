"""Style that is run: sizes, floats, clocks, words that do not belong. Each check has a canary that it must find."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import overspill

ROOT = Path(__file__).parents[2]
ENGINE = ROOT / "engine" / "overspill"
FILES = sorted(ENGINE.rglob("*.py"))
PURE = (
    "words",
    "patterns",
    "check",
    "compile",
    "plan",
    "account",
    "decide",
    "step",
    "records",
    "book",
    "events",
    "audit",
    "review",
)
FILE_LINES_MAX = 470
FUNCTION_LINES_MAX = 60

Checker = Callable[[ast.Module, str], list[str]]


def long_functions(module: ast.Module, _: str) -> list[str]:
    functions = [node for node in ast.walk(module) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return [node.name for node in functions if (node.end_lineno or 0) - node.lineno > FUNCTION_LINES_MAX]


def long_file(_: ast.Module, text: str) -> list[str]:
    return ["the file"] if text.count("\n") > FILE_LINES_MAX else []


def floats(module: ast.Module, _: str) -> list[str]:
    found = []
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            found.append(f"{node.lineno}: {node.value}")
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and not _is_path(node):
            found.append(f"{node.lineno}: /")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float":
            found.append(f"{node.lineno}: float()")
    return found


def _is_path(node: ast.BinOp) -> bool:
    """`files("tzdata") / "zoneinfo" / name` joins a path."""
    return "files(" in ast.unparse(node)


def undocumented(module: ast.Module, _: str) -> list[str]:
    """Modules, and public functions and classes at the top level, without a docstring."""
    found = [] if ast.get_docstring(module) else ["the module"]
    for node in module.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and not ast.get_docstring(node):
            long = (node.end_lineno or 0) - node.lineno > 8
            found += [node.name] if long else []
    return found


def set_loops(module: ast.Module, _: str) -> list[str]:
    """Loops straight over a set: their order changes with the hash seed."""
    loops = [node.iter for node in ast.walk(module) if isinstance(node, (ast.For, ast.comprehension))]
    return [
        ast.unparse(one)
        for one in loops
        if isinstance(one, (ast.Set, ast.SetComp))
        or (isinstance(one, ast.Call) and isinstance(one.func, ast.Name) and one.func.id in ("set", "frozenset"))
    ]


def _pure(path: Path) -> bool:
    return path.relative_to(ENGINE).parts[0] in PURE and path.name not in (
        "functions.py",
        "values.py",
        "conversions.py",
    )


CHECKS: list[tuple[Checker, Callable[[Path], bool], str]] = [
    (long_functions, lambda path: True, "def f():\n" + "    a = 1\n" * 70),
    (long_file, lambda path: True, "a = 1\n" * 500),
    (floats, _pure, "a = 1 / 2"),
    (floats, _pure, "a = 0.5"),
    (undocumented, lambda path: True, "a = 1"),
    (set_loops, _pure, "for a in {1, 2}:\n    pass"),
]


@pytest.mark.parametrize(("check", "applies", "canary"), CHECKS, ids=[check[0].__name__ for check in CHECKS])
def test_the_engine_is_tidy(check: Checker, applies: Callable[[Path], bool], canary: str) -> None:
    assert check(ast.parse(canary), canary), "the check does not find its canary"
    findings = {}
    for path in FILES:
        if applies(path):
            text = path.read_text("utf-8")
            found = check(ast.parse(text), text)
            if found:
                findings[str(path.relative_to(ENGINE))] = found
    assert findings == {}


LAZY = (
    "z3",
    "lark",
    "yaml",
    "jsonschema",
    "pydantic",
    "rich",
    "click",
    "structlog",
    "asyncio",
    "nats",
    "psycopg",
    "duckdb",
    "httpx2",
    "overspill.client",
)
RUNS = ("overspill.runtime.engine", "overspill.step.step", "overspill.decide.decide")
STAGES = ("overspill.cel", "overspill.syntax", "overspill.check", "overspill.compile")


def _loaded(script: str, names: tuple[str, ...]) -> str:
    """Which of the modules are there after the script."""
    script = f"import sys; {script}; print([name for name in {names!r} if name in sys.modules])"
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()


def test_importing_overspill_loads_no_parser() -> None:
    assert _loaded("from overspill import *", LAZY + STAGES) == "[]"


def test_the_client_for_threads_loads_no_engine_and_no_library_of_its_own() -> None:
    needs = "from overspill.client import Client, HoldJournal, Patience, ServiceFailure; from overspill import Request"
    own = ("overspill.runtime", "overspill.step", "overspill.serve", "anyio", "starlette")
    assert _loaded(needs, LAZY[:-1] + STAGES + own) == "[]"


def test_reading_a_policy_loads_nothing_that_runs() -> None:
    assert _loaded("import overspill.check.from_tree, overspill.cli.check", RUNS) == "[]"
    assert _loaded("from overspill import *", RUNS) == str(list(RUNS))


def test_what_overspill_names_is_there() -> None:
    assert all(getattr(overspill, name) is not None for name in overspill.__all__)
    assert not hasattr(overspill, "Engines")


def test_the_arrows_run_one_way() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


DOORS = {
    "lark": {
        "cel/build.py",
        "cel/drive.py",
        "cel/parse.py",
        "cel/tables.py",
        "syntax/build_base.py",
        "syntax/build_layers.py",
        "syntax/dsl.py",
    },
    "yaml": {"syntax/yaml_nodes.py"},
    "jsonschema": {"syntax/validate.py"},
    "duckdb": {"store/export_parquet.py"},
    "httpx2": {"client/aio.py"},
    "nats": {"stream/broker.py"},
    "psycopg": {"store/postgres_session.py"},
    "sqlite3": {
        "store/registry.py",
        "store/sqlite.py",
        "store/sqlite_files.py",
        "store/sqlite_ledger.py",
        "store/sqlite_schema.py",
    },
    "z3": {"prove/paths.py", "prove/proof.py", "prove/solvers.py", "prove/terms.py"},
    "cvc5": {"prove/solvers.py"},
    "pydantic": set(),
    "structlog": {"runtime/alarms.py", "serve/observing.py"},
}


@pytest.mark.parametrize("library", sorted(DOORS))
def test_each_library_has_its_door(library: str) -> None:
    found = set()
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] == library for name in names):
                found.add(str(path.relative_to(ENGINE)))
    assert found == DOORS[library]
