"""What a client was last told of the log, as the gateway hands it out and takes it back."""

from typing import Protocol

from aiohttp import web

WITNESS_HEADER = "Log-Witness"
MAX_TOKEN_CHARS = 128


class Witness(Protocol):
    """The venue's sealed word on where its log stands."""

    def token(self) -> str:
        """For an answer that leaves now; empty where the venue has no key to seal it."""

    async def check(self, token: str) -> None:
        """Raises `Refused` where the log does not hold what the client was told."""


class NoWitness:
    """Of a log that needs none, or a venue that cannot seal any."""

    def token(self) -> str:
        """Nothing is given out."""
        return ""

    async def check(self, _token: str) -> None:
        """So nothing that comes back says anything."""


async def check_header(request: web.Request, witness: Witness) -> None:
    """Checks what a request over HTTP brings along, if it does."""
    token = request.headers.get(WITNESS_HEADER, "")
    if token:
        await witness.check(token[:MAX_TOKEN_CHARS])
