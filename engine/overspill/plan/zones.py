"""Time zones by name, as the tzdata package has them, whatever the machine's own copy says, so that replays agree."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+\-]*(/[A-Za-z0-9_+\-]+)*", re.ASCII)


def zones_version() -> str:
    """Which edition of the tz database the zones are of: `2026a`."""
    from importlib import import_module

    return str(import_module("tzdata").IANA_VERSION)


@lru_cache(maxsize=512)
def zone_of(name: str) -> ZoneInfo:
    """The zone, `Europe/Paris`. Raises OSError or ValueError for a name that is none."""
    from importlib.resources import files
    from zoneinfo import ZoneInfo

    if _NAME.fullmatch(name) is None:
        raise ValueError(f"no name of a time zone: {name[:40]}")
    with (files("tzdata") / "zoneinfo" / name).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)
