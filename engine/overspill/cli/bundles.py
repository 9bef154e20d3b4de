"""Bundles as authors lay them out: a folder with its sub-folders, and what it includes from beside it or from the package.

A sub-folder that holds a `policy` line is a bundle of its own and no part of the one around it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from overspill.runtime.policies import ENDINGS, shipped_policies, sources_of
from overspill.syntax.read import with_includes
from overspill.words.failures import Failure

_HEADER = re.compile(rb"^[ \t]*policy(?:[ \t]+[a-z]|[ \t]*:)", re.MULTILINE)


def whole_of(policy: str) -> dict[str, bytes]:
    """The files of a bundle by name, sub-folders and included bundles with it. Raises Failure as `sources_of` does."""
    path = Path(policy)
    beside = path.parent if path.is_dir() else path.parent.parent
    return with_includes(_files(path) if path.is_dir() else sources_of(policy), lambda name, _: _found(beside, name))


def _files(folder: Path) -> dict[str, bytes]:
    """The folder's own files, and below their names those of its sub-folders."""
    own: dict[str, bytes] = {} if _is_bare(folder) else dict(sources_of(folder))
    for inner in sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")):
        found = _files(inner) if _holds_policies(inner) else {}
        if not any(_HEADER.search(data) for name, data in found.items() if "/" not in name):
            own |= {f"{inner.name}/{name}": data for name, data in found.items()}
    if not own:
        raise Failure("no_policy", f"{folder} holds no policy file", help="policy files end in .spill or .spill.yaml")
    return own


def _is_bare(folder: Path) -> bool:
    """Whether no policy file stands in the folder itself."""
    return not any(entry.name.endswith(ENDINGS) for entry in folder.iterdir())


def _holds_policies(folder: Path) -> bool:
    return any(entry.name.endswith(ENDINGS) for entry in folder.rglob("*"))


def _found(beside: Path, name: str) -> Mapping[str, bytes] | None:
    """A bundle by name: a folder beside, else a shipped one. Whether its version is the one wanted, the reader sees."""
    folder = beside / name
    if folder.is_dir() and _holds_policies(folder):
        return _files(folder)
    return sources_of(name) if name in shipped_policies() else None
