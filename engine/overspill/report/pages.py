"""The pages of the rules: what each code means, one Markdown file a code, as data in `overspill_grammar/rules`.

A page is a title `# OSP301: …`, a list of facts, and the sections Avoid, Prefer and Why. Its examples are policy text in
either surface, cut down to the constructs that matter: in `base.spill` what has the same name is replaced by them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files

from overspill.words.codec import Struct
from overspill.words.diagnostics import Severity, did_you_mean
from overspill.words.failures import Failure

CODE = re.compile(r"OSP[0-9]{3}")
SURFACES = {"spill": "DSL", "yaml": "YAML"}
"""A block's language → the surface it is of; other blocks are shown and not policy text."""
_TITLE = re.compile(r"# (OSP[0-9]{3}): (.+)")
_FACT = re.compile(r"^- ([a-z]+): (.+)$", re.MULTILINE)
_SECTION = re.compile(r"^## (.+)\n+((?:(?!^## )[\s\S])*)", re.MULTILINE)
_BLOCK = re.compile(r"^```([a-z]+)\n([\s\S]*?)^```$", re.MULTILINE)


class Example(Struct, frozen=True):
    """Policy text in `surface` (DSL or YAML), or other text that no checker reads (None)."""

    surface: str | None
    text: str


class Rule(Struct, frozen=True, kw_only=True):
    """One page; `text` is all of it as written."""

    code: str
    title: str
    severity: Severity
    surfaces: tuple[str, ...]
    fix: str | None
    """When a fix is applied, in words; None where there is none."""
    avoid: tuple[Example, ...]
    prefer: tuple[Example, ...]
    why: str
    text: str

    @property
    def can_be_ignored(self) -> bool:
        return self.severity is not Severity.ERROR


def codes() -> tuple[str, ...]:
    """All codes that have a page, in order."""
    names = (entry.name for entry in (files("overspill_grammar") / "rules").iterdir())
    return tuple(sorted(name.removesuffix(".md") for name in names if name.endswith(".md")))


def rules() -> Iterator[Rule]:
    """All pages, in order."""
    return map(_page, codes())


def rule(code: str) -> Rule:
    """The page of a code. Raises Failure `unknown_rule`."""
    known = codes()
    if code not in known:
        help = did_you_mean(code, known) or "`overspill rule` lists them all"
        raise Failure("unknown_rule", f"there is no rule `{code[:20]}`", help=help)
    return _page(code)


@lru_cache(maxsize=128)
def _page(code: str) -> Rule:
    return page_of((files("overspill_grammar") / "rules" / f"{code}.md").read_text("utf-8"))


def page_of(text: str) -> Rule:
    """A page's text as a rule. Raises ValueError for one that is not in the form."""
    title = _TITLE.match(text)
    facts = dict(_FACT.findall(text.partition("\n## ")[0]))
    sections = dict(_SECTION.findall(text))
    if title is None or list(sections) != ["Avoid", "Prefer", "Why"] or not {"severity", "surfaces"} <= set(facts):
        raise ValueError(f"{text[:40]!r}: a page has a title, severity, surfaces, and the sections Avoid, Prefer, Why")
    return Rule(
        code=title[1],
        title=title[2],
        severity=Severity(facts["severity"]),
        surfaces=tuple(facts["surfaces"].split(", ")),
        fix=facts.get("fix"),
        avoid=_examples(sections["Avoid"]),
        prefer=_examples(sections["Prefer"]),
        why=sections["Why"].strip(),
        text=text,
    )


def _examples(section: str) -> tuple[Example, ...]:
    return tuple(Example(SURFACES.get(language), text) for language, text in _BLOCK.findall(section))
