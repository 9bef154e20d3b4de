"""The examples on the rules' pages as bundles, and what the checker says of them."""

from __future__ import annotations

import re
from importlib.resources import files

from overspill.report.pages import CODE, Example
from overspill.syntax.constructs import CONSTRUCTS
from overspill.syntax.frame import render
from overspill.syntax.read import read
from overspill.words.diagnostics import Fault
from support.texts import faults_of_bundle

BASE = (files("overspill_grammar") / "rules" / "base.spill").read_text("utf-8")
NAMES = {"DSL": "example.spill", "YAML": "example.spill.yaml"}
WHOLE_FILES: dict[str, tuple[str, bytes]] = {
    "OSP101": ("example.spill", b'owner "Z\xfcrich";\n'),
    "OSP102": ("example.spill", b"// " + b"x" * 256 * 1024),
    "OSP103": ("example.spill", b"limit a " + b"{" * 65),
    "OSP111": ("example.spill", b"owner;\n" * 21),
    "OSP104": ("example.spill", 'owner "access\u200b-platform";\n'.encode()),
}
"""The cases of the codes whose example cannot be shown as text."""
_HEADER = ("policy", "language", "effective", "owner", "request")
_DSL_ITEM = re.compile(r"^([a-z_]+)(?: +([a-z_]+))?", re.MULTILINE)
_YAML_KEY = re.compile(r"^([a-z_]+):", re.MULTILINE)
_YAML_NAME = re.compile(r"^  ([a-z_]+):", re.MULTILINE)
_WORDS = {construct.key: construct.word for construct in CONSTRUCTS.values()} | {"units": "unit"}

Declared = tuple[str, str | None]
"""(word, name): `limit included`; `policy` and its like have no name here."""


def bundle_of(example: Example) -> dict[str, bytes]:
    """The example as a file beside the base without what it declares."""
    assert example.surface is not None
    declared = set((_in_dsl if example.surface == "DSL" else _in_yaml)(example.text))
    base, _ = read("base.spill", BASE.encode())
    assert base is not None
    text = BASE
    for item in reversed(base.items):
        word, _, rest = item.span.text.partition(" ")
        key = (word, None if word in _HEADER else rest.split()[0].rstrip(":"))
        if key in declared:
            text = text[: item.span.start] + text[item.span.end :]
    return {"base.spill": text.encode(), NAMES[example.surface]: example.text.encode()}


def _in_dsl(text: str) -> list[Declared]:
    return [(word, None if word in _HEADER else name) for word, name in _DSL_ITEM.findall(text)]


def _in_yaml(text: str) -> list[Declared]:
    found: list[Declared] = []
    keys = [*_YAML_KEY.finditer(text)]
    for key, after in zip(keys, [*keys[1:], None], strict=True):
        inside = text[key.end() : None if after is None else after.start()]
        word = _WORDS.get(key[1], key[1])
        found += [(word, None)] if word in _HEADER else [(word, name) for name in _YAML_NAME.findall(inside)]
    return found


def findings(example: Example) -> tuple[Fault, ...]:
    return faults_of_bundle(bundle_of(example))


def golden(code: str, examples: tuple[Example, ...]) -> str:
    """What `check` prints for each case of a code, of this code only."""
    cases = [findings(example) for example in examples if example.surface is not None]
    if code in WHOLE_FILES:
        cases.append(faults_of_bundle(dict([WHOLE_FILES[code]])))
    return "\n".join(render(fault for fault in faults if fault.code == code) for faults in cases)


def codes_in(text: str) -> set[str]:
    return set(CODE.findall(text))
