"""Signed notes as other programs write and read them, and every change of one is found."""

from __future__ import annotations

import sys

import pytest

from overspill.records.checkpoints import Checkpoint, checkpoint_in, text_of
from overspill.records.notes import note, private_key, private_key_from, public_key_from, text_by
from overspill.words.failures import Failure
from overspill.words.instants import instant_from_text

# The example of Go's golang.org/x/mod/sumdb/note, which the format comes from.
PRIVATE = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
PUBLIC = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
SIGNATURE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
NOTE = f"{TEXT}\n{SIGNATURE}".encode()
OTHER = private_key("other.example/log", bytes(range(32)))


def test_a_note_is_the_one_that_others_write() -> None:
    own, public = private_key_from(f"{PRIVATE}\n"), public_key_from(f" {PUBLIC}\n")
    assert (note(TEXT, own), own.public, own.text, public.text) == (NOTE, public, PRIVATE, PUBLIC)
    assert text_by(NOTE, public) == TEXT


def test_signatures_of_others_say_nothing() -> None:
    public = public_key_from(PUBLIC)
    _, _, theirs = note(TEXT, OTHER).decode().rpartition("\n\n")
    unknown = "— somebody AAAAAQID\n" * 20
    assert text_by(f"{TEXT}\n{theirs}{unknown}{SIGNATURE}".encode(), public) == TEXT
    with pytest.raises(Failure) as failure:
        text_by(note(TEXT, OTHER), public)
    assert (failure.value.code, "other.example/log" in str(failure.value)) == ("not_signed", True)
    renamed = note(TEXT, private_key("PeterNeumann", OTHER.seed))
    with pytest.raises(Failure) as failure:
        text_by(renamed, public)
    assert failure.value.code == "not_signed"


def test_every_change_of_a_byte_is_found() -> None:
    public, codes = public_key_from(PUBLIC), set[str]()
    for place in range(len(NOTE)):
        for changed in (NOTE[place] ^ 1, 0, 10, 32):
            if changed == NOTE[place]:
                continue
            with pytest.raises(Failure) as failure:
                text_by(NOTE[:place] + bytes([changed]) + NOTE[place + 1 :], public)
            assert failure.value.help
            codes.add(failure.value.code)
        for cut in (NOTE[:place], NOTE[:place] + NOTE[place + 1 :]):
            with pytest.raises(Failure):
                text_by(cut, public)
    assert codes == {"bad_signature", "not_signed", "not_a_note"}


NO_NOTES = [
    b"",
    b"\n",
    b"\xff\xfe\n\n",
    TEXT.encode(),
    f"{TEXT}\n".encode(),
    f"{TEXT}\n- PeterNeumann x08go/ZJ\n".encode(),
    f"{TEXT}\n{SIGNATURE * 101}".encode(),
    NOTE[:-1],
    NOTE + b"\n",
    NOTE.replace(b"you", b"y\tu"),
    b"x" * (1 << 20) + NOTE,
]


@pytest.mark.parametrize("data", NO_NOTES, ids=range(len(NO_NOTES)))
def test_what_is_no_note_is_refused(data: bytes) -> None:
    with pytest.raises(Failure) as failure:
        text_by(data, public_key_from(PUBLIC))
    assert failure.value.code == "not_a_note"


def test_no_part_and_no_change_of_a_key_is_one() -> None:
    for text, read in ((PUBLIC, public_key_from), (PRIVATE, private_key_from)):
        wrong = [text[:place] + text[place + 1 :] for place in range(len(text))]
        wrong += [text[:place] + chr(ord(text[place]) ^ 1) + text[place + 1 :] for place in range(len(text))]
        wrong += ["", "+", PRIVATE if text is PUBLIC else PUBLIC, text[:-1] + "é", f"{text} {text}"]
        for one in wrong:
            with pytest.raises(Failure) as failure:
                read(one)
            assert failure.value.code == "bad_key"
            assert one[-20:] not in str(failure.value) or len(one) < 20
    # The right id for what is no key of Ed25519: too long, and of another kind.
    for text in (
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ):
        with pytest.raises(Failure):
            public_key_from(text)


def test_a_private_key_does_not_show_itself() -> None:
    own = private_key_from(PRIVATE)
    assert repr(own) == f"{own}" == "PrivateKey('PeterNeumann')"


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\n", "a ", "x" * 201])
def test_a_name_is_one_word(name: str) -> None:
    with pytest.raises(Failure) as failure:
        private_key(name, bytes(32))
    assert failure.value.code == "bad_name"


def test_without_the_library_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    with pytest.raises(Failure) as failure:
        text_by(NOTE, public_key_from(PUBLIC))
    assert (failure.value.code, failure.value.help) == ("missing_extra", 'pip install "overspill[checkpoints]"')


# ---- checkpoints

CHECKPOINT = Checkpoint(
    origin="example.com/usage", size=20852163, hash=bytes(range(32)), at=instant_from_text("2026-10-05T10:00:00.5Z")
)
LINES = "example.com/usage\n20852163\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\nat 2026-10-05T10:00:00.500000Z\n"


def test_a_checkpoint_is_four_lines() -> None:
    assert (text_of(CHECKPOINT), checkpoint_in(LINES)) == (LINES, CHECKPOINT)


@pytest.mark.parametrize(
    ("part", "other"),
    [("20852163", "020852163"), ("20852163", "-1"), ("20852163", "1e3"), ("20852163", "9" * 20), ("AAEC", "AAE"),
     ("2026-10-05", "2026-13-05"), ("at ", ""), ("example.com/usage\n", "\n"), ("0Z\n", "0Z\nmore\n"), ("0Z\n", "0Z")],
)  # fmt: skip
def test_what_is_no_checkpoint_is_refused(part: str, other: str) -> None:
    assert part in LINES
    with pytest.raises(Failure) as failure:
        checkpoint_in(LINES.replace(part, other))
    assert failure.value.code == "not_a_checkpoint"
