"""Bytes of a policy file → its tree; files → a bundle. What is not text, too large or deceptive stops here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from overspill.syntax import tree
from overspill.syntax.constructs import twice
from overspill.syntax.dsl import read_dsl
from overspill.syntax.includes import Resolver, place_of, with_included, with_sources
from overspill.syntax.yaml_reader import read_yaml
from overspill.words.diagnostics import Fault
from overspill.words.names import hidden_character
from overspill.words.spans import Source, Span

BYTES_MAX = 256 * 1024
T = TypeVar("T")
Read = tuple[tree.File | None, tuple[Fault, ...]]


def read(name: str, data: bytes) -> Read:
    """The tree of a file by its name's ending: `.spill.yaml` (or `.yaml`), else the DSL. None with its faults."""
    if len(data) > BYTES_MAX:
        text = "" if len(data) > 16 * BYTES_MAX else data.decode("utf-8", "replace")
        return _refused(name, text, 0, "OSP102", f"the file is larger than {BYTES_MAX // 1024} KiB", "split the bundle")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        shown = data.decode("utf-8", "replace")
        return _refused(name, shown, 0, "OSP101", f"the file is not UTF-8 at byte {error.start}", "save it as UTF-8")
    hidden = hidden_character(text)
    if hidden is not None:
        message = f"the file holds the invisible character U+{ord(text[hidden]):04X}"
        return _refused(name, text, hidden, "OSP104", message, "delete it: it can make text read otherwise than it is")
    source = Source(name, text)
    return read_yaml(source) if is_yaml(name) else read_dsl(source)


def is_yaml(name: str) -> bool:
    """The surface of a file, by its name's ending."""
    return name.endswith((".yaml", ".yml"))


def _refused(name: str, text: str, at: int, code: str, message: str, help: str) -> Read:
    source = Source(name, text)
    return None, (Fault(code=code, span=Span(source, at, at + 1), message=message, help=help),)


def read_bundle(sources: Mapping[str, bytes]) -> tuple[tree.Bundle | None, tuple[Fault, ...]]:
    """The bundle of files by name, with all that it includes; None with the faults of all of them.

    Files of included bundles have names that begin with `NAME@VERSION/`.
    """
    files: list[tree.File] = []
    faults: list[Fault] = []
    for name in sorted(sources):
        file, found = read(name, sources[name])
        faults.extend(found)
        if file is not None:
            files.append(file)
    if faults:
        return None, tuple(faults)
    places: dict[str | None, list[tree.File]] = {None: []}
    for file in files:
        places.setdefault(place_of(file.source.name), []).append(file)
    own, found_faults = bundle(places.pop(None))
    others: dict[str, tree.Bundle] = {}
    for place, included in places.items():
        other, found = bundle(included)
        found_faults += found
        if other is not None and place is not None:
            others[place] = other
    if own is None or found_faults:
        return None, found_faults
    return with_included(own, others)


def with_includes(sources: Mapping[str, bytes], resolve: Resolver) -> dict[str, bytes]:
    """The sources with those of every bundle that they include, as `read_bundle` takes them."""

    def items(name: str, data: bytes) -> tuple[tree.Item, ...]:
        file, _ = read(name, data)
        return () if file is None else file.items

    return with_sources(sources, resolve, items)


def bundle(files: Sequence[tree.File]) -> tuple[tree.Bundle | None, tuple[Fault, ...]]:
    """The bundle of all files, by name: exactly one `policy` and `language`, one at most of the other header lines."""
    ordered = tuple(sorted(files, key=lambda file: file.source.name))
    items = [item for file in ordered for item in file.items]
    faults: list[Fault] = []
    for kind, word, required in (
        (tree.Policy, "policy", True),
        (tree.Language, "language", True),
        (tree.Effective, "effective", False),
        (tree.Owner, "owner", False),
    ):
        found = _of(items, kind)
        for item in found[1:]:
            faults.append(twice(word, item.span, found[0].span))  # type: ignore[attr-defined]
        if required and not found:
            place = Span(ordered[0].source, 0, min(1, len(ordered[0].source.text)))
            example = "policy NAME version 1;" if word == "policy" else "language 1;"
            message = f"no file of the bundle has a `{word}` line"
            faults.append(Fault(code="OSP202", span=place, message=message, help=f"begin one with `{example}`"))
    return (None, tuple(faults)) if faults else (tree.Bundle(ordered), ())


def _of(items: Iterable[object], kind: type[T]) -> list[T]:
    return [item for item in items if isinstance(item, kind)]
