"""The head of a call that a parser has read, and the calls behind it that have the same: what one caller sends differs in its
key and its length.

What HTTP makes of a call hangs on the bytes of its head. Where these are the same but for the value of a field that says
nothing to HTTP, and for a Content-Length that is right, the call is read as the last one was and needs no parser. How strict
to be is the parser's to say: no byte is taken here that it has not read, or would read otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from overspill.serve.fields import Header
from overspill.serve.heads import plain_key

Call = tuple[dict[bytes, bytes], bytes, str | None]
"""(header fields by lower-case name, body, the Idempotency-Key where there is one)."""

LENGTH = b"content-length"
KEY = b"idempotency-key"
OWN = (LENGTH, KEY, b"x-request-id", b"traceparent", b"tracestate")
"""Fields that each call has its own value of."""
_END = b"\r\n\r\n"
_VALUE = re.compile(rb"[!-~]+(?: [!-~]+)*").fullmatch
"""What every parser reads alike: words of visible ASCII."""


class LastHead:
    """One whose fields all differ in their names and have a Content-Length among them. `parts` are a field of a call's own, and
    what stands behind its value."""

    __slots__ = ("_begin", "_headers", "_length", "_parts")

    def __init__(self, headers: dict[bytes, bytes], begin: bytes, parts: Sequence[tuple[bytes, bytes]]) -> None:
        self._headers, self._begin, self._length = headers, begin, len(begin)
        self._parts = [(name, behind, len(behind)) for name, behind in parts]

    def call_in(self, data: bytes) -> Call | None:
        """The call that a packet is, no less and no more, if it has such a head."""
        if not data.startswith(self._begin):
            return None
        headers, at, key = self._headers.copy(), self._length, None
        for name, behind, length in self._parts:
            end = data.find(behind, at)
            if end < 0:
                return None
            value = headers[name] = data[at:end]
            if name is KEY:
                if (key := plain_key(value)) is None:
                    return None
            elif name is not LENGTH and _VALUE(value) is None:
                return None
            at = end + length
        body = data[at:]
        return (headers, body, key) if headers[LENGTH] == b"%d" % len(body) else None


def last_head(data: bytes, first: bytes, fields: Sequence[Header]) -> LastHead | None:
    """The head that a packet begins with, where a parser has read its `first` line and these fields, by lower-case name; None
    where it is not written as most are: each field by itself in a line, a colon and a space behind its name."""
    if not data.startswith(first):
        return None
    at, begin = len(first), 0
    texts, own = [], []
    for name, value in fields:
        start = at + len(name) + 4
        end = start + len(value)
        if data[at:start].lower() != b"\r\n%b: " % name or data[start:end] != value:
            return None
        if name in OWN:
            own.append(OWN[OWN.index(name)])
            texts.append(data[begin:start])
            begin = end
        at = end
    if not data.startswith(_END, at):
        return None
    texts.append(data[begin : at + len(_END)])
    return LastHead(dict(fields), texts[0], list(zip(own, texts[1:], strict=True)))
