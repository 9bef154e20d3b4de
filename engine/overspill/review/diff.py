"""Structural difference of two policies on their canonical form: typed changes, each with its place.

Equal digests mean no change of meaning, however the text differs. A change is found at the smallest part that differs
and named by what it touches; moved draws are one PRECEDENCE change, not many.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from overspill.syntax import tree
from overspill.syntax.canonical import canonical, digest
from overspill.syntax.constructs import CONSTRUCTS
from overspill.syntax.plain import Plain
from overspill.syntax.read import read_bundle
from overspill.words.failures import PolicyFaults
from overspill.words.spans import Span

Path = tuple[str, ...]

KINDS: Mapping[tuple[str, str], str] = {
    ("rate_cards", "label"): "META",
    ("rate_cards", ""): "PRICE",
    ("limits", "label"): "META",
    ("limits", "skips"): "CONDITION",
    ("limits", "unit"): "UNIT",
    ("limits", ""): "LIMIT",
    ("pools", "label"): "META",
    ("pools", "skips"): "CONDITION",
    ("pools", "order"): "PRECEDENCE",
    ("pools", "unit"): "UNIT",
    ("pools", ""): "PRICE",
    ("pools", "lots_expire_after"): "LOTS",
    ("pools", "per"): "LAYER",
    ("waterfalls", "label"): "META",
    ("waterfalls", "serves"): "CONDITION",
    ("waterfalls", "guards"): "GUARD",
    ("waterfalls", "draw"): "LAYER",
    ("waterfalls", "fill"): "PRECEDENCE",
    ("waterfalls", "otherwise"): "DEFAULT",
    ("waterfalls", "holds"): "HOLD",
    ("waterfalls", "on_error"): "ERROR_MODE",
    ("waterfalls", "on_shortfall"): "DEFAULT",
    ("waterfalls", "admission"): "HOLD",
    ("waterfalls", "occupy"): "LIMIT",
    ("waterfalls", "on_unavailable"): "ERROR_MODE",
    ("waterfalls", "on_reversal"): "DEFAULT",
    ("waterfalls", ""): "PRICE",
    ("entitlements", "skips"): "CONDITION",
    ("entitlements", ""): "LIMIT",
    ("graces", ""): "LIMIT",
    ("caps", ""): "LIMIT",
    ("concurrencies", ""): "LIMIT",
    ("lets", ""): "CONDITION",
    ("invariants", ""): "INVARIANT",
    ("accounts", ""): "INPUT",
    ("request", ""): "INPUT",
    ("units", ""): "UNIT",
}
"""(top-level key, statement) → kind; an empty statement stands for all others. Everything else is META."""
_WHOLE = {
    "limits": "LAYER",
    "pools": "LAYER",
    "entitlements": "LAYER",
    "graces": "LAYER",
    "waterfalls": "WATERFALL",
    "rate_cards": "PRICE",
}
_DRAW_PARTS = {"within": "LIMIT", "when": "CONDITION", "at": "PRICE", "on_error": "ERROR_MODE"}


class Change(NamedTuple):
    """`old` or `new` is None for what came or went; `place` is in the new policy, or where it stood in the old."""

    kind: str
    path: str
    old: str | None
    new: str | None
    place: str | None

    def text(self) -> str:
        """One line for people."""
        sign = "+" if self.old is None else "-" if self.new is None else "~"
        what = " -> ".join(part for part in (self.old, self.new) if part is not None)
        place = f"  {self.place}" if self.place else ""
        return f"{sign} {self.kind:<11} {self.path}  {what}{place}"


class Side(NamedTuple):
    """One of the two policies compared."""

    digest: str
    canonical: Mapping[str, Plain]
    places: Mapping[Path, Span]


def read_side(sources: Mapping[str, bytes]) -> Side:
    """A policy's files as a side. Raises PolicyFaults when they do not parse."""
    whole, faults = read_bundle(sources)
    if whole is None:
        raise PolicyFaults(faults)
    return Side(digest(whole), canonical(whole), _places(whole))


def compare(old: Side, new: Side) -> tuple[Change, ...]:
    """The changes from `old` to `new`, in the order of the canonical form."""
    if old.digest == new.digest:
        return ()
    return tuple(_differences(old, new))


def _places(bundle: tree.Bundle) -> dict[Path, Span]:
    found: dict[Path, Span] = {}
    for item in (item for file in bundle.files for item in file.items):
        construct = CONSTRUCTS.get(type(item))
        if construct is None:
            found[_header_path(item)] = item.span
            continue
        name = getattr(item, "name", None)
        path = (construct.key,) if name is None else (construct.key, name.text)
        found[path] = item.span
        for statement in construct.statements:
            value = getattr(item, statement.field)
            for part in value if isinstance(value, tuple) else (value,):
                span = getattr(part, "span", None)
                if span is not None:
                    found.setdefault((*path, statement.key), span)
                    label = getattr(part, "layer", None) or getattr(part, "name", None)
                    if label is not None:
                        found[(*path, statement.key, label.text)] = span
    return found


def _header_path(item: tree.Item) -> Path:
    if isinstance(item, tree.Unit):
        return ("units", item.name.text)
    return (type(item).__name__.lower(),)


def _differences(old: Side, new: Side) -> Iterator[Change]:
    places = {*old.places, *new.places}
    for key in sorted({*old.canonical, *new.canonical}):
        # Where one side has none of a kind, what the other has of it is new or gone one by one, each with its place.
        none: Plain | None = None if (key,) in places else {}
        for path, before, after in _walk((key,), old.canonical.get(key, none), new.canonical.get(key, none)):
            if path[0] == "waterfalls" and path[2:] == ("draw",):
                yield from _draws(path, before, after, old, new)
            else:
                yield _change(path, before, after, old, new)


def _walk(path: Path, before: Plain | None, after: Plain | None) -> Iterator[tuple[Path, Plain | None, Plain | None]]:
    """The smallest parts that differ."""
    if before == after:
        return
    if isinstance(before, list) and isinstance(after, list) and (named := _named(before)) and _named(after):
        yield from _walk(path, named, _named(after))
        if list(named) != list(_named(after)) and set(named) == set(_named(after)):
            yield path, list(named), list(_named(after))
    elif isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            yield from _walk((*path, key), before.get(key), after.get(key))
    else:
        yield path, before, after


def _named(items: list[Plain]) -> dict[str, Plain]:
    """A list of objects by their first value (`window`, `deny`, `from` …); empty for other lists."""
    found: dict[str, Plain] = {}
    for item in items:
        if not isinstance(item, dict) or "layer" in item:
            return {}
        name = next((item[key] for key in ("window", "skip", "deny", "from") if key in item), None)
        if not isinstance(name, str) or name in found:
            return {}
        found[name] = {key: value for key, value in item.items() if value != name}
    return found


def _draws(path: Path, before: Plain | None, after: Plain | None, old: Side, new: Side) -> Iterator[Change]:
    """Draws by layer: gone, new, otherwise, and then their order."""
    olds, news = _by_layer(before), _by_layer(after)
    for layer in [*olds, *(layer for layer in news if layer not in olds)]:
        if layer not in news or layer not in olds:
            shown = [f"draw {layer}" if layer in side else None for side in (olds, news)]
            yield Change("LAYER", ".".join(path), shown[0], shown[1], _place((*path, layer), layer in news, old, new))
            continue
        for part, kind in _DRAW_PARTS.items():
            if olds[layer].get(part) != news[layer].get(part):
                shown = [_text(side[layer].get(part)) for side in (olds, news)]
                yield Change(
                    kind, ".".join((*path, layer, part)), shown[0], shown[1], _place((*path, layer), True, old, new)
                )
    kept = [layer for layer in olds if layer in news]
    order = [layer for layer in news if layer in olds]
    if kept != order:
        place = _place((*path, next(b for a, b in zip(kept, order, strict=True) if a != b)), True, old, new)
        yield Change("PRECEDENCE", ".".join(path), ", ".join(olds), ", ".join(news), place)


def _by_layer(draws: Plain | None) -> dict[str, dict[str, Plain]]:
    items = draws if isinstance(draws, list) else []
    found: dict[str, dict[str, Plain]] = {}
    for item in items:
        plain: dict[str, Plain] = item if isinstance(item, dict) else {"layer": item}
        found[str(plain["layer"])] = plain
    return found


def _change(path: Path, before: Plain | None, after: Plain | None, old: Side, new: Side) -> Change:
    return Change(_kind(path), ".".join(path), _text(before), _text(after), _place(path, after is not None, old, new))


def _kind(path: Path) -> str:
    if len(path) == 2 and path[0] in _WHOLE:
        return _WHOLE[path[0]]
    statement = path[2] if len(path) > 2 else ""
    return KINDS.get((path[0], statement)) or KINDS.get((path[0], "")) or "META"


def _text(value: Plain | None) -> str | None:
    if value is None:
        return None
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_text(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return ", ".join(str(_text(part)) for part in value)
    return str(value).lower() if isinstance(value, bool) else value


def _place(path: Path, is_new: bool, old: Side, new: Side) -> str | None:
    """Where the longest known part of the path stands."""
    places = new.places if is_new else old.places
    for length in range(len(path), 0, -1):
        span = places.get(path[:length])
        if span is not None:
            return span.place
    return None
