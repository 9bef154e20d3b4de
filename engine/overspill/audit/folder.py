"""An export's folder → what is audited. Nothing is read here: the bytes of each file are given, in blocks of any size.

Every file must be what the manifest says of it, to the byte; and what the manifest says of the journal must be so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from hashlib import sha256
from io import BytesIO
from itertools import chain
from typing import TypeVar

from overspill.audit.auditing import BOUNDS, Bounds, Given
from overspill.audit.findings import Findings
from overspill.audit.shapes import Balance, Parked, SegmentLine
from overspill.audit.streams import BEGINS, Exported, Part, Stream
from overspill.records import export
from overspill.records.checkpoints import Checkpoint
from overspill.records.journal import GENESIS, Record, Segment
from overspill.records.written import Form, form_of
from overspill.words.codec import JsonFault, json_decoder, replace
from overspill.words.failures import Failure

T = TypeVar("T")
Blocks = Callable[[str], Iterable[bytes]]
"""A file's name → its bytes; may be asked more than once."""
DATASETS = (export.TRANSACTIONS, export.USAGE_EVENTS, export.MONETIZATION_EVENTS, export.BALANCE_UPDATES)
_manifest_from = json_decoder(export.Manifest).decode


def manifest_of(data: bytes) -> export.Manifest:
    """Raises Failure for what is no manifest, one of a later version, or one of a part of a journal."""
    try:
        found = _manifest_from(data)
    except (JsonFault, UnicodeDecodeError) as fault:
        what = f"`{export.MANIFEST}` is no manifest of an export: {str(fault)[:120]}"
        raise Failure("no_export", what, help="name a folder that `overspill export` has written") from None
    if found.version != export.VERSION:
        what = f"the export is of version {found.version}, this program knows {export.VERSION}"
        raise Failure("newer_export", what, help="use the program that wrote it, or a later one")
    if found.from_ > 1 or found.settled_through > found.to:
        what = f"the export is a part: records {found.from_} to {found.to}, settled through {found.settled_through}"
        raise Failure("export_is_a_part", what, help="export without --from and --to: only the whole adds up")
    return found


def given_of(
    data: bytes,
    blocks: Blocks,
    names: Collection[str],
    found: Findings,
    now: int | None = None,
    bounds: Bounds = BOUNDS,
    checkpoints: Sequence[Checkpoint] = (),
    is_own: Callable[[Record], bool] | None = None,
    is_first: bool = True,
) -> Given:
    """`data` are the manifest's bytes, `names` the other files of the folder; of shares the first alone holds the files against
    the manifest. Raises Failure as `manifest_of`."""
    given = _Folder(manifest_of(data), blocks, names, found, is_own, is_first).given(now, bounds)
    return replace(given, checkpoints=checkpoints)


def segments_of(data: bytes, blocks: Blocks, names: Collection[str]) -> Iterable[Segment]:
    """The journal's, whatever there is to be said of them."""
    return _Folder(manifest_of(data), blocks, names, Findings(), is_first=False).segments()


class _Folder:
    def __init__(
        self,
        manifest: export.Manifest,
        blocks: Blocks,
        names: Collection[str],
        found: Findings,
        is_own: Callable[[Record], bool] | None = None,
        is_first: bool = True,
    ) -> None:
        self.manifest, self.blocks, self.names, self.found = manifest, blocks, names, found
        self._is_own = is_own
        self._seen: set[str] = set() if is_first else {*names}

    def given(self, now: int | None, bounds: Bounds) -> Given:
        found = self.found
        for name in (*export.FILES, *self.manifest.files):
            if name not in self.names or name not in self.manifest.files:
                where = "the folder" if name not in self.names else "the manifest"
                found.add("chain", "FILES", name, f"is not in {where}")
        for name in self.manifest.files:
            if name not in (*export.FILES, *self._seen) and name in self.names:
                for _ in self._whole(name, _counted):
                    pass
        forms = self._forms()
        return Given(
            segments=self.segments,
            form_of=forms.__getitem__,
            source=Exported([self._stream(name) for name in DATASETS], found),
            settled_through=self.manifest.settled_through,
            balances=self._rows(export.BALANCES, Balance),
            parked=list(self._rows(export.PARKED, Parked)),
            now=now,
            bounds=bounds,
            policies=self._policies(),
            is_own=self._is_own,
        )

    # ---- files

    def _whole(self, name: str, read: Callable[[bytes], tuple[T, int]]) -> Iterator[T]:
        """A file's lines, some at a time, each lot by `read`, which counts its line feeds too; in the end it must be what the
        manifest says."""
        digest, size, rows, rest = sha256(), 0, 0, b""
        is_new = name not in self._seen
        for block in self.blocks(name) if name in self.names else ():
            if is_new:
                digest.update(block)
            size += len(block)
            end = block.rfind(b"\n") + 1
            if end:
                found, count = read(rest + block[:end])
                rows += count
                yield found
                rest = block[end:]
            else:
                rest += block
        if rest:
            yield read(rest)[0]
        facts = self.manifest.files.get(name)
        if facts is None or not is_new or name not in self.names:
            return
        self._seen.add(name)
        if name.endswith(".csv"):
            rows -= 1
        pairs = [("bytes", size, facts.bytes), ("sha256", digest.hexdigest(), facts.sha256)]
        if not name.endswith(".parquet"):
            pairs.append(("rows", rows, facts.rows))
        for what, is_so, must_be in pairs:
            if is_so != must_be:
                self.found.add("chain", "FILES", name, f"has {what} {is_so}, the manifest says {must_be}", seq=0)

    def _rows(self, name: str, shape: type[T]) -> Iterator[T]:
        decoder = json_decoder(shape)
        line = 0

        def read(text: bytes) -> tuple[list[T], int]:
            nonlocal line
            count = text.count(b"\n")
            first, line = line + 1, line + count
            try:
                return decoder.decode_lines(text), count
            except (JsonFault, UnicodeDecodeError):
                return self._by_line(name, first, text, decoder.decode), count

        for some in self._whole(name, read):
            yield from some

    def _by_line(self, name: str, first: int, text: bytes, decode: Callable[[bytes], T]) -> list[T]:
        found: list[T] = []
        for number, line in enumerate(text.splitlines(), first):
            try:
                found.append(decode(line))
            except (JsonFault, UnicodeDecodeError) as fault:
                what = f"cannot be read: {str(fault)[:160]}"
                self.found.add("malformed", "ROWS", f"{name}:{number}", what, seq=0)
        return found

    def _stream(self, name: str) -> Stream | Part:
        begins = BEGINS if name == export.TRANSACTIONS else b""
        if self._is_own is not None:
            return Part(name, self._lines(name), self.found, begins)

        def again() -> Iterable[bytes]:
            return _Folder(self.manifest, self.blocks, self.names, Findings())._lines(name)

        return Stream(name, self._lines(name), again, self.found, begins)

    def _lines(self, name: str) -> Iterable[bytes]:
        return chain.from_iterable(self._whole(name, _split))

    def _forms(self) -> dict[str, Form]:
        found: dict[str, Form] = {}
        for form in self._rows(export.FORMS, Form):
            if form.id in found:
                self.found.add("duplicate", "LED10", form.id, "is there twice")
            try:
                own = form_of(form.pieces, form.holes).id
            except (ValueError, TypeError):
                own = ""
            if form.id != own or len(form.pieces) != len(form.holes) + 1:
                self.found.add("chain", "LED10", form.id, "is a form of another content than its id")
                continue
            found[form.id] = form
        return found

    def _policies(self) -> set[str]:
        found: set[str] = set()
        for row in self._rows(export.POLICIES, export.PolicyLine):
            if row.digest in found:
                self.found.add("duplicate", "FILES", row.digest, "is there twice, among the policies")
            found.add(row.digest)
        return found

    # ---- the journal

    def segments(self) -> Iterator[Segment]:
        """Each with its bytes of the journal's file, as long as there are some."""
        quiet = export.JOURNAL in self._seen
        body = _Bytes(self._whole(export.JOURNAL, _counted))
        seq, hash = 0, GENESIS
        for row in self._rows(export.SEGMENTS, SegmentLine):
            try:
                before, own = bytes.fromhex(row.previous_hash), bytes.fromhex(row.hash)
            except ValueError:
                before = own = b""
            seq, hash, part = row.last_seq, own, body.take(max(row.bytes, 0))
            if len(part) != row.bytes and not quiet:
                what = f"has {len(part)} bytes, its line says {row.bytes}"
                self.found.add("chain", "LED10", f"segment {row.first_seq}", what)
            yield Segment(row.first_seq, row.last_seq, before, own, part)
        if quiet:
            return
        if body.rest():
            self.found.add("chain", "LED10", export.JOURNAL, "has bytes that no segment tells of", seq=0)
        manifest = self.manifest
        said = (manifest.to, manifest.hash, manifest.previous_hash, manifest.from_)
        if said != (seq, hash.hex(), GENESIS.hex(), 1):
            what = f"says that the journal ends with record {manifest.to} and hash {manifest.hash[:16]}, it does with {seq}"
            self.found.add("chain", "LED10", export.MANIFEST, f"{what} and {hash.hex()[:16]}", seq=0)


def _counted(text: bytes) -> tuple[bytes, int]:
    return text, len(_lines_of(text))


def _split(text: bytes) -> tuple[list[bytes], int]:
    lines = _lines_of(text)
    return [line[:-1] for line in lines] or [text], len(lines)


def _lines_of(text: bytes) -> list[bytes]:
    """Each with its line feed, which all have or, behind the last of a file, none. A file looks for line feeds in many bytes
    at a time, where `bytes.split` looks at each."""
    return BytesIO(text).readlines() if text.endswith(b"\n") else []


class _Bytes:
    """Bytes that come in blocks, taken in other lengths."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks, self._block, self._at = blocks, b"", 0

    def take(self, count: int) -> bytes:
        """That many, or as many as there are."""
        end = self._at + count
        if end <= len(self._block):
            found, self._at = self._block[self._at : end], end
            return found
        parts, missing = [self._block[self._at :]], end - len(self._block)
        self._block, self._at = b"", 0
        for block in self._blocks:
            if len(block) >= missing:
                parts.append(block[:missing])
                self._block, self._at = block, missing
                break
            parts.append(block)
            missing -= len(block)
        return b"".join(parts)

    def rest(self) -> int:
        """How many are left over."""
        return len(self._block) - self._at + sum(map(len, self._blocks))
