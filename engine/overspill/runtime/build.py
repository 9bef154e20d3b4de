"""What this program is built of, found out when the first engine is opened."""

from __future__ import annotations

from functools import cache

from overspill import __version__
from overspill.plan.zones import zones_version
from overspill.prove.digest import kernel_digest
from overspill.records.build import Build


@cache
def build() -> Build:
    """The build of this process."""
    return Build(overspill=__version__, kernel=kernel_digest(), tzdata=zones_version())
