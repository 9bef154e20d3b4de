"""Bundles that a bundle includes by name and version: their declarations become its own.

Whoever reads files hands in a resolver; what it finds stands among the bundle's sources under `NAME@VERSION/`, so that
everything from there on, and everything stored, is one mapping of names to bytes. Of an included bundle everything but
its header counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from overspill.syntax import tree
from overspill.words.codec import replace
from overspill.words.diagnostics import Fault, Note
from overspill.words.spans import Span

Resolver = Callable[[str, str], Mapping[str, bytes] | None]
"""(name, version) → the files of that bundle by name, None where there is none."""
_PLACE = re.compile(r"([a-z][a-z0-9_]{0,63}@[0-9]{1,9})/")
_HEADER = (tree.Policy, tree.Language, tree.Effective, tree.Owner)


def place_of(name: str) -> str | None:
    """`access@3` of a file that belongs to an included bundle."""
    match = _PLACE.match(name)
    return None if match is None else match[1]


def with_included(own: tree.Bundle, others: Mapping[str, tree.Bundle]) -> tuple[tree.Bundle | None, tuple[Fault, ...]]:
    """The bundle with the declarations of all it includes, and of all that these include; None with its faults."""
    policy = _policy(own)
    seen: dict[str, tree.Include] = {}
    files: list[tree.File] = list(own.files)
    faults: list[Fault] = []
    waiting = _includes(own)
    while waiting:
        item = waiting.pop(0)
        first = seen.setdefault(item.name.text, item)
        if first.version.text != item.version.text:
            faults.append(_two_versions(item, first))
        if first is not item:
            continue
        found = others.get(f"{item.name.text}@{item.version.text}")
        if item.name.text == policy.name.text:
            faults.append(_fault(item, f"`{policy.name.text}` includes itself", "leave it out"))
        elif found is None:
            help = "bundles are found by their name beside this one, and among those that come with the program"
            faults.append(_fault(item, f"there is no bundle `{item.name.text}` of version {item.version.text}", help))
        elif (name := _policy(found)).name.text != item.name.text or name.version.text != item.version.text:
            message = f"what is there is `{name.name.text}` version {name.version.text}"
            faults.append(_fault(item, message, "include it by its own name and version", name.span))
        else:
            files += [replace(file, items=tuple(_without_header(file))) for file in found.files]
            waiting += _includes(found)
    return (None, tuple(faults)) if faults else (tree.Bundle(tuple(files)), ())


def with_sources(
    sources: Mapping[str, bytes], resolve: Resolver, items_of: Callable[[str, bytes], Sequence[tree.Item]]
) -> dict[str, bytes]:
    """The sources and, under `NAME@VERSION/`, those of every bundle that they include. What is not found is left to the
    reader to name. `items_of` gives a file's items, none where it has faults."""
    whole = dict(sources)
    asked: set[str] = set()
    waiting: list[Mapping[str, bytes]] = [sources]
    while waiting:
        for file, data in waiting.pop().items():
            for item in items_of(file, data) if b"include" in data else ():
                if not isinstance(item, tree.Include):
                    continue
                name, version = item.name.text, item.version.text
                place = f"{name}@{version}/"
                found = None if place in asked else resolve(name, version)
                asked.add(place)
                if found is not None:
                    placed = {place + inner: content for inner, content in found.items()}
                    whole |= placed
                    waiting.append(placed)
    return whole


def _policy(bundle: tree.Bundle) -> tree.Policy:
    return next(item for file in bundle.files for item in file.items if isinstance(item, tree.Policy))


def _includes(bundle: tree.Bundle) -> list[tree.Include]:
    return [item for file in bundle.files for item in file.items if isinstance(item, tree.Include)]


def _without_header(file: tree.File) -> Sequence[tree.Item]:
    return [item for item in file.items if not isinstance(item, _HEADER)]


def _fault(item: tree.Include, message: str, help: str, note: Span | None = None) -> Fault:
    notes = () if note is None else (Note(note, "its own line"),)
    return Fault(code="OSP216", span=item.span, message=message, notes=notes, help=help)


def _two_versions(item: tree.Include, first: tree.Include) -> Fault:
    return Fault(
        code="OSP216",
        span=item.span,
        message=f"bundle `{item.name.text}` is included in versions {first.version.text} and {item.version.text}",
        notes=(Note(first.span, "included here first"),),
        help="include one version, here and in all that is included",
    )
