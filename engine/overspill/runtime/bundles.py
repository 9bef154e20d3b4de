"""Bundles as authors lay them out: a folder with its sub-folders, and what it includes from beside it or from the package.

A sub-folder that holds a `policy` line is a bundle of its own and no part of the one around it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from overspill.words.failures import Failure

if TYPE_CHECKING:
    from pathlib import Path

ENDINGS = (".spill", ".spill.yaml")
READ_MAX = 4 * 1024 * 1024 + 1
"""Bytes read of a file: more than the reader takes, so that it is refused, and no more than memory has."""
_HEADER = re.compile(rb"^[ \t]*policy(?:[ \t]+[a-z]|[ \t]*:)", re.MULTILINE)


def sources_of(policy: str | os.PathLike[str]) -> dict[str, bytes]:
    """The files of a bundle by name: a shipped one (`codex_sora`), a folder of policy files, or one file; with those of
    the bundles that it includes, under `NAME@VERSION/`. Raises Failure where there is nothing, or a file cannot be read.
    """
    from pathlib import Path  # only whoever opens a policy by its path pays for it

    path = Path(policy)
    beside = path.parent if path.is_dir() else path.parent.parent
    found = _own(path, policy)
    if not any(b"include" in data for data in found.values()):
        return found
    from overspill.syntax.read import with_includes  # the parser, for those who include

    return with_includes(found, lambda name, _: _included(beside, name))


def shipped_policies() -> list[str]:
    """The names of the bundles that come with the package."""
    from importlib.resources import files

    return sorted(entry.name for entry in files("overspill_policies").iterdir() if (entry / "access.spill").is_file())


def _own(path: Path, policy: str | os.PathLike[str]) -> dict[str, bytes]:
    if path.is_dir():
        if not (found := _folder(path)):
            inner = sorted(
                {str(file.parent) for file in path.rglob("*") if file.is_file() and file.name.endswith(ENDINGS)}
            )
            help = (
                f"name a bundle in it: {', '.join(inner[:5])}" if inner else "policy files end in .spill or .spill.yaml"
            )
            raise Failure("no_policy", f"{path} holds no policy file of its own", help=help)
        return found
    if path.is_file():
        return {path.name: _bytes(path)}
    if isinstance(policy, str) and policy.isidentifier() and (shipped := _shipped(policy)):
        return shipped
    raise Failure(
        "no_policy",
        f"there is no policy `{os.fspath(policy)}`",
        help=f"name a file, a folder, or a shipped policy: {', '.join(shipped_policies())}",
    )


def _shipped(name: str) -> dict[str, bytes]:
    """The files of a bundle that comes with the package; none where there is no such."""
    from importlib.resources import files

    folder = files("overspill_policies") / name
    entries = folder.iterdir() if folder.is_dir() else ()
    return {entry.name: entry.read_bytes() for entry in entries if entry.name.endswith(ENDINGS)}


def _folder(folder: Path) -> dict[str, bytes]:
    """The folder's own files, and below their names those of its sub-folders."""
    entries = sorted(folder.iterdir())
    found = {entry.name: _bytes(entry) for entry in entries if entry.name.endswith(ENDINGS) and entry.is_file()}
    for name in found:
        if f"{name}.yaml" in found:
            raise Failure(
                "two_surfaces",
                f"{folder} holds {name} and {name}.yaml",
                help="keep one surface of a file, or put the other into a folder of its own",
            )
    for inner in entries:
        if inner.is_dir() and not inner.name.startswith("."):
            files = _folder(inner)
            if not any(_HEADER.search(data) for name, data in files.items() if "/" not in name):
                found |= {f"{inner.name}/{name}": data for name, data in files.items()}
    return found


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(READ_MAX)
    except OSError as error:
        raise Failure("unreadable", f"{path} cannot be read: {error.strerror}", help="check its permissions") from None


def _included(beside: Path, name: str) -> Mapping[str, bytes] | None:
    """A bundle by name: a folder beside, else a shipped one. Whether its version is the one wanted, the reader sees."""
    folder = beside / name
    if folder.is_dir() and (found := _folder(folder)):
        return found
    return _shipped(name) or None
