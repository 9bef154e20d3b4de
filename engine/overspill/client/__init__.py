"""Clients of the service: for threads on the standard library, for asyncio over httpx2, and a meter for ASGI applications.

    from overspill.client import Client

A name brings what it needs when it is first used; nothing here knows the engine.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from overspill.client.aio import AsyncClient
    from overspill.client.answers import Answer
    from overspill.client.failures import ServiceFailure
    from overspill.client.journal import HoldJournal
    from overspill.client.meter import Meter
    from overspill.client.patience import Patience
    from overspill.client.sync import Client

__all__ = ["Answer", "AsyncClient", "Client", "HoldJournal", "Meter", "Patience", "ServiceFailure"]
_MODULES = {
    "Answer": "answers",
    "AsyncClient": "aio",
    "Client": "sync",
    "HoldJournal": "journal",
    "Meter": "meter",
    "Patience": "patience",
    "ServiceFailure": "failures",
}
"""Where each name stands."""


def __getattr__(name: str) -> object:
    """The public names, each loaded when first asked for (PEP 562)."""
    from importlib import import_module
    from importlib.util import find_spec

    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in ("AsyncClient", "Meter") and find_spec("httpx2") is None:
        from overspill.words.failures import Failure

        what = "the client for asyncio needs httpx2, which is not installed"
        raise Failure("missing_extra", what, help='pip install "overspill[client]"')
    found: object = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = found
    return found
