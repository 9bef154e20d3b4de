"""`tls://` → connections on which nothing is said before they are encrypted.

nats-py encrypts where the server asks for it, whatever the address says: a server that does not ask, or somebody on the way
who changes its first line, would get the credentials, and then the records, in clear text. What nats-py says first on a
connection has the credentials, for which it asks a callable each time, behind the handshake if there was one. Here that
callable refuses where there was none, and then nats-py says nothing: not at the first connection, and not at a later one.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable


class NotEncrypted(ConnectionError):
    """A connection that is in clear text; nothing was said on it. nats-py gives it up as one that is lost."""

    def __str__(self) -> str:
        return "the server does not encrypt"


class Encryption:
    """What the connections of one client are encrypted by; `context` is given to nats-py, as its `tls`."""

    def __init__(self) -> None:
        self.context = ssl.create_default_context()
        self.context.sslobject_class = _noting(self._encrypted)
        self._is_encrypted = False

    def _encrypted(self) -> None:
        self._is_encrypted = True

    def forget(self) -> None:
        """An attempt has failed: its handshake says nothing about the next one."""
        self._is_encrypted = False

    def secret(self, said: str) -> Callable[[], str]:
        """Gives what is said once for each handshake that was done, else raises NotEncrypted."""

        def given() -> str:
            is_encrypted, self._is_encrypted = self._is_encrypted, False
            if not is_encrypted:
                raise NotEncrypted
            return said

        return given


def _noting(done: Callable[[], None]) -> type[ssl.SSLObject]:
    """Connections that tell when their handshake is done."""

    class Noting(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()  # raises as long as there is more of it to come
            done()

    return Noting
