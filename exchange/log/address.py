"""Where the server is and how to log in; the only place that makes clients of it."""

import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

READ_SECONDS = 60.0
"""A read that takes longer is broken: one batch is a few MiB."""
CONNECT_SECONDS = 5.0
"""Connecting, with the TLS handshake: a server that speaks no TLS never answers one."""


class ServerAddress(msgspec.Struct, frozen=True):
    """
    One server, by unix socket or by host and port.

    The credentials come from the settings, never from argv, and `repr` leaves them out so that no
    log or traceback shows them.
    """

    unix_path: str = ""
    host: str = ""
    port: int = 6379
    username: str = ""
    password: str = ""
    is_tls: bool = False

    @classmethod
    def from_url(cls, url: str) -> "ServerAddress":
        """Reads `redis://`, `rediss://` (TLS) or `unix://`, with `user:password@` if need be."""
        parts = urlsplit(url)
        username, password = unquote(parts.username or ""), unquote(parts.password or "")
        if parts.scheme == "unix" and parts.path:
            return cls(unix_path=unquote(parts.path), username=username, password=password)
        if parts.scheme not in ("redis", "rediss") or not parts.hostname:
            raise ValueError(f"server URL of scheme {parts.scheme!r} is not redis, rediss or unix")
        if parts.path.strip("/") not in ("", "0"):
            raise ValueError(f"server URL names database {parts.path!r}; the log lives in 0")
        return cls(
            host=parts.hostname,
            port=parts.port or 6379,
            username=username,
            password=password,
            is_tls=parts.scheme == "rediss",
        )

    def __repr__(self) -> str:
        return f"ServerAddress({self.unix_path or f'{self.host}:{self.port}'})"

    def client(self, read_seconds: float = READ_SECONDS) -> redis.Redis:
        """A synchronous client that asks once and never again by itself."""
        client = redis.Redis(**self._options(read_seconds), retry=Retry(NoBackoff(), 0))
        if self.is_tls:
            client.connection_pool.connection_class = _TlsConnection
        return client

    def async_client(self) -> redis.asyncio.Redis:
        """The same for asyncio; the caller awaits its `aclose`."""
        return redis.asyncio.Redis(**self._options(READ_SECONDS), retry=AsyncRetry(NoBackoff(), 0))

    def _options(self, read_seconds: float) -> dict[str, Any]:
        place: dict[str, Any] = {"host": self.host, "port": self.port, "ssl": self.is_tls}
        if self.unix_path:
            place = {"unix_socket_path": self.unix_path}
        return {
            **place,
            "username": self.username or None,
            "password": self.password or None,
            "socket_timeout": read_seconds,
            "socket_connect_timeout": min(CONNECT_SECONDS, read_seconds),
            "protocol": 2,
        }


class _TlsConnection(redis.SSLConnection):
    """Whose handshake has the time of a connect, as asyncio's has, and not that of a read."""

    def _wrap_socket_with_ssl(self, sock: socket.socket) -> socket.socket:
        shake_hands: Callable[[socket.socket], socket.socket] = super()._wrap_socket_with_ssl
        sock.settimeout(self.socket_connect_timeout)
        wrapped = shake_hands(sock)
        wrapped.settimeout(self.socket_timeout)
        return wrapped
