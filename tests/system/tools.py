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
PACKAGES = {"ip": "iproute2", "mkfs.ext4": "e2fsprogs", "e2fsck": "e2fsprogs", "findmnt": "mount"}
TESTS = Path(__file__).parents[1]


def tool(name: str) -> str:
    path = shutil.which(name)
    assert path is not None, f"{name} is not installed: apt-get install {PACKAGES.get(name, name)}"
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
        _run("mount", *arguments)

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


class Breakable:
    """A disk with a file system of its own, which can find an error in itself: it takes no writes any more then, also of those
    who have its files open, until it was mended."""

    def __init__(self, place: Path) -> None:
        assert os.geteuid() == 0, "a disk is mounted: run these tests as root"
        self._image, self.folder = place / "image", place / "breakable"
        self.folder.mkdir()
        with self._image.open("wb") as image:
            image.truncate(32 << 20)
        _run("mkfs.ext4", "-q", "-F", str(self._image))
        self._mount()

    def _mount(self) -> None:
        _run("mount", "-o", "loop,errors=remount-ro", str(self._image), str(self.folder))

    def find_an_error(self) -> None:
        device = _run("findmnt", "-no", "SOURCE", str(self.folder)).strip()
        Path("/sys/fs/ext4", Path(device).name, "trigger_fs_error").write_text("a test")

    def mend(self) -> None:
        """Nobody may have a file of it open any more."""
        self.gone()
        done = subprocess.run(
            [tool("e2fsck"), "-y", "-f", str(self._image)], capture_output=True, text=True, check=False
        )
        assert done.returncode in (0, 1), done.stdout  # 1: errors were corrected
        self._mount()

    def gone(self) -> None:
        _run("umount", str(self.folder))


@contextmanager
def breakable(place: Path) -> Iterator[Breakable]:
    made = Breakable(place)
    try:
        yield made
    finally:
        made.gone()


def _run(name: str, *arguments: str) -> str:
    done = subprocess.run([tool(name), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Network:
    """A network of its own, at the end of a cable from here: `address` is there. Who is cut off from it gets no answer, and
    nobody says so."""

    def __init__(self) -> None:
        assert os.geteuid() == 0, "a network is made: run these tests as root"
        self._name = f"ovsp{os.getpid()}"
        self._here, self._there = f"ovh{os.getpid()}", f"ovt{os.getpid()}"
        part = f"198.18.{os.getpid() // 64 % 256}.{os.getpid() % 64 * 4}".rpartition(".")
        first, second = (f"{part[0]}.{int(part[2]) + number}" for number in (1, 2))
        self.address = second
        self.inside = (tool("ip"), "netns", "exec", self._name)
        self._ip("netns", "add", self._name)
        try:
            self._ip("link", "add", self._here, "type", "veth", "peer", "name", self._there, "netns", self._name)
            self._ip("address", "add", f"{first}/30", "dev", self._here)
            self._ip("-n", self._name, "address", "add", f"{second}/30", "dev", self._there)
            self._ip("link", "set", self._here, "up")
            self.up()
        except BaseException:
            self.gone()
            raise

    def up(self) -> None:
        self._ip("-n", self._name, "link", "set", self._there, "up")

    def down(self) -> None:
        """The far end of the cable is pulled out: this one stays up, so that nothing goes another way."""
        self._ip("-n", self._name, "link", "set", self._there, "down")

    @staticmethod
    def _ip(*arguments: str) -> None:
        _run("ip", *arguments)

    def gone(self) -> None:
        """The cable goes with the network that its end is in."""
        self._ip("netns", "delete", self._name)


@contextmanager
def network() -> Iterator[Network]:
    made = Network()
    try:
        yield made
    finally:
        made.gone()
