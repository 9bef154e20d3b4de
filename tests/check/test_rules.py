"""Every code has a page, a case and a golden message; what a page says is true.

To add a code: write `grammar/overspill_grammar/rules/OSPnnn.md`, run `python tools/goldens.py`, read what it wrote.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from overspill.report.pages import Example, Rule, codes, page_of, rules
from overspill.words.diagnostics import Fault, Severity
from support.rule_pages import BASE, WHOLE_FILES, bundle_of, codes_in, findings, golden
from support.texts import faults_of, faults_of_bundle

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"
RULES = {page.code: page for page in rules()}
SOURCES = "".join(
    path.read_text("utf-8") for path in sorted((ROOT / "engine").rglob("*.py")) if "report" not in path.parts
)
EXAMPLES = [
    pytest.param(page, example, wanted, id=f"{page.code} {wanted} {example.surface}")
    for page in RULES.values()
    for wanted, examples in (("avoid", page.avoid), ("prefer", page.prefer))
    for example in examples
    if example.surface is not None
]


def test_every_code_of_the_source_has_a_page_and_every_page_a_code() -> None:
    assert set(codes()) == codes_in(SOURCES)


@pytest.mark.parametrize("page", RULES.values(), ids=RULES)
def test_every_page_has_a_case_in_each_of_its_surfaces(page: Rule) -> None:
    if page.code not in WHOLE_FILES:
        assert tuple(example.surface for example in page.avoid) == page.surfaces
    assert any(example.surface for example in page.prefer)
    assert not page.why.startswith("TODO") and len(page.why) > 40


def _graver_than_hints(faults: tuple[Fault, ...], code: str) -> list[tuple[str, str]]:
    """What an example should not have: its own code, or any error or warning; hints of other codes are its business."""
    return [(fault.code, fault.message) for fault in faults if fault.code == code or fault.severity != Severity.HINT]


@pytest.mark.parametrize(("page", "example", "wanted"), EXAMPLES)
def test_what_is_to_be_avoided_gives_the_code_and_what_is_preferred_does_not(
    page: Rule, example: Example, wanted: str
) -> None:
    faults = findings(example)
    if wanted == "prefer":
        assert _graver_than_hints(faults, page.code) == []
        return
    own = [fault for fault in faults if fault.code == page.code]
    assert own, [(fault.code, fault.message) for fault in faults]
    assert all(fault.severity is page.severity for fault in own)
    assert page.fix is not None or not any(fault.fix for fault in own)


@pytest.mark.parametrize("code", RULES)
def test_the_messages_are_the_golden_ones(code: str) -> None:
    shown = golden(code, RULES[code].avoid)
    assert shown
    assert shown == (GOLDEN / f"{code}.txt").read_text("utf-8")


@pytest.mark.parametrize("page", RULES.values(), ids=RULES)
def test_every_finding_says_what_to_do(page: Rule) -> None:
    faults = [fault for example in page.avoid if example.surface for fault in findings(example)]
    assert [fault.message for fault in faults if not fault.help] == []


def test_no_golden_message_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(RULES)


@pytest.mark.parametrize("page", RULES.values(), ids=RULES)
def test_messages_and_pages_are_worded_alike(page: Rule) -> None:
    """Lower case, no final period, never `illegal`; titles too."""
    faults = [fault for example in page.avoid if example.surface for fault in findings(example)]
    for text in (page.title, *(fault.message for fault in faults)):
        assert not text[0].isupper() or text.startswith("YAML"), text
        assert not text.endswith(".") and "illegal" not in text and "invalid" not in text, text


def test_the_policy_of_the_examples_has_no_findings() -> None:
    assert _graver_than_hints(faults_of(BASE), "") == []


def test_an_example_that_does_not_hold_would_be_found() -> None:
    """The canaries: an example takes the place of what it names, and a page out of form is refused."""
    (avoid, *_) = RULES["OSP302"].avoid
    assert "OSP302" in {fault.code for fault in faults_of_bundle(bundle_of(avoid))}
    replaced = bundle_of(RULES["OSP305"].avoid[0])["base.spill"].decode()
    assert "pool credits" not in replaced and "pool shared" in replaced
    with pytest.raises(ValueError, match="a page has"):
        page_of(RULES["OSP305"].text.replace("## Why", "## Because"))
    assert codes_in(f"{SOURCES} code='OSP999'") - set(codes()) == {"OSP999"}
