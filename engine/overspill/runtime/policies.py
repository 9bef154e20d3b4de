"""Bundles: read, compiled once, kept by digest.

The only place of the runtime that reaches for the compiler, and only when a policy is opened: `import overspill`
loads no parser.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from overspill.runtime.bundles import sources_of
from overspill.words.failures import Failure, PolicyFaults, StoreFailure

if TYPE_CHECKING:
    from overspill.check.from_tree import Checked
    from overspill.plan.program import Program
    from overspill.ports.store import Store


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


class Published:
    """The programs of the policies that were published to a store, each compiled when it is first asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._programs: dict[str, Program] = {}

    def of(self, digest: str) -> Program:
        """The program of a digest. Raises Failure `unknown_policy` for one that was never published here, StoreFailure
        `changed_policy` for one whose files are no longer what they were."""
        program = self._programs.get(digest)
        if program is None:
            stored = self._store.policy(digest)
            if stored is None:
                raise Failure("unknown_policy", f"no policy {digest[:19]}… was published to this store")
            program = self._programs[digest] = _unchanged(digest, stored.sources)
        return program


def _unchanged(digest: str, sources: Mapping[str, bytes]) -> Program:
    """The program of these sources, if they still are the policy of that digest."""
    try:
        program = compiled(sources)
    except PolicyFaults:
        program = None
    if program is None or program.plan.digest != digest:
        what = f"the files that are kept of the policy {digest[:19]}… are another policy's"
        raise StoreFailure("changed_policy", what, help="restore the database from a backup")
    return program


class Bundle(NamedTuple):
    """A policy's files by name, and what they come to."""

    sources: dict[str, bytes]
    program: Program


def bundle_of(policy: str | os.PathLike[str] | Mapping[str, bytes]) -> Bundle:
    """The bundle of a name, a path, or files by name. Raises PolicyFaults, Failure."""
    sources = dict(policy) if isinstance(policy, Mapping) else sources_of(policy)
    if not sources:
        help = "give the bytes of one by its name"
        raise Failure("no_policy", "no policy file is given", help=help, pointer="/policy")
    return Bundle(sources, compiled(sources))


class Policies(Published):
    """The programs of one engine: the active one, and older ones that holds still carry."""

    def __init__(self, store: Store, bundle: Bundle) -> None:
        super().__init__(store)
        self.sources, self._active = bundle
        self._programs[self._active.plan.digest] = self._active

    def active(self) -> Program:
        return self._active

    def publish(self) -> None:
        """Stores the active policy's sources, inside the caller's transaction. Raises StoreFailure `unit_changed` for one by
        which what is kept already would be something else."""
        from overspill.ports.store import StoredPolicy  # a check of a policy needs no store

        plan = self._active.plan
        measures = plan.measures()
        for name, kept in self._store.fix(measures).items():
            what = f"{name} is kept in {kept} here, and the policy has it in {measures[name]}"
            raise StoreFailure("unit_changed", what, help="give it another name, or use a new database")
        self._store.put_policy(StoredPolicy(plan.digest, plan.name, plan.version, self.sources))
