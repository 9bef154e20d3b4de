"""What keeps the kernel provable: no loops, no floats, no recursion, no state, and nothing imported but its like."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ENGINE = Path(__file__).parents[2] / "engine" / "overspill"
KERNEL = ENGINE / "account" / "kernel.py"
ARITHMETIC = ENGINE / "plan" / "arithmetic.py"
LINES_MAX = 300
IMPORTS = {"__future__", "typing", "overspill.plan.arithmetic"}
LOOPS = (ast.For, ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.AsyncFor)
STATE = (ast.Global, ast.Nonlocal, ast.Lambda, ast.Try, ast.With, ast.Yield, ast.Await)


def faults(text: str) -> list[str]:
    """What a kernel may not have."""
    tree = ast.parse(text)
    found = ["too long"] if text.count("\n") > LINES_MAX else []
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    for node in ast.walk(tree):
        if isinstance(node, LOOPS):
            found.append(f"{node.lineno}: a loop")
        if isinstance(node, STATE):
            found.append(f"{node.lineno}: a {type(node).__name__}")
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            found.append(f"{node.lineno}: a float")
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.Pow):
            found.append(f"{node.lineno}: {ast.unparse(node)}")
        if isinstance(node, ast.ImportFrom) and node.module not in IMPORTS:
            found.append(f"{node.lineno}: imports {node.module}")
        if isinstance(node, ast.Import):
            found.append(f"{node.lineno}: imports {node.names[0].name}")
        if isinstance(node, ast.FunctionDef):
            calls = {
                call.func.id
                for call in ast.walk(node)
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
            }
            found += [f"{node.lineno}: calls itself"] if node.name in calls else []
            found += [f"{node.lineno}: calls {name}" for name in sorted(calls - functions - ALLOWED)]
    return found


ALLOWED = {"min", "max", "divmod", "Split", "ceil_ratio", "cover"}
"""What a kernel may call beside its own functions."""


@pytest.mark.parametrize("path", [KERNEL, ARITHMETIC], ids=["kernel", "arithmetic"])
def test_the_kernel_is_loop_free_and_stands_alone(path: Path) -> None:
    assert faults(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("canary", "found"),
    [
        ("def f(a):\n    for b in a:\n        pass", "2: a loop"),
        ("def f(a):\n    while a:\n        pass", "2: a loop"),
        ("def f(a):\n    return max(b for b in a)", "2: a loop"),
        ("def f(a):\n    return a / 2", "2: a / 2"),
        ("def f(a):\n    return a * 0.5", "2: a float"),
        ("def f(a):\n    return f(a - 1)", "1: calls itself"),
        ("def f(a):\n    return open(a)", "1: calls open"),
        ("import os", "1: imports os"),
        ("from overspill.words.codec import Struct", "1: imports overspill.words.codec"),
        ("a = lambda b: b", "1: a Lambda"),
        ("\n" * 301, "too long"),
    ],
)
def test_the_check_finds_what_a_kernel_may_not_have(canary: str, found: str) -> None:
    assert found in faults(canary)
