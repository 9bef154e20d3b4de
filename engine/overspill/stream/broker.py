"""The one door to nats-py: a connection that comes back by itself, acknowledged publishing, pulling from a durable consumer.

Whatever goes wrong is one StreamFailure that names the server without its password, and a remedy. nats-py is told the
credentials apart from the address, so that nothing it says can hold them. `tls://` is never spoken to in clear text
(`encrypted.py`).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Coroutine, Iterable, Sequence
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import AuthorizationError
from nats.js.api import AckPolicy, ConsumerConfig, PubAck, StreamConfig, StreamInfo
from nats.js.client import JetStreamContext
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError, ServiceUnavailableError

from overspill.stream.encrypted import Encryption, NotEncrypted
from overspill.words.codec import Struct
from overspill.words.failures import Failure, StreamFailure

T = TypeVar("T")

CONSUMER = "settler"
"""The durable consumer that all workers share."""
JOURNAL = "overspill_journal"
"""In the metadata of a stream: of which journal it tells."""
SCHEMES = ("nats", "tls")
ACK_SECONDS = 5
"""In which the next acknowledgement, or the next answer, must come."""
ACK_WAIT_SECONDS = 30
"""After which a message that nobody has acknowledged is delivered again."""
AGAIN_SECONDS = 1
"""After which a message that could not be settled yet is delivered again."""
ACK_PENDING_MAX = 8192
"""Messages that may be delivered and not acknowledged yet, to all workers together."""
CONNECT_SECONDS = 10
"""In which a server has let us in or refused."""
CLOSE_SECONDS = 2
"""After which a connection that does not end is left to itself."""
AGE_SECONDS_MAX = 7 * 24 * 3600
"""How long a stream that is made here keeps a message."""
HEADER_BYTES = 512
"""At least what the headers of a message take of the size that a server allows."""


class Outgoing(Struct, frozen=True):
    """A message to publish; `id` goes into the header `Nats-Msg-Id`."""

    subject: str
    id: str
    body: bytes


class Taken(Struct, frozen=True):
    """What the server acknowledged: at which position of the stream the message stands, and whether it stood there before."""

    position: int
    again: bool


class Stands(Struct, frozen=True):
    """A stream: its last position, and how long it keeps a message (0: for ever)."""

    position: int
    age_seconds: int


class Broker:
    """One server, or one of a cluster, named by `url`: `nats://user:password@host:4222`, several with commas. `connect` first."""

    def __init__(self, url: str) -> None:
        self._servers, self._credentials = _parsed(url)
        self.name = ",".join(self._servers)
        """The server for people."""
        self._client: Client | None = None
        self._context: JetStreamContext | None = None
        self._heard: list[Exception] = []
        """What the connection was told besides its answers."""
        self._refused = asyncio.Event()
        self._gone = asyncio.Event()
        self._broken = asyncio.Event()
        """A handshake has failed."""
        self._encryption = Encryption() if self.name.startswith("tls://") else None

    async def connect(self) -> None:
        """Raises StreamFailure `stream_unreachable`, `stream_refused`, `stream_not_encrypted`."""
        client = Client()
        self._heard.clear()
        self._broken.clear()
        try:
            connecting = client.connect(
                self._servers,
                error_cb=self._hear,
                disconnected_cb=self._lost,
                reconnected_cb=self._found,
                name="overspill",
                connect_timeout=2,
                max_reconnect_attempts=1,
                reconnect_time_wait=0.2,  # type: ignore[arg-type]
                **self._said_first(),
            )
            await self._unless_broken(connecting)
        except Exception as error:
            await _closed(client)
            raise self._unconnected(error) from None
        client.options["max_reconnect_attempts"] = -1  # whoever was there once is waited for
        self._gone.clear()
        self._client, self._context = client, client.jetstream(timeout=ACK_SECONDS)

    async def _unless_broken(self, connecting: Coroutine[Any, Any, None]) -> None:
        """Behind a handshake that has failed, nats-py waits for ever: it is not waited for."""
        task, broken = asyncio.ensure_future(connecting), asyncio.ensure_future(self._broken.wait())
        seconds = CONNECT_SECONDS * len(self._servers)
        try:
            await asyncio.wait((task, broken), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise TimeoutError(f"no connection in {seconds} s")
            task.result()
        finally:
            task.cancel()
            broken.cancel()

    def _said_first(self) -> dict[str, Any]:
        """The credentials by nats-py's names for them; on an encrypted connection only, if there is to be one."""
        encryption, credentials = self._encryption, self._credentials
        if encryption is None:
            return credentials
        asked_for = next(iter(credentials), "token")  # an empty token is none
        secret = encryption.secret(credentials.get(asked_for, ""))
        return {**credentials, asked_for: secret, "tls": encryption.context}

    async def _hear(self, error: Exception) -> None:
        if self._encryption is not None:
            self._encryption.forget()
        del self._heard[:-8]
        self._heard.append(error)
        if isinstance(error, ssl.SSLError):
            self._broken.set()
        if "permissions violation" in str(error).lower():
            self._refused.set()

    async def _lost(self) -> None:
        self._heard.clear()
        self._gone.set()

    async def _found(self) -> None:
        self._gone.clear()

    def _unconnected(self, error: Exception) -> StreamFailure:
        if self._is_in_clear():
            return self._in_clear()
        if any(_refused_in(one) for one in (error, *self._heard)):
            what = f"{self.name} refuses these credentials"
            return StreamFailure("stream_refused", what, help="check the user and password in the URL")
        said = next((_plain(one) for one in reversed(self._heard)), _plain(error))
        return StreamFailure(
            "stream_unreachable", f"{self.name} cannot be reached: {said}", help="check the URL, and that it runs"
        )

    def _is_in_clear(self) -> bool:
        return any(isinstance(one, NotEncrypted) for one in self._heard)

    def _in_clear(self) -> StreamFailure:
        what = f"{self.name} does not encrypt, and was told nothing"
        help = "set `tls` in the server's configuration, or write nats:// if clear text is meant"
        return StreamFailure("stream_not_encrypted", what, help=help)

    async def close(self) -> None:
        """Sends what is still to be sent, if that is possible at once."""
        if self._client is None:
            return
        client, self._client = self._client, None
        if client.is_connected:
            with suppress(Exception):  # what was not sent is sent again by whoever comes next
                await client.flush(2)
        await _closed(client)

    @property
    def body_bytes_max(self) -> int:
        """What the server takes as a message's body."""
        return (self._client.max_payload if self._client else 1 << 20) - HEADER_BYTES

    # ---- asking

    async def _connected(self) -> JetStreamContext:
        if self._client is None or self._client.is_closed:
            await self.connect()
        assert self._context is not None
        return self._context

    async def asked(self, question: Awaitable[T]) -> T:
        """The answer; not waited for when a refusal, which comes beside it, was heard, or the connection is lost. Raises
        StreamFailure."""
        asking = asyncio.ensure_future(question)
        asking.add_done_callback(lambda done: done.cancelled() or done.exception())  # which nobody may look at any more
        ends = [asyncio.ensure_future(event.wait()) for event in (self._refused, self._gone)]
        try:
            await asyncio.wait((asking, *ends), return_when=asyncio.FIRST_COMPLETED)
            if self._gone.is_set():
                raise self._in_clear() if self._is_in_clear() else self._away("the connection is lost")
            if not asking.done():
                raise self._not_allowed()
            return asking.result()
        except StreamFailure:
            raise
        except Exception as error:
            raise self._failure(error) from None
        finally:
            for task in (asking, *ends):
                task.cancel()

    def _not_allowed(self) -> StreamFailure:
        self._refused.clear()
        said = next((_plain(one) for one in reversed(self._heard)), "permissions violation")
        what = f"{self.name} does not allow it: {said}"
        return StreamFailure("stream_not_allowed", what, help="give this user the permissions of docs/streaming.md")

    def _failure(self, error: Exception) -> StreamFailure:
        if isinstance(error, NoStreamResponseError | NotFoundError):
            return StreamFailure("no_stream", f"{self.name} has no such stream", help="`overspill relay` makes it")
        if isinstance(error, ServiceUnavailableError):
            what = f"{self.name} does not serve JetStream to this user"
            return StreamFailure("no_jetstream", what, help="enable JetStream on the server, and for the account")
        if isinstance(error, APIError):
            what = f"{self.name} refuses: {error.description or error.err_code}"
            return StreamFailure("stream_refuses", what, help="look at the stream's limits and subjects")
        return self._away(_plain(error))

    def _away(self, why: str) -> StreamFailure:
        return StreamFailure("stream_away", f"{self.name} does not answer: {why}", help="see that it runs")

    # ---- the stream

    async def stream(self, name: str, journal: str, replicas: int = 1) -> Stands:
        """How the stream stands; one that is not there is made. Raises StreamFailure `foreign_stream` for one of another
        journal."""
        context = await self._connected()
        try:
            info = await self.asked(context.stream_info(name))
        except StreamFailure as failure:
            if failure.code != "no_stream":
                raise
            info = await self.asked(context.add_stream(_configuration(name, journal, replicas)))
        _check(self.name, name, journal, info)
        return Stands(info.state.last_seq, int(info.config.max_age or 0))

    async def publish(self, stream: str, messages: Sequence[Outgoing]) -> list[Taken]:
        """All of them in order, each acknowledged. Raises StreamFailure, and then any of them may stand in the stream."""
        context = await self._connected()
        sent: list[asyncio.Future[PubAck]] = []
        try:
            return await self.asked(_published(context, stream, messages, sent))
        finally:
            for future in sent:
                if future.done() and not future.cancelled():
                    future.exception()  # which is known already
                future.cancel()

    async def pull(self, name: str, journal: str | None) -> Pull:
        """The consumer that all settlers share, made where there is none. The stream must be there."""
        context = await self._connected()
        _check(self.name, name, journal, await self.asked(context.stream_info(name)))
        configuration = ConsumerConfig(
            ack_policy=AckPolicy.EXPLICIT, ack_wait=ACK_WAIT_SECONDS, max_ack_pending=ACK_PENDING_MAX
        )
        question = context.pull_subscribe("", durable=CONSUMER, stream=name, config=configuration)
        return Pull(self, await self.asked(question))


class Delivery(Struct, frozen=True):
    """A message that came; one that is not answered comes again by itself."""

    body: bytes
    message: Msg


class Pull:
    """Messages as they come, from a consumer that remembers which were acknowledged."""

    def __init__(self, broker: Broker, subscription: JetStreamContext.PullSubscription) -> None:
        self._broker, self._subscription = broker, subscription

    async def fetch(self, most: int, seconds: float) -> list[Delivery]:
        """What is there, as soon as there is one; none after so many seconds."""
        return await self._broker.asked(self._fetched(most, seconds))

    async def _fetched(self, most: int, seconds: float) -> list[Delivery]:
        try:
            return [Delivery(one.data, one) for one in await self._subscription.fetch(most, timeout=seconds)]
        except TimeoutError:
            return []

    async def answer(self, done: Iterable[Delivery], again: Iterable[Delivery]) -> None:
        """Those that are `done` never come again."""
        await self._broker.asked(self._answered(done, again))

    async def _answered(self, done: Iterable[Delivery], again: Iterable[Delivery]) -> None:
        for one in done:
            await one.message.ack()
        for one in again:
            await one.message.nak(AGAIN_SECONDS)

    async def close(self) -> None:
        with suppress(Exception):  # it went with its connection
            await self._subscription.unsubscribe()


def _check(server: str, name: str, journal: str | None, info: StreamInfo) -> None:
    """Two databases must not tell of each other's records by mistake. An empty journal has no name yet."""
    if journal is not None and (info.config.metadata or {}).get(JOURNAL, journal) != journal:
        what = f"the stream {name} of {server} tells of another journal than this database has"
        raise StreamFailure("foreign_stream", what, help="name another with --stream")


async def _closed(client: Client) -> None:
    with suppress(Exception):  # it was lost before
        await asyncio.wait_for(client.close(), CLOSE_SECONDS)


async def _published(
    context: JetStreamContext, stream: str, messages: Sequence[Outgoing], sent: list[asyncio.Future[PubAck]]
) -> list[Taken]:
    for one in messages:
        header = {"Nats-Msg-Id": one.id}
        sent.append(await context.publish_async(one.subject, one.body, ACK_SECONDS, stream, header))
    given = [await asyncio.wait_for(future, ACK_SECONDS) for future in sent]
    return [Taken(ack.seq, bool(ack.duplicate)) for ack in given]


def _configuration(stream: str, journal: str, replicas: int) -> StreamConfig:
    return StreamConfig(
        name=stream,
        description="overspill: what the outbox of a database has told",
        subjects=[f"{stream}.>"],
        num_replicas=replicas,
        max_age=AGE_SECONDS_MAX,
        metadata={JOURNAL: journal},
    )


def _refused_in(error: Exception) -> bool:
    return isinstance(error, AuthorizationError) or "authorization violation" in str(error).lower()


def _plain(error: Exception) -> str:
    """What nats-py says, in a line."""
    if isinstance(error, TimeoutError) and not str(error):
        return "it took too long"
    return str(error).removeprefix("nats: ").strip() or type(error).__name__


def _parsed(url: str) -> tuple[list[str], dict[str, Any]]:
    """`nats://user:password@host:4222,nats://other` → the addresses, and the credentials by nats-py's names for them."""
    servers: list[str] = []
    credentials: dict[str, Any] = {}
    for part in url.split(","):
        try:
            split = urlsplit(part.strip() if "://" in part else f"nats://{part.strip()}")
            host, port = split.hostname or "", split.port or 4222
        except ValueError:
            raise _no_url() from None
        if split.scheme not in SCHEMES or not host or split.path.strip("/"):
            raise _no_url()
        servers.append(f"{split.scheme}://{f'[{host}]' if ':' in host else host}:{port}")
        if split.password is not None:
            credentials = {"user": unquote(split.username or ""), "password": unquote(split.password)}
        elif split.username:
            credentials = {"token": unquote(split.username)}
    if len({server.partition("://")[0] for server in servers}) > 1:
        what = "the address of the NATS servers mixes nats:// and tls://"
        raise Failure("invalid_url", what, help="write tls:// for all of them, or for none")
    return servers, credentials


def _no_url() -> Failure:
    what = "the address of the NATS server is no URL such as nats://host:4222"
    return Failure("invalid_url", what, help="write nats:// or tls://, several with commas")
