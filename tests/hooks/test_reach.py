"""Where an endpoint may stand: every way to the service itself, to its neighbours and to its machine is closed."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from overspill.hooks.reach import LOOPBACK, Reach, Refused, networks
from overspill.words.failures import Failure

PUBLIC = ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "8.8.8.8", "64:ff9b::808:808"]
REFUSED = {
    "loopback": "127.0.0.1",
    "all of loopback": "127.8.9.10",
    "loopback of IPv6": "::1",
    "this host": "0.0.0.0",
    "any of IPv6": "::",
    "private, 10": "10.1.2.3",
    "private, 172": "172.16.0.1",
    "private, 192": "192.168.1.1",
    "shared by a provider": "100.64.0.1",
    "metadata of most clouds": "169.254.169.254",
    "metadata of AWS on IPv6": "fd00:ec2::254",
    "metadata of Alibaba": "100.100.100.200",
    "the machine of Azure": "168.63.129.16",
    "link-local of IPv6": "fe80::1",
    "unique local": "fc00::1",
    "multicast": "224.0.0.1",
    "multicast of IPv6": "ff02::1",
    "broadcast": "255.255.255.255",
    "reserved": "240.0.0.1",
    "documentation": "192.0.2.1",
    "benchmarks": "198.18.0.1",
    "loopback in IPv6": "::ffff:127.0.0.1",
    "metadata in IPv6": "::ffff:169.254.169.254",
    "metadata behind NAT64": "64:ff9b::a9fe:a9fe",
    "loopback behind NAT64": "64:ff9b::7f00:1",
    "private by 6to4": "2002:a00:1::1",
    "metadata by 6to4": "2002:a9fe:a9fe::",
    "Teredo": "2001:0:7f00:1::",
}


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_called_by_https_alone(address: str) -> None:
    assert Reach().admits(ip_address(address))
    assert not Reach().admits(ip_address(address), plain=True)


@pytest.mark.parametrize("address", REFUSED.values(), ids=REFUSED)
def test_what_is_near_may_not_be_called(address: str) -> None:
    assert not Reach().admits(ip_address(address))
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(Failure, match="no address that may be called"):
        Reach().site(f"https://{host}/x")
    with pytest.raises(Refused) as refused:
        reach = Reach(look_up=lambda host, port: [address])
        reach.addresses(reach.site("https://hooks.example/x"))
    assert refused.value.code == "address_not_allowed"


def test_what_is_allowed_may_be_called_and_by_http_too() -> None:
    reach = Reach(allowed=networks(["10.0.0.0/8", "fd00::/8"]))
    for address in ("10.9.9.9", "fd00::9", "::ffff:10.0.0.1"):
        assert reach.admits(ip_address(address), plain=True)
    assert not reach.admits(ip_address("192.168.0.1"))
    assert not reach.admits(ip_address("8.8.8.8"), plain=True)
    assert reach.site("http://10.0.0.1:8080/a?b=c").port == 8080


def test_of_a_name_with_several_addresses_those_that_may_be_are_called() -> None:
    reach = Reach(look_up=lambda host, port: ["10.0.0.1", "8.8.8.8", "fe80::1%eth0", "8.8.8.8"])
    assert reach.addresses(reach.site("https://hooks.example/")) == ["8.8.8.8"]


def test_a_name_that_nobody_knows_is_said_to_be_none() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise OSError

    for look_up in (unknown, lambda host, port: []):
        reach = Reach(look_up=look_up)
        with pytest.raises(Refused) as refused:
            reach.addresses(reach.site("https://hooks.example/"))
        assert refused.value.code == "no_such_host"


URLS: dict[str, str] = {
    "http": "http://hooks.example/",
    "another scheme": "file:///etc/passwd",
    "no scheme": "hooks.example/x",
    "no host": "https:///x",
    "nothing": "",
    "credentials": "https://me:secret@hooks.example/",
    "a user": "https://me@hooks.example/",
    "a fragment": "https://hooks.example/#a",
    "a space": "https://hooks.example/a b",
    "a line feed": "https://hooks.example/a\r\nX-Evil: 1",
    "a tab": "https://hooks.example/\t",
    "a backslash": "https://hooks.example\\@10.0.0.1/",
    "no ASCII": "https://hööks.example/",
    "a port that is none": "https://hooks.example:99999/",
    "port 0": "https://hooks.example:0/",
    "a bracket": "https://[::1/",
    "too long": "https://hooks.example/" + "a" * 2048,
}


@pytest.mark.parametrize("url", URLS.values(), ids=URLS)
def test_what_is_no_endpoint_is_refused_when_it_is_made(url: str) -> None:
    with pytest.raises(Failure) as failure:
        Reach().site(url)
    assert (failure.value.code, failure.value.pointer) == ("invalid_url", "/url")
    assert failure.value.help


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1", "0177.0.0.1", "localhost", "localhost."])
def test_other_ways_to_write_loopback_are_looked_up_and_refused(host: str) -> None:
    reach = Reach()
    with pytest.raises(Refused):
        reach.addresses(reach.site(f"https://{host}/"))


def test_a_site_has_the_parts_that_are_sent() -> None:
    site = Reach().site("https://Hooks.Example:8443/in/put?token=1&x=%20")
    assert (site.plain, site.host, site.port) == (False, "hooks.example", 8443)
    assert (site.netloc, site.target) == ("Hooks.Example:8443", "/in/put?token=1&x=%20")
    assert Reach().site("https://hooks.example").target == "/"


@pytest.mark.parametrize("text", ["10.0.0.1/8", "x", "10.0.0.0/33", ""])
def test_a_network_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Failure, match="no network"):
        networks([text])
    assert networks(LOOPBACK)
