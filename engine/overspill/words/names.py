"""Names and identifiers: what may be written, and nothing that merely looks alike."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from overspill.words.kept import kept

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
"""A name in a policy (LANGUAGE.md principle 5)."""
IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@-]{0,127}")
"""An id that a caller chooses: accounts, requests, lots, holds, tenants. ASCII, no slash, no space."""
_IDENTIFIERS = re.compile(rf"(?:{IDENTIFIER.pattern}\0)*+")
IDENTIFIER_HELP = "use 1 to 128 ASCII letters, digits, `_`, `-`, `.`, `:` or `@`, starting with a letter or digit"


@kept
def is_identifier(text: str) -> bool:
    """Whether a text that mostly came before (an account's id, a tenant) is an identifier."""
    return IDENTIFIER.fullmatch(text) is not None


def are_identifiers(texts: Sequence[str]) -> bool:
    """Whether all of the texts, which came never before, are identifiers: asked of one text, which costs as much as for two."""
    if not {*map(type, texts)} <= {str}:
        return False
    joined = "\0".join([*texts, ""])
    return joined.count("\0") == len(texts) and _IDENTIFIERS.fullmatch(joined) is not None


_DOUBTFUL = re.compile(r"[^\t\n\r -~]")
"""What is not plainly visible ASCII or layout, and is looked at more closely."""


def hidden_character(text: str) -> int | None:
    """The offset of the first character that shows nothing or turns the reading direction, or None.

    Format characters (bidi controls, zero-width, byte-order marks) and control characters other than tab and line
    breaks; after Boucher and Anderson, "Trojan Source" (2021).
    """
    for found in _DOUBTFUL.finditer(text):
        if unicodedata.category(found[0]) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp"):
            return found.start()
    return None


def shown(value: object) -> str:
    """What somebody sent, for a sentence: short, on one line, and nothing that hides."""
    text = value if isinstance(value, str) and value.isascii() and value.isprintable() else ascii(value)
    return f"`{text if len(text) <= 60 else text[:57] + '...'}`"


def is_torn(text: str) -> bool:
    """Whether it holds halves of characters, which cannot be written down."""
    return not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text)
