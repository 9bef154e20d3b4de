"""What this program is built of, found out when the first engine is opened."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib.resources import files

from overspill import __version__
from overspill.plan.zones import zones_version
from overspill.records.build import Build


@cache
def build() -> Build:
    """The build of this process."""
    return Build(overspill=__version__, kernel=kernel_digest(), tzdata=zones_version())


def kernel_digest() -> str:
    """`sha256:…` of the source of `account/kernel.py`, which is what proofs are about."""
    return f"sha256:{sha256((files('overspill.account') / 'kernel.py').read_bytes()).hexdigest()}"
