"""
What aiohttp has to say of connections, in its logger's place.

Anybody may send bytes that are no HTTP, or a body that cannot be unpacked, and before it has said
who it is: that is one line, not a traceback for each. What is a fault of ours stays whole.
"""

from typing import Any

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.log import server_logger

log = structlog.get_logger()
_UNREADABLE = (HttpProcessingError, web.RequestPayloadError)


class ConnectionLog:
    """The two methods that aiohttp's server calls."""

    def exception(self, message: str, *words: object, exc_info: object = True) -> None:
        """Somebody's bytes, or an error that nobody caught."""
        if isinstance(exc_info, _UNREADABLE):
            log.info("request_unreadable", error=" ".join(str(exc_info).split()))
        else:
            server_logger.exception(message, *words, exc_info=exc_info)  # type: ignore[arg-type]

    def debug(self, *_words: object, **_more: Any) -> None:
        """Connections that end are no news."""
