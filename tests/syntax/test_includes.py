"""Bundles over several files, folders and other bundles: one meaning, wherever a declaration stands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from overspill.review.diff import read_side
from overspill.runtime.bundles import sources_of
from overspill.runtime.policies import compiled
from overspill.syntax.read import read_bundle, with_includes
from overspill.words.failures import Failure
from support.texts import DSL

HEAD, REST = DSL.split("limit plan_limit")
SHARED = HEAD.replace("policy tiny version 1;", "policy shared version 3;")
OWN = "policy tiny version 1;\nlanguage 1;\ninclude shared version 3;\nlimit plan_limit" + REST


def _codes(sources: Mapping[str, str]) -> list[tuple[str, str]]:
    _, faults = read_bundle({name: text.encode() for name, text in sources.items()})
    return [(fault.code, fault.message) for fault in faults]


def test_what_is_included_is_declared_as_if_it_stood_here() -> None:
    whole = {"own.spill": OWN.encode(), "shared@3/a.spill": SHARED.encode()}
    program = compiled(whole)
    assert (program.plan.name, program.plan.version) == ("tiny", 1)
    assert [waterfall.name for waterfall in program.plan.waterfalls] == ["text", "pictures"]
    canonical = dict(read_side(whole).canonical)
    assert canonical.pop("includes") == {"shared": "3"}
    assert canonical == read_side({"t.spill": DSL.encode()}).canonical


def test_a_change_in_what_is_included_changes_the_digest() -> None:
    whole = {"own.spill": OWN.encode(), "shared@3/a.spill": SHARED.encode()}
    other = {**whole, "shared@3/a.spill": SHARED.replace("tokens 1.5", "tokens 1.6").encode()}
    assert read_side(whole).digest != read_side(other).digest


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ({"own.spill": OWN}, "there is no bundle `shared` of version 3"),
        ({"own.spill": OWN, "shared@3/a.spill": SHARED.replace("version 3", "version 4")}, "what is there is `shared` version 4"),
        ({"own.spill": OWN.replace("include shared version 3", "include tiny version 1")}, "`tiny` includes itself"),
        (
            {
                "own.spill": OWN.replace("include shared", "include other version 1;\ninclude shared"),
                "shared@3/a.spill": SHARED,
                "other@1/a.spill": "policy other version 1; language 1; include shared version 2;",
            },
            "bundle `shared` is included in versions 3 and 2",
        ),
    ],
)  # fmt: skip
def test_an_include_that_finds_something_else_is_named(sources: dict[str, str], message: str) -> None:
    assert _codes(sources) == [("OSP216", message)]


def test_included_bundles_may_include_others_and_each_counts_once() -> None:
    units = "policy units version 1; language 1; unit credits: decimal(2); unit images: integer, singular image;"
    shared = SHARED.replace("unit credits: decimal(2);\n", "").replace("unit images: integer, singular image;\n", "")
    bundles = {
        ("shared", "3"): {"a.spill": shared.replace("language 1;", "language 1; include units version 1;").encode()},
        ("units", "1"): {"u.spill": units.encode()},
    }
    own = OWN.replace("include shared", "include units version 1;\ninclude shared")
    asked: list[tuple[str, str]] = []

    def resolve(name: str, version: str) -> Mapping[str, bytes] | None:
        asked.append((name, version))
        return bundles.get((name, version))

    whole = with_includes({"own.spill": own.encode()}, resolve)
    assert sorted(whole) == ["own.spill", "shared@3/a.spill", "units@1/u.spill"]
    assert sorted(asked) == [("shared", "3"), ("units", "1")]
    assert len(compiled(whole).plan.waterfalls) == 2


def test_bundles_that_include_each_other_end() -> None:
    bundles = {
        name: {"x.spill": f"policy {name} version 1; language 1; include {other} version 1;".encode()}
        for name, other in (("a", "b"), ("b", "a"))
    }
    whole = with_includes(bundles["a"], lambda name, _: bundles.get(name))
    assert sorted(whole) == ["a@1/x.spill", "b@1/x.spill", "x.spill"]
    _, faults = read_bundle(whole)
    assert [fault.message for fault in faults] == ["`a` includes itself"]


def test_a_folder_is_read_with_its_sub_folders_and_its_neighbours(tmp_path: Path) -> None:
    files = {
        "tiny/own.spill": OWN.split("waterfall text")[0],
        "tiny/products/text.spill": "waterfall text" + OWN.split("waterfall text")[1],
        "tiny/copy/whole.spill": DSL,  # with a `policy` line of its own: another bundle
        "shared/a.spill": SHARED,
        "tiny/.hidden/b.spill": "nonsense",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    whole = sources_of(str(tmp_path / "tiny"))
    assert sorted(whole) == ["own.spill", "products/text.spill", "shared@3/a.spill"]
    assert (
        compiled(whole).plan.digest
        == compiled({"o.spill": OWN.encode(), "shared@3/a.spill": SHARED.encode()}).plan.digest
    )


def test_a_bundle_may_include_one_that_comes_with_the_program(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.spill").write_text("policy mine version 1; language 1; include codex_sora version 12;")
    program = compiled(sources_of(str(tmp_path / "mine")))
    assert [waterfall.name for waterfall in program.plan.waterfalls] == ["codex", "sora"]


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="holds no policy file"):
        sources_of(str(tmp_path))


def test_a_folder_of_bundles_names_them(tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "a.spill").write_text(DSL)
    with pytest.raises(Failure, match=f"name a bundle in it: {tmp_path / 'tiny'}"):
        sources_of(tmp_path)
