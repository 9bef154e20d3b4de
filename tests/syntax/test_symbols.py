"""The outline of a policy, the same from both surfaces."""

from __future__ import annotations

from overspill.syntax import tree
from overspill.syntax.read import read
from overspill.syntax.symbols import Symbol, symbols
from support.texts import DSL, YAML


def outline(name: str, text: str) -> list[tuple[str, str, list[tuple[str, str]]]]:
    file, _ = read(name, text.encode())
    assert file is not None
    found = symbols(tree.Bundle((file,)))
    assert all(_fits(symbol) for symbol in found)
    return sorted((one.kind, one.name, [(part.kind, part.name) for part in one.inside]) for one in found)


def _fits(symbol: Symbol) -> bool:
    """The name stands where it says, and what is inside stands inside."""
    spans = [symbol.name_span, *(part.span for part in symbol.inside)]
    return symbol.name_span.text == symbol.name and all(
        symbol.span.start <= span.start and span.end <= symbol.span.end for span in spans
    )


def test_the_outline_holds_what_has_a_name() -> None:
    found = outline("t.spill", DSL)
    assert ("limit", "plan_limit", [("windows", "day")]) in found
    assert ("waterfall", "text", [("guards", "blocked"), ("draws", "plan_limit"), ("draws", "money")]) in found
    assert [name for kind, name, _ in found if kind == "unit"] == ["credits", "images"]
    assert ("policy", "tiny", []) in found


def test_both_surfaces_have_one_outline() -> None:
    assert outline("t.spill", DSL) == outline("t.spill.yaml", YAML)
