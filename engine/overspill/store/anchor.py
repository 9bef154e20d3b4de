"""An anchor: a small file outside of the database that knows how far its journal was, so that an older copy is recognised.

It is written after each commit and never synced: it may lag behind the journal, and is never ahead of what was durable.
So a database that ends before its anchor, or has another hash there, is not the one that was decided on last. Who puts
back both together is not found out; nor is who takes the anchor away.
"""

from __future__ import annotations

import errno
import os
import re

from overspill.ports.store import Head
from overspill.words.failures import StoreFailure

SUFFIX = "-anchor"
_TEXT = re.compile(rb"overspill 1 ([0-9]{19}) ([0-9a-f]{64})\n")
_LATER = re.compile(rb"overspill ([2-9]|[1-9][0-9]+) ")


def expect_folder(path: str) -> None:
    """Raises StoreFailure where there is no folder for a file."""
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise StoreFailure("no_such_folder", f"there is no folder {folder}", help="create it first")


class Anchor:
    """The file at `path`, made with the first commit. What cannot be written is left for the next commit; one that never could be
    would be missed when it is needed, and is refused: raises StoreFailure."""

    def __init__(self, path: str) -> None:
        expect_folder(path)
        self.path = path
        self._file: int | None = None

    def known(self) -> Head | None:
        """What it says; None where there is no such file, or a torn one. Raises StoreFailure for one of a later version."""
        try:
            with open(self.path, "rb") as file:
                text = file.read(256)
        except OSError:
            return None
        if _LATER.match(text) is not None:
            what = f"{self.path} was written by a newer version"
            raise StoreFailure("newer_version", what, help="upgrade Overspill")
        match = _TEXT.fullmatch(text)
        return None if match is None else Head(int(match[1]), bytes.fromhex(match[2].decode()))

    def note(self, head: Head) -> bool:
        """The journal ends here, durably. Whether the disk takes writes as ever."""
        try:
            if self._file is None:
                self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
            os.pwrite(self._file, b"overspill 1 %019d %s\n" % (head.seq, head.hash.hex().encode()), 0)
        except OSError as error:
            return error.errno not in (errno.EROFS, errno.EIO)
        return True

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
