"""Safe fixes: each takes its finding away, brings none, is done in one go, and leaves the decisions what they were."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill.check.rules import Rules
from overspill.cli.fixing import fixed
from overspill.report.pages import rules
from overspill.runtime.policies import checked_of
from overspill.words.diagnostics import Edit, Fault, Severity
from overspill.words.edits import compatible, edited
from overspill.words.spans import Source, Span
from support.rule_pages import bundle_of
from support.texts import DSL, YAML, faults_of_bundle

CASES = [
    pytest.param(page.code, bundle_of(example), id=f"{page.code} {example.surface}")
    for page in rules()
    if page.fix is not None
    for example in page.avoid
    if example.surface is not None and (page.code, example.surface) != ("OSP205", "DSL")
] + [pytest.param("OSP104", {"t.spill": b"\xef\xbb\xbf" + DSL.encode()}, id="OSP104 byte-order mark")]


def draws_of(found: Rules) -> list[tuple[str, str]]:
    return [(draw.layer.name, draw.on_error) for waterfall in found.waterfalls for draw in waterfall.draws]


@pytest.mark.parametrize(("code", "files"), CASES)
def test_a_fix_takes_its_finding_away_and_brings_none(code: str, files: dict[str, bytes]) -> None:
    before = faults_of_bundle(files)
    after, count = fixed(files, faults_of_bundle)
    assert count == sum(bool(fault.fix) for fault in before) > 0
    left = {fault.code for fault in faults_of_bundle(after) if fault.severity != Severity.HINT or fault.code == code}
    assert left == {fault.code for fault in before} - {code}
    assert fixed(after, faults_of_bundle) == (after, 0), "fixing again changes nothing"
    if all(fault.severity is not Severity.ERROR for fault in before):
        old, new = checked_of(files).rules, checked_of(after).rules
        assert old is not None and new is not None
        assert draws_of(old) == draws_of(new)


DRAWS = {
    "t.spill": [
        ("draw money when user.bound == user.bound;", "draw money on error deny when user.bound == user.bound;"),
        (
            "draw money // when it is\n    at 2 credits per image when (user.bound) == user.bound;",
            "draw money // when it is\n    at 2 credits per image on error deny when (user.bound) == user.bound;",
        ),
    ],
    "t.spill.yaml": [
        ('{layer: money, when: "user.bound == user.bound"}', '{on_error: deny, layer: money, when: "user.bound == user.bound"}'),
        (
            'layer: money\n        when: "user.bound == user.bound"',
            'on_error: deny\n        layer: money\n        when: "user.bound == user.bound"',
        ),
    ],
}  # fmt: skip


def with_draw(name: str, draw: str) -> bytes:
    """The policy with this draw in the place of one of its own."""
    if name == "t.spill":
        old = "draw money at 2 credits per image;" if " at " in draw else 'draw money when user.plan != "free";'
        return DSL.replace(old, draw).encode()
    old = "[plan_limit, {layer: money, when: 'user.plan != \"free\"'}]"
    return YAML.replace(old, f"\n      - plan_limit\n      - {draw}").encode()


@pytest.mark.parametrize(("name", "before", "after"), [(name, *row) for name, rows in DRAWS.items() for row in rows])
def test_the_default_reaction_is_stated_where_it_belongs(name: str, before: str, after: str) -> None:
    found, count = fixed({name: with_draw(name, before)}, faults_of_bundle)
    assert (found[name].decode(), count) == (with_draw(name, after).decode(), 1)


def test_a_near_name_is_no_fix() -> None:
    files = {"t.spill": DSL.replace("draw plan_limit;", "draw plan_limt;").encode()}
    assert "did you mean" in str([fault.help for fault in faults_of_bundle(files)])
    assert fixed(files, faults_of_bundle) == (files, 0)


def test_what_comes_to_light_behind_a_fixed_error_is_no_reason_to_take_it_back() -> None:
    wrong = b"\xef\xbb\xbf" + DSL.replace("draw plan_limit;", "draw plan_limt; draw more;").encode()
    after, count = fixed({"t.spill": wrong}, faults_of_bundle)
    assert (after["t.spill"], count) == (wrong[3:], 1)
    assert len(faults_of_bundle(after)) > 1


def test_a_fix_that_would_break_a_policy_is_taken_back() -> None:
    """The canary of the guard: a pass whose fix is wrong."""
    files = {"t.spill": DSL.encode()}

    def find(files: dict[str, bytes]) -> tuple[Fault, ...]:
        source = Source("t.spill", files["t.spill"].decode())
        edit = Edit(Span(source, 0, 6), "polici")
        wrong = Fault(code="OSP999", span=edit.span, message="m", severity=Severity.HINT, fix=(edit,))
        return (*faults_of_bundle(files), wrong)

    assert fixed(files, find) == (files, 0)


def _fault(source: Source, *parts: tuple[int, int, str]) -> Fault:
    edits = tuple(Edit(Span(source, start, end), text) for start, end, text in parts)
    return Fault(code="OSP999", span=edits[0].span, message="m", fix=edits)


def test_fixes_that_touch_are_applied_one_round_after_the_other() -> None:
    source = Source("a", "abcdef")
    faults = [_fault(source, (3, 4, "X")), _fault(source, (0, 1, "A"), (2, 3, "C")), _fault(source, (1, 2, "B"))]
    chosen = compatible(faults)
    assert [fault.fix[0].span.start for fault in chosen] == [0]
    assert edited(source.text, [edit for fault in chosen for edit in fault.fix]) == "AbCdef"
    assert edited("cde", [Edit(Span(source, 3, 4), "")], start=2) == "ce"


@given(st.text(max_size=30), st.data())
def test_edits_apart_are_applied_as_if_one_by_one(text: str, data: st.DataObject) -> None:
    source = Source("a", text)
    marks = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)))
    spans = [Span(source, start, end) for start, end in zip(marks[::2], marks[1::2], strict=False)]
    edits = [Edit(span, data.draw(st.text(max_size=3))) for span in spans]
    expected = text
    for edit in reversed(edits):
        expected = expected[: edit.span.start] + edit.text + expected[edit.span.end :]
    assert edited(text, data.draw(st.permutations(edits))) == expected
