"""Writes `docs/rules.md`, rule → claims and tests, from the claims that are proved and the marks of the tests:
`python tools/rules.py [--check]`."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from overspill.prove.proof import CLAIMS

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "rules.md"
RULES = {
    "M1": "amounts are exact integers; overflow is an error",
    "M2": "the base amount is computed exactly and rounded once",
    "M3": "a layer covers the largest base amount that its rate lets it pay for",
    "M4": "a base of zero is admitted and draws nothing",
    "W1": "intervals are half-open; exact lengths and calendar lengths",
    "W2": "windows open at first use, or by their schedule",
    "W3": "each opening is a generation; windows change through records only",
    "W4": "the windows of a limit are a conjunction",
    "W5": "a lowered capacity clamps what is left at zero; factors multiply",
    "W6": "resets: declared, commanded, banked",
    "W7": "calendar windows follow their zone",
    "W8": "sliding windows and buckets",
    "L1": "guards come first",
    "L2": "layers are drawn in the written order",
    "L3": "`fill whole` takes one layer",
    "L4": "draws sum to what was granted",
    "L5": "equality suffices",
    "L6": "a shortfall is denied or granted in part, and explained",
    "L7": "a layer that gives nothing blocks none before it",
    "L8": "caps and what they count",
    "L9": "layers are skipped by name, or not applicable",
    "L10": "a request bounds itself",
    "L11": "overage and entitlements",
    "L12": "graces",
    "L13": "what happens while the store is away",
    "G1": "when a lot is usable",
    "G2": "the order of lots",
    "G3": "what becomes of a lot is an entry",
    "G4": "lots outlive the product they were bought for",
    "G5": "a lot that expires while it is held",
    "T1": "the engine is given its instant",
    "T2": "a settlement is by the admission's policy, prices and windows",
    "T3": "time never runs backwards",
    "S1": "reserve, capture, consume, preview",
    "S2": "several captures, extension, release, time-out, late capture",
    "S3": "overshoot is refunded or owed",
    "S4": "releases and reversals unwind the recorded draws",
    "S5": "`admission verify_only`",
    "S6": "settlement is exactly once in effect",
    "S7": "the events of usage, and the charge",
    "I1": "keys, and replays in the same bytes",
    "I2": "keys live as long as the journal",
    "I3": "ids are derived",
    "U1": "top-up",
    "U2": "consent",
    "V1": "every decision names what it was made by",
    "V2": "the same inputs give the same bytes",
    "V3": "published versions are immutable",
    "V4": "the language has its own version",
}
HEAD = """# Rules and what shows them

Each rule of the language's meaning with the claims that are proved of its integer arithmetic (`python tools/prove.py` proves them; [CLAIMS.md](CLAIMS.md) says what that
covers and what not) and with the tests that name it (`pytest --rule W6` runs them). A rule without a test here is not shown yet: it is not implemented, or only shown by
tests that do not name it. This page is written by `python tools/rules.py`.

| rule | says | proof | tests |
|---|---|---|---|
"""


def marked() -> Iterator[tuple[str, str]]:
    """(rule, `file::test`) of every mark, in the order of files and lines; a state machine is marked as a class."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                for rule in _rules(node):
                    yield rule, f"{path.relative_to(ROOT / 'tests')}::{node.name}"


def _rules(node: ast.FunctionDef | ast.ClassDef) -> Iterator[str]:
    for mark in node.decorator_list:
        if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Attribute) and mark.func.attr == "rule":
            argument = mark.args[0]
            if isinstance(argument, ast.Constant):
                yield str(argument.value)


def page() -> str:
    """The page's text. Raises KeyError for a mark of no rule."""
    found: dict[str, list[str]] = {rule: [] for rule in RULES}
    for rule, test in marked():
        found[rule].append(f"`{test}`")
    proofs = {rule: [f"`{claim.name}`" for claim in CLAIMS if rule in claim.rules] for rule in RULES}
    rows = [
        f"| {rule} | {says} | {'<br>'.join(proofs[rule])} | {'<br>'.join(found[rule])} |"
        for rule, says in RULES.items()
    ]
    return HEAD + "\n".join(rows) + "\n"


def main(arguments: list[str]) -> int:
    """Exit code: 0 written or current, 1 stale."""
    text = page()
    if PAGE.exists() and PAGE.read_text("utf-8") == text:
        print("rules.py: current")
        return 0
    if "--check" in arguments:
        print("rules.py: docs/rules.md is stale; run python tools/rules.py")
        return 1
    PAGE.write_text(text, "utf-8")
    print("rules.py: written")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
