"""By which program a record was made, stored beside it and outside of the bytes that a replay compares."""

from __future__ import annotations

from overspill.words.codec import Struct


class Build(Struct, frozen=True, kw_only=True):
    """`overspill` is the version, `kernel` the SHA-256 of the proved arithmetic's source, `tzdata` the version of the time
    zones."""

    overspill: str
    kernel: str
    tzdata: str
