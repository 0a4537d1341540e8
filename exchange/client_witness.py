"""
What clients were told of the log, and the end of an exchange whose log lacks it.

    answer ─▶ token of the durable head ─▶ client ─▶ given back on resuming ─▶ in the log?
                                                                                 │ no
              next start refused ◀── witness file ◀── the client's is ours now ◀─┘─▶ stop

A log that clients know more of than it holds gave out sequence numbers twice. So the first such
client is refused, its witness becomes the exchange's own, and the exchange stops: from there on it
is as with any log that went back. Where the operator has accepted a loss, its clients are refused,
each of them, and nothing stops.
"""

import asyncio

import structlog

from exchange.domain.reasons import Reason, Refused
from exchange.log import EventLog, Head, Witness
from exchange.log.client_witness import WitnessSeal
from exchange.log.errors import LogError, LogWentBack, WitnessNotWritten

log = structlog.get_logger()


class ClientWitness:
    """Gives out tokens of the served log and checks those that come back."""

    def __init__(self, event_log: EventLog, seal: WitnessSeal) -> None:
        self._event_log = event_log
        self._seal = seal
        self._head: Head | None = None
        self._token = ""
        self._went_back: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def token(self) -> str:
        """Of the durable head; made once a frame."""
        head = self._event_log.head
        if head is not self._head:
            self._head, self._token = head, self._seal.token(head)
        return self._token

    async def check(self, token: str) -> None:
        """Refuses a token that the log does not bear out, or that is not this venue's."""
        witness = self._seal.open(token)
        if witness is None:
            raise Refused(Reason.BAD_SIGNATURE)
        try:
            await self._event_log.require(witness)
        except LogWentBack as error:
            log.error("client_knows_more", detail=str(error))
            await self._believe(witness, error)
            head_seq = self._event_log.head.seq
            raise Refused(Reason.LOG_WENT_BACK, witness.seq, head_seq) from error
        except LogError as error:
            log.error("client_witness_unchecked", detail=str(error))
            raise Refused(Reason.LOG_UNAVAILABLE) from error

    async def _believe(self, witness: Witness, error: LogError) -> None:
        """Stops, also where the disk does not take the client's witness for the next start."""
        try:
            is_over = await self._event_log.adopt(witness)
        except WitnessNotWritten as unwritten:
            is_over, error = True, unwritten
        if is_over and not self._went_back.done():
            self._went_back.set_exception(error)

    async def run(self) -> None:
        """Raises `LogWentBack` once a client has shown it; else until it is cancelled."""
        await self._went_back
