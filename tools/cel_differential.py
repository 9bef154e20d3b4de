"""Differential fuzz against Google's C++ implementation: `python tools/cel_differential.py [--count N] [--seed S]`.

Expressions by chance, well typed and ill typed, with and without the type checker, are given to both; the values must be
the same, or both must refuse or fail. Needs the extra `differential` (`pip install -e ".[differential]"`). Prints every
difference that the table of deviations does not explain; exit code 1 when there is one.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cel_conformance import outcome, same
from cel_expressions import KINDS, Generator
from overspill.cel.check import Scope, check
from overspill.cel.dialect import CEL, UNCHECKED
from overspill.cel.parse import parse
from overspill.cel.types import BOOL, DOUBLE, DYN, INT, STRING, ListType, MapType, Type
from overspill.compile.expressions import compiled, resolve
from overspill.plan.evaluate import evaluate
from overspill.plan.times import Duration, Timestamp
from overspill.plan.values import CelError, Map, TypeValue, UInt
from overspill.words.diagnostics import Fault
from overspill.words.spans import Source

SCOPE: Scope = {
    "b": BOOL,
    "i": INT,
    "x": DOUBLE,
    "s": STRING,
    "li": ListType(INT),
    "ls": ListType(STRING),
    "m": MapType(STRING, INT),
    "dy": DYN,
}
FACTS: dict[str, object] = {
    "b": True,
    "i": 3,
    "x": 2.5,
    "s": "abc",
    "li": [1, 2, 3],
    "ls": ["a", "b"],
    "m": {"a": 1},
    "dy": 1,
}
NAMES = {
    "bool": ["b"],
    "int": ["i"],
    "double": ["x"],
    "string": ["s"],
    "ints": ["li"],
    "strings": ["ls"],
    "by_string": ["m"],
    "dyn": ["dy"],
}
_TYPES = {"NULL": "null_type", "TIMESTAMP": "google.protobuf.Timestamp", "DURATION": "google.protobuf.Duration"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Failed(NamedTuple):
    """No value: `refused` before running, or else failed at it."""

    refused: bool
    message: str


class Deviation(NamedTuple):
    """A difference that is meant: why, and whether (text, ours, theirs) is one."""

    reason: str
    applies: Callable[[str, object, object], bool]


def _ours_fails(ours: object, *words: str) -> bool:
    return isinstance(ours, Failed) and any(word in ours.message for word in words)


def _refused(side: object) -> bool:
    return isinstance(side, Failed) and side.refused


def _keys_clash(value: object) -> bool:
    """Whether a map in `value` has a bool and a number as keys that a Python dict takes for one."""
    if isinstance(value, Map):
        return len(set(value)) < len(value) or any(_keys_clash(item) for _, item in value.items())
    return isinstance(value, tuple) and any(map(_keys_clash, value))


DEVIATIONS = (
    Deviation(
        "cel-spec wants a repeated key across int and uint to be an error; C++ keeps the first",
        lambda text, ours, theirs: _ours_fails(ours, "duplicate key") and not isinstance(theirs, Failed),
    ),
    Deviation(
        "a duration is at most 2^63 nanoseconds here, as cel-spec's ranges want; C++ reads up to 10,000 years",
        lambda text, ours, theirs: _ours_fails(ours, "duration out of range"),
    ),
    Deviation(
        "digits, spaces and hexadecimal floats are not trimmed or guessed in conversions of text",
        lambda text, ours, theirs: _ours_fails(ours, "cannot convert to"),
    ),
    Deviation(
        "a map has no key that is a list, bytes or null: `in` is false here, and C++ has no overload",
        lambda text, ours, theirs: isinstance(theirs, Failed) and "@in" in theirs.message and " in " in text,
    ),
    Deviation(
        "the order in which macros visit the keys of a map is not said by cel-spec: as written here, by hash in C++",
        lambda text, ours, theirs: (
            isinstance(ours, tuple)
            and isinstance(theirs, tuple)
            and sorted(map(repr, ours)) == sorted(map(repr, theirs))
        ),
    ),
    Deviation(
        "null is no instant and no duration; C++ lets its checker take it for either",
        lambda text, ours, theirs: _ours_fails(ours, "does not take", "differ") and "null" in str(ours),
    ),
    Deviation(
        "an item of an empty list goes with everything; C++ infers one type from its uses",
        lambda text, ours, theirs: ("[]" in text or "{}" in text) and (_refused(ours) or _refused(theirs)),
    ),
    Deviation(
        "false and 0 are two keys of a map; the binding shows maps as dicts, where they are one",
        lambda text, ours, theirs: _keys_clash(ours),
    ),
    Deviation(
        "a repeated key is an error when the map is made; C++ refuses a constant map before anything runs",
        lambda text, ours, theirs: isinstance(theirs, Failed) and "duplicate key" in theirs.message,
    ),
    Deviation(
        "no number has a sign that is not a number: NaN is `nan` as text",
        lambda text, ours, theirs: "-nan" in str(theirs) and "nan" in str(ours),
    ),
    Deviation(
        "int(bool) is not in cel-spec; C++ has it at run time",
        lambda text, ours, theirs: _ours_fails(ours, "no such overload: int(bool)"),
    ),
    Deviation(
        "the difference of two instants is exact up to 2^63 nanoseconds; C++ fails within a second of it",
        lambda text, ours, theirs: (
            isinstance(theirs, Failed)
            and "integer overflow" in theirs.message
            and "timestamp" in text
            and "duration" in text
        ),
    ),
    Deviation(
        "a literal that no double holds is a fault; in C++ it is infinite",
        lambda text, ours, theirs: _ours_fails(ours, "does not fit into a double"),
    ),
)


def ours(text: str, checked: bool) -> object:
    """Our value, the same from interpreter and generated code, or Failed."""
    tree = parse(Source("expr", text))
    typed = (tree,) if isinstance(tree, Fault) else check(tree, SCOPE, CEL if checked else UNCHECKED)
    if isinstance(typed, tuple):
        return Failed(True, typed[0].message)
    slots: dict[str, int] = {}
    expr = resolve(typed, lambda path: slots.setdefault(path, len(slots)), fold=False)
    facts = [_from_python(FACTS[path]) for path in slots]
    plain, generated = outcome(lambda: evaluate(expr, facts)), outcome(lambda: compiled(expr)(facts))
    if isinstance(plain, CelError) or isinstance(generated, CelError):
        assert type(plain) is type(generated), f"{text}: {plain!r} interpreted, {generated!r} compiled"
        return Failed(False, str(plain))
    assert same(plain, generated), f"{text}: {plain!r} interpreted, {generated!r} compiled"
    return plain


def _from_python(value: object) -> object:
    if isinstance(value, list):
        return tuple(value)
    return Map(list(value.items())) if isinstance(value, dict) else value


class Google:
    """The C++ implementation through its binding."""

    def __init__(self) -> None:
        try:
            from cel_expr_python import cel
        except ImportError:
            sys.exit('the C++ implementation is not installed: pip install -e ".[differential]"')
        # The binding gives back one reference to None too many each time: before Python 3.12 the process ends when the
        # last one is gone.
        self._nones = [None] * 2_000_000
        self.types = cel.Type
        self.environment = cel.NewEnv(variables={name: self._type(kind) for name, kind in SCOPE.items()})

    def _type(self, kind: Type) -> object:
        """One of our types as one of theirs."""
        match kind:
            case ListType(item=item):
                return self.types.List(self._type(item))
            case MapType(key=key, value=value):
                return self.types.Map(self._type(key), self._type(value))
            case _:
                return getattr(self.types, str(kind).upper())

    def value(self, text: str, checked: bool) -> object:
        """Its value as one of ours, or Failed."""
        try:
            expression = self.environment.compile(text, disable_check=not checked)
        except Exception as error:  # the binding raises what it likes
            return Failed(True, str(error).splitlines()[0])
        try:
            return self._ours(expression.eval(data=FACTS))
        except Exception as error:
            return Failed(False, str(error).splitlines()[0])

    def _ours(self, value: object) -> object:
        name = str(value.type())  # type: ignore[attr-defined]
        plain = value.value()  # type: ignore[attr-defined]
        match name.split("<")[0]:
            case "ERROR" | "UNKNOWN":
                raise ValueError(str(plain))
            case "LIST":
                return tuple([self._ours(item) for item in plain])
            case "MAP":
                return Map(
                    [
                        (bytes(key) if isinstance(key, bytearray) else key, self._ours(item))
                        for key, item in plain.items()
                    ]
                )
            case "UINT":
                return UInt(plain)
            case "BYTES":
                return bytes(plain)
            case "TIMESTAMP":
                micros = (plain - _EPOCH) // _MICROSECOND
                return Timestamp(micros // 10**6, micros % 10**6 * 1000)
            case "DURATION":
                return Duration(plain // _MICROSECOND * 1000)
            case "TYPE":
                shown = str(plain).split("<")[0]
                return TypeValue(_TYPES.get(shown, shown.lower()))
            case _:
                return plain


def agree(left: object, right: object) -> bool:
    """The same value, or none on both sides. Times are compared in microseconds, which is what the binding shows."""
    if isinstance(left, Failed) or isinstance(right, Failed):
        return isinstance(left, Failed) and isinstance(right, Failed)
    return same(_rounded(left), _rounded(right))


def _rounded(value: object) -> object:
    match value:
        case Timestamp(seconds=seconds, nanos=nanos):
            return Timestamp(seconds, nanos // 1000 * 1000)
        case Duration(nanos=nanos):
            return Duration(abs(nanos) // 1000 * 1000 * (-1 if nanos < 0 else 1))
        case Map():
            return Map([(int(k) if type(k) is UInt else k, _rounded(item)) for k, item in value.items()])
        case tuple():
            return tuple([_rounded(item) for item in value])
        case _:
            return value


def main(arguments: list[str]) -> int:
    """Exit code: 0 no unexplained difference, 1 some."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--count", type=int, default=100_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--explained", action="store_true", help="print the differences that are meant, too")
    chosen = options.parse_args(arguments)
    google, chance, counts = Google(), random.Random(chosen.seed), Counter[str]()
    unexplained = 0
    for _ in range(chosen.count):
        generator = Generator(chance.randrange, ill=chance.choice((0, 0, 3, 12)), more=NAMES)
        text = generator.expression(chance.choice(KINDS), chance.randrange(1, 5))
        checked = chance.random() < 0.6
        try:
            left, right = ours(text, checked), google.value(text, checked)
        except AssertionError as error:
            unexplained += 1
            print(error)
            continue
        if agree(left, right):
            failed = isinstance(left, Failed) or isinstance(right, Failed)
            counts["both fail" if failed else "same value"] += 1
            if isinstance(left, Failed) and isinstance(right, Failed) and left.refused != right.refused:
                counts["of these, refused by one and failed in the other"] += 1
            continue
        reason = next((item.reason for item in DEVIATIONS if item.applies(text, left, right)), None)
        counts[f"deviation: {reason}" if reason else "unexplained"] += 1
        unexplained += reason is None
        if reason is None or chosen.explained:
            print(
                f"{'checked' if checked else 'unchecked'}: {text}\n  ours   {left!r}\n  theirs {right!r}\n  {reason or 'unexplained'}"
            )
    for what, count in counts.most_common():
        print(f"{count:8} {what}")
    print(f"{chosen.count} expressions, seed {chosen.seed}: {unexplained} unexplained differences")
    return 1 if unexplained else 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)  # see Google.__init__: an orderly end would drop the last references to None
