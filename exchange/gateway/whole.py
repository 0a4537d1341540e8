"""
An answer that is made once, head and body, and written whole as often as it is asked for.

For each request aiohttp makes a response of headers, status line and body, and its signals add to
it: half of what a kept mark cost. The bytes are the same here, the date of the second apart.
"""

from email.utils import formatdate
from functools import lru_cache
from time import time

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.hdrs import IF_NONE_MATCH
from aiohttp.http import SERVER_SOFTWARE
from aiohttp.web_request import BaseRequest

from .border import SECURITY_HEADERS

_LAST_LINES = "".join(
    f"\r\n{name}: {value}"
    for name, value in [("Server", SERVER_SOFTWARE), *SECURITY_HEADERS.items()]
)


class WholeResponse(web.StreamResponse):
    """
    A 200 with JSON for any number of requests, also at the same time, that are all `is_plain`.

    What the signals of the application would add is in it; nothing of a request is kept.
    """

    keep_alive = True

    def __init__(self, headers: dict[str, str], body: bytes) -> None:
        super().__init__(headers=headers)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"HTTP/1.1 200 OK\r\n{lines}Content-Type: application/json\r\n"
        self._head = f"{head}Content-Length: {len(body)}\r\nDate: ".encode("ascii")
        self.body = body

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter:
        """Writes everything, and waits for a reader that is slow."""
        writer = request.writer
        await writer.write(self._head + _date_and_rest(int(time())) + self.body)
        await writer.drain()
        return writer

    async def write_eof(self, data: bytes = b"") -> None:
        """All is written."""


def is_plain(request: web.Request) -> bool:
    """Whether the request wants a whole answer and the connection kept, as nearly all do."""
    is_kept = request.keep_alive and request.version == HttpVersion11
    return is_kept and request.method == "GET" and IF_NONE_MATCH not in request.headers


@lru_cache(maxsize=1)
def _date_and_rest(now_s: int) -> bytes:
    return f"{formatdate(now_s, usegmt=True)}{_LAST_LINES}\r\n\r\n".encode("ascii")
