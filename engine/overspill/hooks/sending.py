"""One attempt: a POST, and what the receiver makes of it. Bounded in time and in what is read; nothing is followed.

Only the head of the answer is read, in HTTP/1.1 over a connection of its own: what a receiver says beside its status is
of no use here, and nobody is told of it.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Mapping

from overspill.events.cloud_event import MEDIA_TYPE
from overspill.hooks.reach import Reach, Refused, Site
from overspill.words.codec import Struct
from overspill.words.failures import Failure
from overspill.words.instants import SECOND

TIME = 15 * SECOND
"""Of an attempt, from the connection to the end of the answer's head. Looking a name up is bounded by the system's resolver."""
HEAD_MAX = 16_384
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})[ \r\n]")
_RETRY_AFTER = re.compile(rb"\r?\nretry-after:[ \t]*([0-9]{1,6})[ \t]*\r?\n", re.IGNORECASE)

DELIVERED, GONE = "delivered", "gone"


class Attempt(Struct, frozen=True):
    """`headers` are the signature's."""

    url: str
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return "<Attempt>"


class Outcome(Struct, frozen=True):
    """`code` is `delivered`, `gone`, `status_503`, or why there was no answer; `asked` is how long the receiver wants to be
    left alone, in microseconds."""

    code: str
    asked: int = 0

    @property
    def is_down(self) -> bool:
        """Whether the next message would most likely fare no better: nobody answers, or not with an opinion on this one."""
        refusal = self.code.startswith("status_4") and self.code not in ("status_408", "status_429")
        return self.code not in (DELIVERED, GONE) and not refusal


class Sender:
    """Sends whatever it is given, from any thread. `now` is a clock in microseconds that never goes back."""

    def __init__(self, reach: Reach, now: Callable[[], int], *, time: int = TIME) -> None:
        self._reach, self._now, self._time = reach, now, time
        self._context = ssl.create_default_context()

    def __call__(self, attempt: Attempt) -> Outcome:
        """Never raises."""
        end = self._now() + self._time
        try:
            site = self._reach.site(attempt.url)
            with self._connected(site, self._reach.addresses(site), end) as connection:
                self._bound(connection, end)
                connection.sendall(_request(site, attempt))
                return _outcome(self._head(connection, end))
        except Failure:  # it was allowed once, where this runs it is not
            return Outcome("address_not_allowed")
        except Refused as refused:
            return Outcome(refused.code)
        except TimeoutError:
            return Outcome("timed_out")
        except ssl.SSLCertVerificationError:
            return Outcome("bad_certificate")
        except OSError:
            return Outcome("unreachable")

    def _connected(self, site: Site, addresses: list[str], end: int) -> socket.socket:
        """To the first address that answers."""
        for index, address in enumerate(addresses):
            try:
                plain = socket.create_connection((address, site.port), timeout=self._left(end))
                break
            except OSError:
                if index + 1 == len(addresses):
                    raise
        if site.plain:
            return plain
        try:
            self._bound(plain, end)
            return self._context.wrap_socket(plain, server_hostname=site.host)
        except BaseException:
            plain.close()
            raise

    def _head(self, connection: socket.socket, end: int) -> bytes:
        """The head of the answer that is not a preliminary one; what of it came, where it breaks off."""
        data = b""
        while True:
            head, found, rest = data.partition(b"\r\n\r\n")
            if found and not head.startswith(b"HTTP/1.1 1"):
                return head + found
            if found:
                data = rest
                continue
            self._bound(connection, end)
            more = connection.recv(4096)
            data += more
            if not more or len(data) > HEAD_MAX:
                return data

    def _bound(self, connection: socket.socket, end: int) -> None:
        connection.settimeout(self._left(end))

    def _left(self, end: int) -> float:
        """Seconds. Raises TimeoutError."""
        left = end - self._now()
        if left <= 0:
            raise TimeoutError
        return left / SECOND


def _request(site: Site, attempt: Attempt) -> bytes:
    fields = {
        "host": site.netloc,
        "content-type": f"{MEDIA_TYPE}; charset=utf-8",
        "content-length": str(len(attempt.body)),
        "user-agent": "overspill",
        "accept": "*/*",
        "connection": "close",
        **attempt.headers,
    }
    lines = [f"POST {site.target} HTTP/1.1", *[f"{name}: {value}" for name, value in fields.items()], "", ""]
    return "\r\n".join(lines).encode("ascii") + attempt.body


def _outcome(head: bytes) -> Outcome:
    status = _STATUS.match(head)
    if status is None:
        return Outcome("bad_answer")
    code = status[1].decode()
    if code.startswith("2"):
        return Outcome(DELIVERED)
    if code == "410":
        return Outcome(GONE)
    asked = _RETRY_AFTER.search(head) if code in ("429", "503") else None
    return Outcome(f"status_{code}", 0 if asked is None else int(asked[1]) * SECOND)
