"""A gateway as docs/gateways.md has it, all of it on loopback: an issuer of tokens, a service behind the gateway, `overspill serve`
with the page's rules, and Envoy with the page's configuration, in which only addresses, the gateway's key, the trusted
certificates and the patience are others."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from support.certificates import certificate_of
from support.envoy import Envoy
from support.service_processes import Connection, Got, Process, key_for, process
from support.serving import Listening

PAGE = (Path(__file__).parents[2] / "docs" / "gateways.md").read_text("utf-8")
SECONDS = 60
ISSUER = "login.example.com"
PRIVATE, OTHER = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
JWK = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(PRIVATE.public_key())) | {"kid": "e1", "alg": "ES256"}
YEAR_2100 = 4_102_444_800
Headers = Sequence[tuple[str, str]]


def block(name: str) -> str:
    """A file of the page."""
    [text] = re.findall(rf"^```yaml {name}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert isinstance(text, str)
    return text


class Asked(NamedTuple):
    method: str
    target: str
    headers: Headers
    body: int

    def of(self, prefix: str) -> dict[str, str]:
        """The headers whose names begin so, each of which is there once."""
        found = [(name, value) for name, value in self.headers if name.startswith(prefix)]
        assert len(found) == len(dict(found)), found
        return {name.removeprefix(prefix): value for name, value in found}


class Upstream:
    """An ASGI application that tells the same to everybody, and keeps what it was asked."""

    def __init__(self, answer: Any = None, status: int = 200) -> None:
        self.asked: list[Asked] = []
        self.status, self._answer = status, json.dumps(answer or {}).encode()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        length, more = 0, True
        while more:
            message = await receive()
            length += len(message["body"])
            more = message["more_body"]
        query = scope["query_string"].decode()
        target = scope["raw_path"].decode() + (f"?{query}" if query else "")
        headers = [(name.decode(), value.decode()) for name, value in scope["headers"]]
        self.asked.append(Asked(scope["method"], target, headers, length))
        fields = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(self._answer))]
        await send({"type": "http.response.start", "status": self.status, "headers": fields})
        await send({"type": "http.response.body", "body": self._answer})

    def __enter__(self) -> int:
        self._listening = Listening(self, lifespan="off").__enter__()
        return self._listening.port

    def __exit__(self, *error: object) -> None:
        self._listening.__exit__(*error)


def ask(
    port: int, method: str, path: str, headers: Headers = (), body: bytes | Iterable[bytes] = b"", whole: bool = True
) -> Got:
    """A client's call; what is no bytes is sent in chunks, and one that is not `whole` never sends the body that it tells of."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)) as connection:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        chunked = not isinstance(body, bytes)
        if chunked:
            connection.putheader("transfer-encoding", "chunked")
        elif body:
            connection.putheader("content-length", str(len(body)))
        connection.endheaders(body or None if whole else None, encode_chunked=chunked)
        answer = connection.getresponse()
        return Got(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())


def token(user: str = "u_ana", key: Any = PRIVATE, **claims: Any) -> tuple[str, str]:
    """The header of who has logged in."""
    told = {"iss": f"https://{ISSUER}", "aud": "service", "sub": user, "exp": YEAR_2100, **claims}
    return "authorization", f"Bearer {jwt.encode(told, key, algorithm='ES256', headers={'kid': 'e1'})}"


class Place:
    """A folder in which all run: the issuer and the service until its end, Envoys and Overspills as they are asked for."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self._stack = folder, stack
        self.db = str(folder / "x.db")
        self.key, self.every_key = key_for(self.db, "acme", "decide"), key_for(self.db)
        self.service, self.issuer = Upstream(), Upstream({"keys": [JWK]})
        self.service_port = stack.enter_context(self.service)
        self.certificate = certificate_of(ISSUER, folder / "issuer.pem")
        self.issuer_port = stack.enter_context(
            Listening(self.issuer, lifespan="off", ssl_certfile=str(self.certificate))
        ).port
        self.overspill = self.serving()
        self.envoy = stack.enter_context(self.gateway())

    def serving(self, before: str = "") -> Process:
        """Overspill with the page's rules."""
        rules = self.folder / f"gateway{len(before)}.yaml"
        rules.write_text(before + block("gateway.yaml"), "utf-8")
        return self._stack.enter_context(process(self.db, "--gateway", str(rules)))

    @contextmanager
    def gateway(self, *changes: tuple[str, str], patient: bool = True, **other: Any) -> Iterator[Envoy]:
        """Envoy with the page's configuration, after `changes` of its text."""
        here = "address: 127.0.0.1, port_value:"
        local = [
            ("address: 0.0.0.0, port_value: 10000", f"{here} 0"),
            ("address: overspill, port_value: 8080", f"{here} {other.get('overspill', self.overspill.port)}"),
            ("address: service, port_value: 8000", f"{here} {self.service_port}"),
            (f"address: {ISSUER}, port_value: 443", f"{here} {other.get('issuer', self.issuer_port)}"),
            ("/etc/ssl/certs/ca-certificates.crt", str(other.get("trusted", self.certificate))),
            ("osk_REPLACE_ME", other.get("key", self.key)),
        ]
        # A machine under tests may be slower than one behind a gateway.
        slow = [
            "connect_timeout: 0.25s",
            "connect_timeout: 1s",
            " timeout: 1s",
            *(["overspill, timeout: 0.25s"] if patient else []),
        ]
        patience = [(one, f"{one.partition(':')[0]}: {SECONDS}s") for one in slow]
        text = block("envoy.yaml")
        for old, new in (*changes, *local, *patience):
            assert old in text, old
            text = text.replace(old, new)
        with Envoy(text) as envoy:
            yield envoy

    def ask(self, method: str, path: str, *headers: tuple[str, str], **more: Any) -> tuple[Got, list[Asked]]:
        """The answer of the gateway, and what of it the service was asked."""
        return self.through(self.envoy, method, path, *headers, **more)

    def through(
        self, envoy: Envoy, method: str, path: str, *headers: tuple[str, str], **more: Any
    ) -> tuple[Got, list[Asked]]:
        self.service.asked.clear()
        answer = ask(envoy.port, method, path, headers, **more)
        return answer, list(self.service.asked)

    def own(self, method: str, path: str, body: Any = None, key: str | None = None) -> Any:
        """What Overspill itself answers to who may do everything."""
        with closing(Connection(self.overspill.port, self.every_key)) as connection:
            got = connection.ask(method, path, body, key)
            assert got.status == 200, got.body
            return got.json
