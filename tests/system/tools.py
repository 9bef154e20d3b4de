"""What these tests need of the system; where it is missing they fail, and are never skipped."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FAULTS = int(os.environ.get("OVERSPILL_FAULTS", "8"))
"""So many points each fault is put at; 40 in a full run."""
TESTS = Path(__file__).parents[1]


def tool(name: str) -> str:
    path = shutil.which(name)
    assert path is not None, f"{name} is not installed: apt-get install {name}"
    return path


def started(command: list[str]) -> subprocess.Popen[str]:
    paths = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths}
    )


def worker(script: Path, *arguments: object) -> list[str]:
    return [sys.executable, str(script), *map(str, arguments)]


def with_fault(call: str, fault: str, command: list[str]) -> list[str]:
    """The command, in which the system calls `call` do what `fault` says (`error=EIO:when=7`)."""
    quiet = ["-f", "--seccomp-bpf", "-o", "/dev/null"]
    return [tool("strace"), *quiet, "-e", f"trace={call}", "-e", f"inject={call}:{fault}", *command]


class Disk:
    """A small disk of its own, in memory."""

    def __init__(self, folder: Path, kilobytes: int) -> None:
        assert os.geteuid() == 0, "a disk is mounted: run these tests as root"
        self.folder = folder
        self.size = kilobytes
        self._mount("-t", "tmpfs", "-o", f"size={kilobytes}k,mode=777", "overspill-test", str(folder))

    def grow(self, kilobytes: int) -> None:
        self.size += kilobytes
        self._mount("-o", f"remount,size={self.size}k", str(self.folder))

    def read_only(self, yes: bool) -> None:
        self._mount("-o", "remount,ro" if yes else "remount,rw", str(self.folder))

    def left(self) -> int:
        """Free bytes."""
        return shutil.disk_usage(self.folder).free

    def fill(self) -> Path:
        """Takes all that is left; space is free again when the file that is given is removed."""
        filler = self.folder / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                return filler
        raise AssertionError("the disk has no end")

    @staticmethod
    def _mount(*arguments: str) -> None:
        done = subprocess.run([tool("mount"), *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def gone(self) -> None:
        subprocess.run([tool("umount"), "-l", str(self.folder)], check=True)


@contextmanager
def disk(folder: Path, kilobytes: int) -> Iterator[Disk]:
    folder.mkdir(exist_ok=True)
    mounted = Disk(folder, kilobytes)
    try:
        yield mounted
    finally:
        mounted.gone()
