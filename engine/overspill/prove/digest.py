"""What a proof is about: the digest of the files whose functions are proved, which a build can carry. No solver here."""

from __future__ import annotations

from hashlib import sha256
from importlib.resources import files

FILES = (
    "account/due.py",
    "account/held.py",
    "account/holds.py",
    "account/kernel.py",
    "plan/arithmetic.py",
    "plan/counting.py",
    "plan/lots.py",
    "plan/periods.py",
)
"""The files of all functions that claims are about."""


def kernel_digest() -> str:
    """`sha256:…` of the names and bytes of these files, as they are installed."""
    digest = sha256()
    for name in FILES:
        text = files("overspill").joinpath(name).read_bytes()
        digest.update(f"{name}\0{len(text)}\0".encode() + text)
    return f"sha256:{digest.hexdigest()}"
