"""What names a stream → the server that keeps it: a URL, and the stream's name."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING

from overspill.words.failures import Failure, StreamFailure

if TYPE_CHECKING:
    from overspill.stream.broker import Broker

_is_name = re.compile("[A-Za-z0-9_-]{1,64}").fullmatch


def broker_at(url: str, stream: str) -> Broker:
    """The server, not connected yet. Raises Failure, StreamFailure."""
    if _is_name(stream) is None:
        help = "use 1 to 64 letters, digits, `_` or `-`"
        raise Failure("invalid_stream", f"`{stream[:80]}` is no name for a stream", help=help)
    try:
        import_module("nats")
    except ImportError:
        what = "a stream needs nats-py, which is not installed"
        raise StreamFailure("missing_extra", what, help='pip install "overspill[nats]"') from None
    from overspill.stream.broker import Broker

    return Broker(url)
