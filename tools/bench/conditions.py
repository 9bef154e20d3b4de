"""Conditions with CEL's exact semantics: as the plan's generated code has them, as its interpreter runs them, and as
peers do."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from table import cpu, paced, row

from overspill.cel.check import check
from overspill.cel.dialect import CEL
from overspill.cel.parse import parse
from overspill.cel.types import BOOL, INT, STRING, ListType
from overspill.compile.expressions import compiled, resolve
from overspill.plan.evaluate import evaluate
from overspill.words.diagnostics import Fault
from overspill.words.spans import Source

TYPES = {
    "model": STRING,
    "plan": STRING,
    "suspended": BOOL,
    "height": INT,
    "name": STRING,
    "groups": ListType(STRING),
    "tokens": INT,
    "limit": INT,
}
VALUES: dict[str, object] = {
    "model": "gpt-5.5",
    "plan": "pro",
    "suspended": False,
    "height": 720,
    "name": "team-blue@example",
    "groups": ["staff", "beta"],
    "tokens": 9000,
    "limit": 8000,
}
CONDITIONS = {
    "fields": 'model in ["gpt-5.5", "gpt-5.5-mini"] && plan == "pro" && !suspended && height <= 1080',
    "text": 'name.startsWith("team-") && name.contains("@") && size(name) < 40',
    "a list": 'groups.exists(group, group == "beta")',
    "arithmetic": "tokens + 2 * height > 1000 && tokens / 2 < limit",
}
"""Each is true of `VALUES`."""
MOST = 1.5


def conditions(rounds: int, count: int) -> None:
    """CPU of each condition; all must come to true."""
    for name, text in CONDITIONS.items():
        generated, interpreted, facts = _made(text)
        assert generated(facts) is True
        assert interpreted(facts) is True
        found = cpu({"ours": lambda _, f=generated, v=facts: f(v), "plain": lambda _, f=interpreted, v=facts: f(v)},
                    rounds, count)  # fmt: skip
        beside = f"interpreter {found['plain'] / found['ours']:.1f}×"
        paced(f"a condition, {name}", found["ours"], "µs CPU", MOST, found["pace"], beside)


def _made(text: str) -> tuple[Callable[..., object], Callable[..., object], Sequence[object]]:
    """A condition as generated code, as the interpreter runs it, and the facts that it reads."""
    tree = parse(Source("bench", text))
    assert not isinstance(tree, Fault)
    typed = check(tree, TYPES, CEL)
    assert not isinstance(typed, tuple)
    slots: dict[str, int] = {}
    expr = resolve(typed, lambda path: slots.setdefault(path, len(slots)))
    facts = [tuple(value) if isinstance(value, list) else value for value in map(VALUES.__getitem__, slots)]
    return compiled(expr), lambda facts: evaluate(expr, facts), facts


PEERS = {
    "Rust, fresh context": "fresh",
    "Rust, one context": "reused",
    "C++": "google",
    "Python": "plain",
}
PACKAGES = ("common-expression-language", "cel-expr-python", "cel-python")
_ASK = """
import json, sys, time
conditions, values = json.load(sys.stdin)

import cel
context = cel.Context(values)
rust = {name: cel.compile(text) for name, text in conditions.items()}

from cel_expr_python import cel as google
types = google.Type
kinds = {str: types.STRING, bool: types.BOOL, int: types.INT, list: types.List(types.STRING)}
environment = google.NewEnv(variables={name: kinds[type(value)] for name, value in values.items()})
theirs = {name: environment.compile(text) for name, text in conditions.items()}

import celpy
python = celpy.Environment()
programs = {name: python.program(python.compile(text)) for name, text in conditions.items()}
given = celpy.json_to_cel(values)

asks = {
    "fresh": lambda name: rust[name].execute(values),
    "reused": lambda name: rust[name].execute(context),
    "google": lambda name: theirs[name].eval(data=values).value(),
    "plain": lambda name: programs[name].evaluate(given),
}
found = {}
for name in conditions:
    for peer, ask in asks.items():
        assert ask(name) == True and "bool" in type(ask(name)).__name__.lower(), (peer, name, ask(name))
        count = 200 if peer == "plain" else 5000
        least = float("inf")
        for _ in range(7):
            start = time.process_time_ns()
            for _ in range(count):
                ask(name)
            least = min(least, (time.process_time_ns() - start) / count / 1000)
        found[name + "/" + peer] = least
print(json.dumps(found))
"""


def compare(python: Path, ours: dict[str, float]) -> None:
    """The same conditions and values in the peers that `python` has; `ours` in µs by name."""
    asked = json.dumps([CONDITIONS, VALUES])
    done = subprocess.run([python, "-c", _ASK], input=asked, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    for name in CONDITIONS:
        for peer, key in PEERS.items():
            theirs = found[f"{name}/{key}"]
            ratio = theirs / ours[f"a condition, {name}"]
            must = key in ("fresh", "google")
            row(
                f"condition, {name}: {peer}, to ours",
                ratio,
                "×",
                bar="≥ 1" if must else "",
                holds=ratio >= 1 if must else None,
                beside=f"{theirs:.2f} µs",
            )
