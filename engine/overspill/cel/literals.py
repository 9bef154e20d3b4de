"""Literal tokens → values (langdef.md, "Numeric Values", "String and Bytes Values")."""

from __future__ import annotations

import re

from overspill.cel.tree import UInt

_SIMPLE = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "?": "?", '"': '"', "'": "'", "`": "`",
}  # fmt: skip
_ESCAPE = re.compile(r"\\(?:[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|([\s\S]))")


class LiteralFault(ValueError):
    """A literal that has the form of one but no value."""


def int_value(text: str) -> int:
    """`42`, `0x2A`; range is checked where the sign is known. What no 64 bits hold is 2^64, however long it is."""
    is_hex = text[:2] in ("0x", "0X")
    digits = (text[2:] if is_hex else text).lstrip("0") or "0"
    if len(digits) > 20:
        return 2**64
    return int(digits, 16 if is_hex else 10)


def uint_value(text: str) -> UInt:
    value = int_value(text[:-1])
    if value > 2**64 - 1:
        raise LiteralFault("the unsigned integer does not fit into 64 bits")
    return UInt(value)


def double_value(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise LiteralFault("the number does not fit into a double")
    return value


def string_value(text: str) -> str:
    raw, body = _body(text)
    return body if raw else _ESCAPE.sub(lambda match: _character(match, False), body)


def bytes_value(text: str) -> bytes:
    """`b"a\\xff"`: characters as UTF-8, `\\x` and octal escapes as octets."""
    raw, body = _body(text[1:])
    if raw:
        return body.encode()
    parts, last = [], 0
    for match in _ESCAPE.finditer(body):
        parts.append(body[last : match.start()].encode())
        last = match.end()
        octet = match[1] or match[4]
        if octet is not None:
            parts.append(bytes([int(octet, 16 if match[1] else 8)]))
        else:
            parts.append(_character(match, True).encode())
    return b"".join([*parts, body[last:].encode()])


def _body(text: str) -> tuple[bool, str]:
    raw = text[0] in "rR"
    text = text[1:] if raw else text
    quotes = 3 if text[:3] in ('"""', "'''") else 1
    return raw, text[quotes:-quotes]


def _character(match: re.Match[str], in_bytes: bool) -> str:
    digits = match[1] or match[2] or match[3]
    if digits is not None or match[4] is not None:
        if in_bytes and match[1] is None:
            raise LiteralFault(f"`{match[0]}` names a character; bytes take `\\x` or octal escapes")
        code = int(match[4], 8) if match[4] else int(digits, 16)
        if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            raise LiteralFault(f"`{match[0]}` is no character")
        return chr(code)
    simple = _SIMPLE.get(match[5])
    if simple is None:
        raise LiteralFault(f"`{match[0]}` is no escape sequence")
    return simple
