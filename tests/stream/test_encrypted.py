"""`tls://` is never spoken to in clear text: not at the first connection, and not when the server comes back another one.

`certificate.pem` is nobody's: made for these tests, of 127.0.0.1, by itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from overspill.stream.broker import Broker
from overspill.words.failures import Failure, StreamFailure
from stream.scenes import decided, run
from support.nats import Server

CERTIFICATE = Path(__file__).parent / "certificate.pem"
TLS = f"tls {{ cert_file: {json.dumps(str(CERTIFICATE))}, key_file: {json.dumps(str(CERTIFICATE))} }}"
TRACE = "trace: true, debug: true"
SECRET = "s3cr3t"
USER = 'authorization { user: u, password: "s3cr3t" }'
TOKEN = 'authorization { token: "s3cr3t" }'
# (what the server asks for, what stands before the @ of the URL)
ASKED = [(USER, f"u:{SECRET}"), (TOKEN, SECRET), ("", "")]


@pytest.fixture
def db(file: str) -> str:
    decided(file)
    return file


def _url(server: Server, secret: str) -> str:
    return server.url(secret).replace("nats://", "tls://")


def _relay(db: str, url: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "overspill", "relay", "--db", db, "--once", "--nats", url]
    environment = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment)


@pytest.mark.parametrize(("asks", "secret"), ASKED)
def test_a_server_that_does_not_encrypt_is_told_nothing(db: str, asks: str, secret: str) -> None:
    with Server(f"{asks}\n{TRACE}") as server:
        done = _relay(db, _url(server, secret))
        server.kill()
        assert "Client connection created" in server.log()
        assert "CONNECT" not in server.log()
    assert "error[stream_not_encrypted]" in done.stderr
    assert f"tls://127.0.0.1:{server.port} does not encrypt" in done.stderr
    assert "  = help: set `tls` in the server's configuration, or write nats://" in done.stderr
    assert SECRET not in done.stdout + done.stderr
    assert (done.stdout, done.returncode) == ("", 3)


@pytest.mark.parametrize(("asks", "secret"), ASKED)
def test_a_server_that_encrypts_is_told_all(db: str, asks: str, secret: str) -> None:
    with Server(f"{asks}\n{TLS}\n{TRACE}") as server:
        done = _relay(db, _url(server, secret), SSL_CERT_FILE=str(CERTIFICATE))
        assert (done.stdout, done.returncode) == ("25 messages published\n", 0), done.stderr
        server.kill()
        assert "CONNECT" in server.log()
        assert "TLS handshake complete" in server.log()


def test_a_server_whose_certificate_nobody_vouches_for_is_told_nothing(db: str) -> None:
    with Server(f"{USER}\n{TLS}\n{TRACE}") as server:
        done = _relay(db, _url(server, f"u:{SECRET}"))
        server.kill()
        assert "CONNECT" not in server.log()
    assert "error[stream_unreachable]" in done.stderr
    assert "certificate" in done.stderr
    assert done.returncode == 3


def test_wrong_credentials_are_still_refused(db: str) -> None:
    with Server(f"{USER}\n{TLS}") as server:
        done = _relay(db, _url(server, "u:wrong"), SSL_CERT_FILE=str(CERTIFICATE))
    assert "error[stream_refused]" in done.stderr


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # nats-py closes none that it gives up
def test_a_server_that_comes_back_without_encryption_is_told_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))

    async def test() -> None:
        with Server(f"{USER}\n{TLS}") as server:
            broker = Broker(_url(server, f"u:{SECRET}"))
            await broker.connect()
            await broker.stream("s", "j")
            server.kill()
            told = server.log().count("CONNECT")
            server.more = f"{USER}\n{TRACE}"
            server.start()
            await _until(broker, "stream_not_encrypted")
            server.kill()
            assert server.log().count("CONNECT") == told
            server.more = f"{USER}\n{TLS}"
            server.start()
            await _until(broker, "")
            await broker.close()

    run(test)


async def _until(broker: Broker, code: str) -> None:
    """Asks until it fails so, or with "" no more."""
    for _ in range(100_000):
        try:
            await broker.stream("s", "j")
            said = ""
        except StreamFailure as failure:
            said = failure.code
        if said == code:
            return
    raise AssertionError(said)


@pytest.mark.parametrize("url", ["tls://a,nats://b", "tls://a,b"])
def test_some_encrypted_and_some_not_are_no_address(url: str) -> None:
    with pytest.raises(Failure) as failure:
        Broker(f"u:{SECRET}@{url}" if "://" not in url else url)
    assert failure.value.code == "invalid_url"
    assert failure.value.help == "write tls:// for all of them, or for none"
