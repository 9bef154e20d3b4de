"""Runs conformance cases of the Common Expression Language: `python tools/cel_conformance.py FILE`.

FILE has one case a line as JSON: `id`, `file`, `section`, `expr`; `container`, `type_env` and `bindings` where there are
some; `value` or `error`, or `check_only`. Each case runs through the plain interpreter and through generated Python, and
both must give what is expected. Prints passed and failed by section; exit code 0 all passed, 1 some failed, 2 no cases.
"""

from __future__ import annotations

import json
import sys
from base64 import b64decode
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

from overspill.cel import types
from overspill.cel.check import Scope, check
from overspill.cel.dialect import CEL, UNCHECKED, Dialect
from overspill.cel.parse import parse
from overspill.cel.types import DYN, ListType, MapType, Type
from overspill.compile.expressions import compiled, resolve
from overspill.plan.evaluate import evaluate
from overspill.plan.times import NANOS, Duration, Timestamp
from overspill.plan.values import ABSENT, CelError, Map, TypeValue, UInt
from overspill.words.diagnostics import Fault
from overspill.words.spans import Source

Json = dict[str, object]
USAGE = "give a file of cases, one JSON object a line: python tools/cel_conformance.py core.jsonl"
SHOWN_MAX = 20
_TYPES = {str(kind): kind for kind in vars(types).values() if isinstance(kind, types.ScalarType)}
_TYPES |= {"null_type": types.NULL, "google.protobuf.Timestamp": types.TIMESTAMP}
_TYPES |= {"google.protobuf.Duration": types.DURATION}


def type_of(written: object) -> Type:
    """`int`, {"list": T}, {"map": [K, V]} → a type."""
    match written:
        case str():
            return _TYPES[written]
        case {"list": item}:
            return ListType(type_of(item))
        case {"map": [key, value]}:
            return MapType(type_of(key), type_of(value))
    raise ValueError(f"no type that is known here: {written}")


def value_of(written: object) -> object:
    """{"int": "1"}, {"list": [V…]} … → a value of the run time."""
    match written:
        case {"null": _}:
            return None
        case {"bool": bool(value)}:
            return value
        case {"int": text}:
            return int(str(text))
        case {"uint": text}:
            return UInt(str(text))
        case {"double": text}:
            return float(str(text))
        case {"string": str(text)}:
            return text
        case {"bytes": text}:
            return b64decode(str(text))
        case {"list": list(items)}:
            return tuple([value_of(item) for item in items])
        case {"map": list(entries)}:
            return Map([(value_of(key), value_of(value)) for key, value in entries])
        case {"duration": {"s": seconds, "n": nanos}}:
            return Duration(int(str(seconds)) * NANOS + int(str(nanos)))
        case {"timestamp": {"s": seconds, "n": nanos}}:
            return Timestamp(int(str(seconds)), int(str(nanos)))
        case {"type": str(name)}:
            return TypeValue(name)
    raise ValueError(f"no value that is known here: {written}")


def same(left: object, right: object) -> bool:
    """Equal in value and kind: maps in any order, NaN equal to itself, int, uint and double apart."""
    if type(left) is not type(right):
        return False
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, Map) and isinstance(right, Map):
        return len(left) == len(right) and all(
            any(same(key, other) and same(value, found) for other, found in right.items())
            for key, value in left.items()
        )
    return left == right or (left != left and right != right)


def outcome(run: Callable[[], object]) -> object:
    """What `run` returns, or the CelError it raises."""
    try:
        return run()
    except CelError as error:
        return error


def as_expected(case: Json, found: object) -> bool:
    if "error" in case:
        return isinstance(found, CelError)
    expected: object = {"bool": True} if case.get("implicit_true") else case.get("value")
    return not isinstance(found, CelError) and same(value_of(expected), found)


def declared(case: Json) -> tuple[Scope, Mapping[str, object]]:
    """(types, values) of the inputs; one that is bound and not declared is dyn, one that is not bound is absent."""
    bindings: dict[str, Json] = case.get("bindings", {})  # type: ignore[assignment]
    environment: list[Json] = case.get("type_env", [])  # type: ignore[assignment]
    scope: dict[str, Type] = dict.fromkeys(bindings, DYN)
    scope |= {str(entry["name"]): type_of(entry["type"]) for entry in environment if "type" in entry}
    values = {name: value_of(bound["value"]) for name, bound in bindings.items() if "value" in bound}
    return scope, values


def failure(case: Json) -> str | None:
    """Why the case fails, or None."""
    unchecked = bool(case.get("disable_check"))
    base = UNCHECKED if unchecked else CEL
    dialect = Dialect(
        container=str(case.get("container", "")),
        mixed_numbers=base.mixed_numbers,
        at_run_time=base.at_run_time,
        macros=not case.get("disable_macros"),
    )
    scope, known = declared(case)
    tree = parse(Source("expr", str(case["expr"])))
    typed = (tree,) if isinstance(tree, Fault) else check(tree, scope, dialect)
    if isinstance(typed, tuple):
        found: object = typed[0]
        refused = isinstance(found, Fault) and "error" in case
        return None if refused else f"refused: {typed[0].message}"
    if case.get("check_only"):
        return None
    slots: dict[str, int] = {}
    expr = resolve(typed, lambda path: slots.setdefault(path, len(slots)), fold=False)
    facts = [known.get(path, ABSENT) for path in slots]
    for way, result in (
        ("interpreted", outcome(lambda: evaluate(expr, facts))),
        ("compiled", outcome(lambda: compiled(expr)(facts))),
    ):
        if not as_expected(case, result):
            return f"{way}: {result!r}, expected {case.get('value', case.get('error'))}"
    return None


def main(arguments: list[str]) -> int:
    """Exit code: 0 all passed, 1 some failed, 2 no cases to run."""
    if len(arguments) != 1 or not Path(arguments[0]).is_file():
        print(f"no such file: {arguments[0]}" if len(arguments) == 1 else USAGE, file=sys.stderr)
        return 2
    cases = [json.loads(line) for line in Path(arguments[0]).read_text("utf-8").splitlines() if line.strip()]
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    failures: list[str] = []
    for case in cases:
        try:
            why = failure(case)
        except (ValueError, KeyError) as error:
            why = f"the case cannot be read: {error}"
        counts[f"{case['file']}/{case['section']}"][why is not None] += 1
        failures += [] if why is None else [f"{case['id']}: {case['expr']}\n    {why}"]
    for section, (passed, failed) in sorted(counts.items()):
        print(f"{section:45} {passed:5} passed {failed:5} failed")
    more = len(failures) - SHOWN_MAX
    for line in [*failures[:SHOWN_MAX], *([f"and {more} more"] if more > 0 else [])]:
        print(line)
    print(f"{len(cases) - len(failures)} of {len(cases)} passed, interpreted and compiled")
    return 2 if not cases else 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
