"""Signed notes (https://c2sp.org/signed-note): a text, a blank line, and a line for each signature, by keys that have names.

Keys are text, as other programs that sign and verify notes write them: `NAME+ID+KEY` is public, `PRIVATE+KEY+NAME+ID+KEY`
is not. `ID` is eight hex digits, which the name and the public key give; `KEY` is base64 of the kind of signature and 32 bytes.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from hashlib import sha256

from overspill.records.ed25519 import is_signed, public_of, signed
from overspill.words.codec import Struct
from overspill.words.failures import Failure

ED25519 = b"\x01"
KEY_BYTES, ID_BYTES = 32, 4
NOTE_BYTES_MAX = 1 << 20
SIGNATURES_MAX = 100
PRIVATE = "PRIVATE+KEY+"
_SIGNATURE = re.compile(r"— (\S+) (\S+)")
_NAME = re.compile(r"[^\s+\x00-\x1f\x7f]{1,200}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_KEY = re.compile(r"(?P<name>[^\s+]+)\+(?P<id>[0-9a-f]{8})\+(?P<key>[A-Za-z0-9+/=]+)")


class PublicKey(Struct, frozen=True):
    """`key` is 32 bytes."""

    name: str
    key: bytes

    @property
    def id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + ED25519 + self.key).digest()[:ID_BYTES]

    @property
    def text(self) -> str:
        return f"{self.name}+{self.id.hex()}+{_base64(ED25519 + self.key)}"


class PrivateKey(Struct, frozen=True):
    """`seed` is 32 bytes; it is never shown."""

    name: str
    seed: bytes

    def __repr__(self) -> str:
        return f"PrivateKey({self.name!r})"

    @property
    def public(self) -> PublicKey:
        return PublicKey(self.name, public_of(self.seed))

    @property
    def text(self) -> str:
        return f"{PRIVATE}{self.name}+{self.public.id.hex()}+{_base64(ED25519 + self.seed)}"


def private_key(name: str, seed: bytes) -> PrivateKey:
    """Raises Failure `bad_name`."""
    if _NAME.fullmatch(name) is None:
        what = "a key's name is 1 to 200 characters without blanks and `+`"
        raise Failure("bad_name", what, help="name it like an address, such as example.com/usage")
    return PrivateKey(name, seed)


def public_key_from(text: str) -> PublicKey:
    """Raises Failure `bad_key`."""
    name, id, key = _parts(text.strip(), "public", "NAME+ID+KEY, as `overspill checkpoint key` prints it")
    found = PublicKey(name, key)
    if found.id != id:
        raise Failure("bad_key", "the public key has another id than its name and bytes give", help="copy it whole")
    return found


def private_key_from(text: str) -> PrivateKey:
    """Raises Failure `bad_key`, in which nothing of the key stands."""
    text, expected = text.strip(), "PRIVATE+KEY+NAME+ID+KEY, as `overspill checkpoint key` writes it"
    name, id, seed = _parts(text.removeprefix(PRIVATE) if text.startswith(PRIVATE) else "", "private", expected)
    found = PrivateKey(name, seed)
    if found.public.id != id:
        raise Failure("bad_key", "the private key has another id than its name and bytes give", help="copy it whole")
    return found


def _parts(text: str, which: str, expected: str) -> tuple[str, bytes, bytes]:
    """(name, id, bytes of the key)."""
    match = _KEY.fullmatch(text)
    key = b"" if match is None else _bytes(match["key"])
    if match is None or len(key) != 1 + KEY_BYTES or key[:1] != ED25519:
        raise Failure("bad_key", f"this is no {which} key of Ed25519", help=f"it is one line, {expected}")
    return match["name"], bytes.fromhex(match["id"]), key[1:]


# ---- notes


def note(text: str, key: PrivateKey) -> bytes:
    """The signed note; `text` ends with a line feed."""
    assert text.endswith("\n") and _CONTROL.search(text) is None
    signature = _base64(key.public.id + signed(key.seed, text.encode()))
    return f"{text}\n— {key.name} {signature}\n".encode()


def text_by(data: bytes, key: PublicKey) -> str:
    """The text of a note that the key has signed; signatures of other keys say nothing. Raises Failure `not_a_note`,
    `not_signed` (no signature is of this key), `bad_signature`."""
    text, lines = _read(data)
    others = []
    for line in lines:
        match = _SIGNATURE.fullmatch(line)
        signature = b"" if match is None else _bytes(match[2])
        if match is None or len(signature) <= ID_BYTES:
            raise _no_note(f"the line `{line[:40]}` is no signature")
        if (match[1], signature[:ID_BYTES]) != (key.name, key.id):
            others.append(f"{match[1][:80]}+{signature[:ID_BYTES].hex()}")
        elif not is_signed(key.key, text.encode(), signature[ID_BYTES:]):
            what = f"the signature of {key.name} is not of this text: one of them was changed"
            raise Failure("bad_signature", what, help="take the copy that was kept elsewhere")
        else:
            return text
    what = f"it is not signed by {key.name}+{key.id.hex()}, but by {', '.join(others[:3])}"
    raise Failure("not_signed", what, help="name the public key that belongs to it")


def _read(data: bytes) -> tuple[str, list[str]]:
    """(text, lines of signatures)."""
    if len(data) > NOTE_BYTES_MAX:
        raise _no_note(f"it has more than {NOTE_BYTES_MAX} bytes")
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError:
        raise _no_note("it is not UTF-8") from None
    text, blank, signatures = whole.rpartition("\n\n")
    lines = signatures.removesuffix("\n").split("\n")
    if not blank or not signatures.endswith("\n") or _CONTROL.search(whole) is not None:
        raise _no_note("it is not a text, a blank line and signatures")
    if len(lines) > SIGNATURES_MAX:
        raise _no_note(f"it has more than {SIGNATURES_MAX} signatures")
    return f"{text}\n", lines


def _no_note(why: str) -> Failure:
    return Failure(
        "not_a_note", f"this is no signed note: {why}", help="name a file that `overspill checkpoint sign` wrote"
    )


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def _bytes(text: str) -> bytes:
    """What base64 stands for; nothing where it is none."""
    try:
        return b64decode(text, validate=True)
    except (NotBase64, ValueError):
        return b""
