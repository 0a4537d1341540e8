"""
What the server's client raises, as errors of the log.

A general client has its own words for a server that is gone and for a key of another kind; who
reads a log wants to hear which log, and what to do.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import redis

from exchange.log.errors import KeyForeign, ServerRefused, ServerWentAway

_LOGIN = redis.AuthenticationError


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Names `what` was asked of the server, should it not answer; nothing is asked twice."""
    try:
        yield
    except redis.ResponseError as error:
        if str(error).startswith("WRONGTYPE"):
            raise KeyForeign(
                f"log_key_foreign: {what}: the key holds something else than a log; nothing was "
                "changed, find out who wrote it, rename it and restore the log from the archive"
            ) from error
        raise ServerRefused(
            f"log_server_refused: {what}: the server says {error}; let this user read the log and "
            "ask for the configuration, as the README says"
        ) from error
    except redis.RedisError as error:
        # To the client this is a lost connection, and on asyncio only its cause.
        if isinstance(error, _LOGIN) or isinstance(error.__cause__, _LOGIN):
            raise ServerRefused(
                f"log_server_refused: {what}: the login is refused ({error}); check the user in "
                "--redis-url and the password in --redis-password-file"
            ) from error
        raise ServerWentAway(
            f"log_server_went_away: {what}: no answer ({error}); see that it runs, and "
            "speaks TLS if the address is rediss://, then start again"
        ) from error
