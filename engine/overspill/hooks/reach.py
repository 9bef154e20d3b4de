"""Where an endpoint may stand: in public, by https. What is nearer has to be allowed, network by network.

A tenant names the URL, and the service calls it from inside: so no name and no redirect may lead it to itself, to a
neighbour, or to the metadata of its machine. A name is looked up for each attempt, and the address that was looked at is
the one that is connected to, so that a name that says something else a moment later leads nowhere.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from overspill.words.codec import Struct
from overspill.words.failures import Failure
from overspill.words.names import shown

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
URL_MAX = 2048
_NAT64 = IPv6Network("64:ff9b::/96")
_MACHINES = (IPv4Network("168.63.129.16/32"),)
"""Public by its number, and yet the machine's own: Azure's."""
LOOPBACK = ("127.0.0.0/8", "::1/128")


class Site(Struct, frozen=True):
    """A URL in its parts; `host` without the brackets of an IPv6 address, `target` is path and query."""

    plain: bool
    host: str
    port: int
    netloc: str
    target: str


class Refused(Exception):
    """No attempt can be made: `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def looked_up(host: str, port: int) -> Iterator[str]:
    """The addresses of a name, as the system knows them."""
    for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        yield str(address[0])


class Reach(Struct, frozen=True):
    """`allowed` are networks beside the public ones; http is for these alone."""

    allowed: tuple[Network, ...] = ()
    look_up: Callable[[str, int], Iterable[str]] = looked_up

    def site(self, url: str, pointer: str = "/url") -> Site:
        """The parts of a URL that may be told. Raises Failure `invalid_url`."""
        parts = _parts(url, pointer)
        if parts.scheme != "https" and not (parts.scheme == "http" and self.allowed):
            raise _invalid("an endpoint is called by https", "write https://…, or have its network allowed", pointer)
        host, plain = parts.hostname or "", parts.scheme == "http"
        address = _address(host)
        if address is not None and not self.admits(address, plain=plain):
            what = f"{shown(host)} is no address that may be called"
            raise _invalid(what, "name a public one, or have its network allowed", pointer)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return Site(plain, host, parts.port or (80 if plain else 443), parts.netloc, target)

    def addresses(self, site: Site) -> list[str]:
        """Those of its host that may be called. Raises Refused."""
        try:
            found = [text.partition("%")[0] for text in self.look_up(site.host, site.port)]
        except (OSError, UnicodeError):
            raise Refused("no_such_host") from None
        admitted = [text for text in dict.fromkeys(found) if self.admits(ip_address(text), plain=site.plain)]
        if not admitted:
            raise Refused("address_not_allowed" if found else "no_such_host")
        return admitted

    def admits(self, address: Address, *, plain: bool = False) -> bool:
        """Whether the address may be called."""
        inner = _inner(address)
        if inner is not None:
            return self.admits(inner, plain=plain)
        if any(address in network for network in self.allowed):
            return True
        machines = any(address in network for network in _MACHINES)
        return not plain and address.is_global and not address.is_multicast and not machines


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """`10.0.0.0/8` → a network. Raises Failure."""
    found = []
    for text in texts:
        try:
            found.append(ip_network(text))
        except ValueError:
            help = "write an address with the length of its prefix: 10.0.0.0/8"
            raise Failure("invalid_network", f"{shown(text)} is no network", help=help) from None
    return tuple(found)


def _parts(url: str, pointer: str) -> SplitResult:
    if len(url) > URL_MAX or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise _invalid(f"a URL has at most {URL_MAX} printable characters of ASCII", "percent-encode the rest", pointer)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _invalid("this is no URL", "write https://host/path", pointer) from None
    if not parts.hostname or port == 0:
        raise _invalid("the URL names no host to be called", "write https://host/path", pointer)
    if parts.username is not None or parts.password is not None or parts.fragment:
        what = "the URL has credentials or a fragment"
        raise _invalid(what, "leave them out: messages are signed", pointer)
    return parts


def _invalid(what: str, help: str, pointer: str) -> Failure:
    return Failure("invalid_url", what, help=help, pointer=pointer)


def _address(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _inner(address: Address) -> IPv4Address | None:
    """The address that one of IPv6 only wraps."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour
