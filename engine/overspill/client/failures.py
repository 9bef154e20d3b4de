"""What a call of the service ends with where it does not end with an answer."""

from __future__ import annotations

from overspill.words.failures import Failure


class ServiceFailure(Failure):
    """The service could not be asked, or refused.

    `code` is the problem's, or `unreachable`, `not_trusted`, `timed_out`, `cut`, `unavailable`,
    `unreadable`, `refused`. `status` is that of HTTP, None
    where nothing was answered. `away`: it was asked as often as the time allowed, and may answer later. `settled`: the
    service has refused for good; nothing was done, and under this key nothing will be. `unknown`: it may have been done
    all the same, so ask again with the same key. `retry_ms`: so long it asked to be left alone.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        help: str | None = None,
        pointer: str | None = None,
        status: int | None = None,
        settled: bool = False,
        retry_ms: int | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(code, message, help=help, pointer=pointer)
        self.status = status
        self.settled = settled
        self.retry_ms = retry_ms
        self.request_id = request_id
        self.away = False
        self.unknown = False
