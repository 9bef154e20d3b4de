"""Finds `*.test.yaml` files, reads them strictly, and runs their cases."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, NamedTuple

from overspill.plan.program import Program
from overspill.review.cases import CaseFault, run_case
from overspill.runtime.policies import compiled, shipped_policies, sources_of
from overspill.syntax.yaml_nodes import Listing, Mapping, Node, read_nodes
from overspill.words.failures import Failure, PolicyFaults
from overspill.words.spans import Source

ENDING = ".test.yaml"
_KEYS = ("policy", "given", "cases")


class Result(NamedTuple):
    """One case: `problems` is empty where it holds."""

    file: str
    case: str
    problems: list[str]

    def as_json(self) -> dict[str, Any]:
        return {"file": self.file, "case": self.case, "passed": not self.problems, "problems": self.problems}


def run_files(paths: tuple[str, ...], filter_: str) -> list[Result]:
    """The results of every case in the files named, or in the folders; without any, in the shipped policies."""
    if not paths:
        results: list[Result] = []
        for name in shipped_policies():
            with as_file(files("overspill_policies") / name) as folder:
                results += run_files((str(folder),), filter_)
        return results
    found = [file for path in paths for file in _test_files(Path(path))]
    if not found:
        raise Failure("no_tests", f"no {ENDING} file in {', '.join(paths)}", help="put tests beside the policy")
    programs: dict[str, Program] = {}
    return [result for file in found for result in _run(file, filter_, programs)]


def _test_files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(path.rglob(f"*{ENDING}"))
    if not path.is_file():
        raise Failure("unreadable", f"there is no file {path}", help="check the path")
    return [path]


def _run(file: Path, filter_: str, programs: dict[str, Program]) -> list[Result]:
    document = _document(file)
    unknown = sorted(set(document) - set(_KEYS))
    if unknown:
        raise Failure("invalid_test", f"{file} has no `{unknown[0]}`", help=f"it may have {', '.join(_KEYS)}")
    where = str(file.parent / document["policy"]) if "policy" in document else str(file.parent)
    if where not in programs:
        programs[where] = compiled(sources_of(where))
    shared = document.get("given", {})
    results = []
    for case in document.get("cases", []):
        name = case.get("name", "?")
        if filter_ in name:
            results.append(Result(str(file), name, _case(file, name, programs[where], shared, case)))
    return results


def _case(file: Path, name: str, program: Program, shared: dict[str, Any], case: dict[str, Any]) -> list[str]:
    given = {**shared, **case.get("given", {})}
    given["attributes"] = {**shared.get("attributes", {}), **case.get("given", {}).get("attributes", {})}
    try:
        return run_case(program, given, case.get("steps", []))
    except (CaseFault, ValueError, KeyError) as error:
        raise Failure("invalid_test", f"{file}: case `{name}`: {error}", help="see the shipped tests") from None


def _document(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Failure("unreadable", f"{file}: {error}", help="check the file") from None
    node, faults = read_nodes(Source(str(file), text))
    if node is None:
        raise PolicyFaults(faults)
    document = _plain(node)
    assert isinstance(document, dict)
    return document


def _plain(node: Node) -> Any:
    """Nodes as dicts, lists and texts."""
    if isinstance(node, Mapping):
        return {key.value: _plain(value) for key, value in node.entries}
    if isinstance(node, Listing):
        return [_plain(item) for item in node.items]
    return node.value
