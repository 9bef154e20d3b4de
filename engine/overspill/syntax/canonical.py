"""A bundle's tree → its canonical JSON and digest: what a policy says, and nothing of how it is written.

The shape is that of the YAML surface in its normal form (`plain.py`). Comments, layout, surface, the order of
declarations and the split into files never change it (LANGUAGE.md principle 2). Strings, booleans, lists and objects
only.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from overspill.syntax import tree
from overspill.syntax.constructs import CONSTRUCTS
from overspill.syntax.plain import Form, Plain, construct, instant, number
from overspill.words.codec import sorted_json_bytes


def canonical(bundle: tree.Bundle) -> dict[str, Plain]:
    """The canonical form of all files together."""
    items = [item for file in bundle.files for item in file.items]
    singulars = {item.singular.text: item.name.text for item in items if isinstance(item, tree.Unit) and item.singular}
    return document(items, Form(True, singulars))


def canonical_bytes(bundle: tree.Bundle) -> bytes:
    """Compact JSON with sorted keys."""
    return sorted_json_bytes(canonical(bundle))


def digest(bundle: tree.Bundle) -> str:
    """`sha256:` and the hex digest of the canonical bytes."""
    return f"sha256:{sha256(canonical_bytes(bundle)).hexdigest()}"


def document(items: Sequence[tree.Item], form: Form) -> dict[str, Plain]:
    """The items as the top-level mapping of the YAML surface."""
    result: dict[str, Plain] = {}
    for item in items:
        match item:
            case tree.Policy():
                result["policy"] = {"name": item.name.text, "version": number(item.version, form)}
            case tree.Language():
                result["language"] = number(item.version, form)
            case tree.Effective():
                ends: dict[str, Plain] = {} if item.ends is None else {"until": instant(item.ends, form)}
                result["effective"] = {"from": instant(item.starts, form), **ends}
            case tree.Owner():
                result["owner"] = item.text.text
            case tree.Unit():
                _named(result, "units")[item.name.text] = _unit(item, form)
            case tree.RequestInputs():
                result["request"] = construct(item, form)
            case _:
                _named(result, CONSTRUCTS[type(item)].key)[item.name.text] = construct(item, form)
    return result


def _unit(item: tree.Unit, form: Form) -> Plain:
    kind = "integer" if item.digits is None else f"decimal({number(item.digits, form)})"
    return kind if item.singular is None else {"type": kind, "singular": item.singular.text}


def _named(result: dict[str, Plain], key: str) -> dict[str, Plain]:
    found = result.setdefault(key, {})
    assert isinstance(found, dict)
    return found
