"""Ed25519 (RFC 8032) with keys as bytes: a seed of 32 and a public key of 32, a signature of 64. By `cryptography`, an extra."""

from __future__ import annotations

from types import ModuleType

from overspill.words.failures import Failure


def _library() -> tuple[ModuleType, type[Exception]]:
    """Raises Failure `missing_extra`."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        what = "signed checkpoints need cryptography, which is not installed"
        raise Failure("missing_extra", what, help='pip install "overspill[checkpoints]"') from None
    return ed25519, InvalidSignature


def public_of(seed: bytes) -> bytes:
    """Raises Failure `missing_extra`."""
    key = _library()[0].Ed25519PrivateKey.from_private_bytes(seed)
    return bytes(key.public_key().public_bytes_raw())


def signed(seed: bytes, data: bytes) -> bytes:
    """The signature. Raises Failure `missing_extra`."""
    return bytes(_library()[0].Ed25519PrivateKey.from_private_bytes(seed).sign(data))


def is_signed(public: bytes, data: bytes, signature: bytes) -> bool:
    """Raises Failure `missing_extra`."""
    library, invalid = _library()
    try:
        library.Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (invalid, ValueError):  # ValueError: the bytes are no point of the curve
        return False
    return True
