"""Bundles: found by name or path, read, compiled once, kept by digest.

The only place of the runtime that reaches for the compiler, and only when a policy is opened: `import overspill`
loads no parser.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from overspill.plan.program import Program
from overspill.ports.store import Store, StoredPolicy
from overspill.words.failures import Failure, PolicyFaults

if TYPE_CHECKING:
    from pathlib import Path

    from overspill.check.from_tree import Checked

ENDINGS = (".spill", ".spill.yaml")
READ_MAX = 4 * 1024 * 1024 + 1
"""Bytes read of a file: more than the reader takes, so that it is refused, and no more than memory has."""


def sources_of(policy: str | os.PathLike[str]) -> dict[str, bytes]:
    """The files of a bundle by name: a shipped one (`codex_sora`), a folder of policy files, or one file."""
    from pathlib import Path

    path = Path(policy)
    if path.is_dir():
        return _folder(path)
    if path.is_file():
        return {path.name: _bytes(path)}
    if isinstance(policy, str) and policy.isidentifier():
        from importlib.resources import files

        shipped = files("overspill_policies") / policy
        if shipped.is_dir():
            return {entry.name: entry.read_bytes() for entry in shipped.iterdir() if entry.name.endswith(ENDINGS)}
    raise Failure(
        "no_policy",
        f"there is no policy `{os.fspath(policy)}`",
        help=f"name a file, a folder, or a shipped policy: {', '.join(shipped_policies())}",
    )


def shipped_policies() -> list[str]:
    """The names of the bundles that come with the package."""
    from importlib.resources import files

    return sorted(entry.name for entry in files("overspill_policies").iterdir() if (entry / "access.spill").is_file())


def _folder(path: Path) -> dict[str, bytes]:
    found = {entry.name: _bytes(entry) for entry in sorted(path.iterdir()) if entry.name.endswith(ENDINGS)}
    if not found:
        raise Failure("no_policy", f"{path} holds no policy file", help="policy files end in .spill or .spill.yaml")
    for name in found:
        if f"{name}.yaml" in found:
            raise Failure(
                "two_surfaces",
                f"{path} holds {name} and {name}.yaml",
                help="keep one surface of a file, or put the other into a folder of its own",
            )
    return found


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(READ_MAX)
    except OSError as error:
        raise Failure("unreadable", f"{path} cannot be read: {error.strerror}", help="check its permissions") from None


def checked_of(sources: Mapping[str, bytes], *, lints: bool = True) -> Checked:
    """The checked bundle, with warnings and hints where `lints`. Raises PolicyFaults when a file does not parse."""
    from overspill.check.from_tree import check
    from overspill.syntax.read import read_bundle

    whole, faults = read_bundle(sources)
    if whole is None:
        raise PolicyFaults(faults)
    return check(whole, lints=lints)


def compiled(sources: Mapping[str, bytes]) -> Program:
    """The program of a bundle. Raises PolicyFaults with every fault."""
    from overspill.compile.from_rules import compile_rules

    # The collector would walk the growing tree again and again: it cost up to five times the compile itself.
    collecting = gc.isenabled()
    gc.disable()
    try:
        checked = checked_of(sources, lints=False)
        if checked.rules is None:
            raise PolicyFaults(checked.faults)
        return compile_rules(checked.rules)
    finally:
        if collecting:
            gc.enable()


class Policies:
    """The programs of one engine: the active one, and older ones that holds still carry."""

    def __init__(self, store: Store, policy: str | os.PathLike[str] | Mapping[str, bytes]) -> None:
        self._store = store
        self.sources = dict(policy) if isinstance(policy, Mapping) else sources_of(policy)
        self._active = compiled(self.sources)
        self._programs = {self._active.plan.digest: self._active}

    def active(self) -> Program:
        return self._active

    def publish(self) -> None:
        """Stores the active policy's sources, inside the caller's transaction."""
        plan = self._active.plan
        self._store.put_policy(StoredPolicy(plan.digest, plan.name, plan.version, self.sources))

    def of(self, digest: str) -> Program:
        """The program of a digest. Raises Failure `unknown_policy` for one that was never published here."""
        program = self._programs.get(digest)
        if program is None:
            stored = self._store.policy(digest)
            if stored is None:
                raise Failure("unknown_policy", f"no policy {digest[:19]}… was published to this store")
            program = self._programs[digest] = compiled(stored.sources)
        return program
