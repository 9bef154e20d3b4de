"""The memory of a service that runs for long, in pages of 2 MiB where the system has them.

What a decision reads lies all over the process's memory, and each page of 4 KiB that it comes to has to be looked up first: on a
virtual machine, twice. Linux puts what a process has into huge pages when it is asked to (`man 2 madvise`: MADV_HUGEPAGE, and
MADV_COLLAPSE since Linux 6.1); where it cannot or may not, nothing happens.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, repeat
from pathlib import Path

SETTINGS = Path("/sys/kernel/mm/transparent_hugepage")
MAPS = Path("/proc/self/maps")
PAUSES = (1.0, 5.0, 15.0, 60.0)
"""Seconds between two times: memory grows soon after the start, and little later on. Then the last one again and again."""
SIZE_MAX = 32 * 2**20
"""Larger pages, which some machines have, would hold little else than what nobody uses."""
_HUGE_PAGE, _COLLAPSE = 14, 25
"""Advice by its number in Linux's `asm-generic/mman-common.h`."""


@contextmanager
def in_huge_pages() -> Iterator[None]:
    """Meanwhile the process's memory is asked into huge pages now and then, by a thread of its own."""
    over = threading.Event()

    def ask() -> None:
        for pause in chain(PAUSES, repeat(PAUSES[-1])):
            if over.wait(pause):
                return
            ask_for_huge_pages()

    if page_bytes() is not None:
        threading.Thread(target=ask, name="overspill-pages", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def page_bytes(settings: Path = SETTINGS) -> int | None:
    """How large a huge page is, in bytes; None where there is none to be had."""
    try:
        is_off = "[never]" in (settings / "enabled").read_text("ascii")
        size = int((settings / "hpage_pmd_size").read_text("ascii"))
    except (OSError, ValueError):
        return None
    return None if is_off or size > SIZE_MAX else size


def ask_for_huge_pages() -> None:
    """Asks for all that the process has."""
    size = page_bytes()
    if size is None:
        return
    with suppress(OSError):
        madvise = ctypes.CDLL(None).madvise
        for start, length in whole_pages(MAPS.read_text("utf-8", "replace").splitlines(), size):
            for advice in (_HUGE_PAGE, _COLLAPSE):  # what it says is no matter: it is only advice
                madvise(ctypes.c_void_p(start), ctypes.c_size_t(length), advice)


def whole_pages(maps: Iterable[str], size: int) -> Iterator[tuple[int, int]]:
    """(address, length) of the whole pages of `size` bytes in memory that is the process's own to write, from the lines of
    `/proc/self/maps` (`man 5 proc_pid_maps`)."""
    for line in maps:
        addresses, rights, _, _, _, *path = line.split(maxsplit=5)
        if rights == "rw-p" and (not path or path == ["[heap]"]):
            start, end = (int(address, 16) for address in addresses.split("-"))
            first, last = -(-start // size) * size, end // size * size
            if first < last:
                yield first, last - first
