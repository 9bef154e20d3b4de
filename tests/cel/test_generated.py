"""For any expression over any facts: generated Python equals the interpreter, and the normal form means the same.

`outcome` also asserts that what the checker calls total never fails.
"""

from __future__ import annotations

import pytest
from cel_support import SCOPE, outcome, same, tree_of
from hypothesis import given
from hypothesis import strategies as st

from cel_expressions import KINDS, Generator
from overspill.cel.check import check
from overspill.cel.dialect import CEL, POLICY, UNCHECKED, Dialect
from overspill.cel.print import canonical_text

ORDER = ("==", "!=", "<", "<=", ">", ">=")
ARITHMETIC = ("+", "-", "*", "/", "%")
INTS = (0, 1, 2, 7, -1, -7, 2**62, 2**63 - 1, -(2**63))
WORDS = ("", "a", "plus", "m1", "é")

LEAVES: dict[str, tuple[str, ...]] = {
    "bool": ("true", "user.suspended", "has(user.age)", "has(workspace.id)"),
    "dyn_bool": ("[1, true][1]", "[true, 1][1]"),
    "int": (*map(str, INTS), "user.age", "input_tokens", "workspace.seats"),
    "string": (*(f'"{word}"' for word in WORDS), "user.plan", "request.model", "workspace.id"),
    "double": ("0.0", "-0.0", "1.5", "2.0", "1e300"),
    "uint": ("0u", "1u", "7u", "18446744073709551615u"),
    "amount": ("request.cost", "user.spend_limit", "workspace.budget"),
}
FORMS: dict[str, tuple[str, ...]] = {
    "bool": (
        "{bool} && {bool}",
        "{bool} || {bool}",
        "!{bool}",
        "{dyn_bool} && {bool}",
        "{bool} || {dyn_bool}",
        "{bool} ? {bool} : {bool}",
        "has(user.age) && {bool}",
        "has(workspace.id) ? {bool} : {bool}",
        *(f"{{{kind}}} {sign} {{{kind}}}" for kind in ("int", "string", "double", "amount") for sign in ORDER),
        *(f"{{int}} {sign} {{double}}" for sign in ORDER),
        *(f"{{uint}} {sign} {{int}}" for sign in ORDER),
        "{string} in [{string}, {string}]",
        '{string} in ["a", "b", "c", "d", "e", "f", "g", "plus", "m1"]',
        "{string} in user.groups",
        "{int} in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]",
        "{int} in [{int}, 2]",
        "{double} in [1, 2.0, 3u]",
        "{string}.startsWith({string})",
        "{string}.contains({string})",
        "[{int}, {double}] == [{uint}, {double}]",
        "{{{string}: {int}}} == {{{string}: {double}}}",
        "{string} in {{{string}: {int}}}",
    ),
    "int": (
        *(f"{{int}} {sign} {{int}}" for sign in ARITHMETIC),
        "-{int}",
        "size({string})",
        "int({double})",
        "int({uint})",
        "int({string})",
        "{bool} ? {int} : {int}",
        "[{int}, {int}][{int}]",
        "{{{string}: {int}}}[{string}]",
    ),
    "string": ("{string} + {string}", "string({int})", "string({bool})", "user.groups[{int}]"),
    "double": ("{double} / {double}", "{double} * {double}", "double({int})"),
    "uint": ("{uint} - {uint}", "{uint} * {uint}", "uint({int})"),
    "amount": ("{amount} + {amount}", "{amount} - {amount}"),
}


class _Parts(dict[str, str]):
    """The operands of one form, drawn as `format_map` asks for them."""

    def __init__(self, draw: st.DrawFn, depth: int) -> None:
        self.draw, self.depth = draw, depth

    def __getitem__(self, kind: str) -> str:
        return f"({_text(self.draw, kind, self.depth)})"


def _text(draw: st.DrawFn, kind: str, depth: int) -> str:
    forms = FORMS.get(kind, ())
    if depth == 0 or not forms or draw(st.integers(0, 5)) == 0:
        return draw(st.sampled_from(LEAVES[kind]))
    return draw(st.sampled_from(forms)).format_map(_Parts(draw, depth - 1))


@st.composite
def conditions(draw: st.DrawFn) -> str:
    return _text(draw, "bool", 3)


@st.composite
def facts(draw: st.DrawFn) -> dict[str, object]:
    """What must be there is; a workspace is there with all that it must have, or not at all."""
    number, word = st.sampled_from(INTS), st.sampled_from(WORDS)
    user = {"user.plan": word, "user.suspended": st.booleans(), "input_tokens": number, "request.cost": number}
    found = draw(st.fixed_dictionaries(user, optional={"user.age": number, "user.spend_limit": number}))
    if draw(st.booleans()):
        workspace = {"workspace.id": word, "workspace.seats": number}
        found |= draw(st.fixed_dictionaries(workspace, optional={"workspace.budget": number}))
    return found


@given(conditions(), facts())
def test_generated_code_equals_the_interpreter(text: str, known: dict[str, object]) -> None:
    outcome(text, known)


@given(conditions(), facts())
def test_the_normal_form_means_the_same_and_is_its_own(text: str, known: dict[str, object]) -> None:
    normal = canonical_text(tree_of(text))
    assert canonical_text(tree_of(normal)) == normal
    assert same(outcome(normal, known), outcome(text, known))


NAMES = {
    "bool": ["user.suspended"],
    "int": ["input_tokens", "user.age"],
    "string": ["user.plan"],
    "strings": ["user.groups"],
}


@pytest.mark.parametrize("dialect", [POLICY, CEL, UNCHECKED], ids=["policy", "cel", "unchecked"])
@given(st.data())
def test_all_of_cel_means_the_same_both_ways(dialect: Dialect, data: st.DataObject) -> None:
    """What the checker takes, well typed or not: a value or an error, the same from both, and from the normal form."""
    generator = Generator(
        lambda count: data.draw(st.integers(0, count - 1)), ill=data.draw(st.integers(0, 8)), more=NAMES
    )
    text = generator.expression(data.draw(st.sampled_from(KINDS)), data.draw(st.integers(1, 4)))
    known = data.draw(facts())
    try:
        tree = tree_of(text)
    except AssertionError:
        return
    if not isinstance(check(tree, SCOPE, dialect), tuple):
        found = outcome(text, known, dialect)
        assert same(found, outcome(canonical_text(tree), known, dialect))
