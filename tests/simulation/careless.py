"""The house with a protection taken out, to see that the simulation notices."""

import asyncio
from collections.abc import Sequence
from typing import Any

from exchange.log import Appender, AppendOutcomeUnknown, AppendRefused, EpochBarrier, EventLog, Head
from exchange.log.appender import open_appender
from exchange.log.errors import AppendDuplicate
from exchange.log.frame import EncodedFrame, encode_records
from tests.simulation.protections import Off, Protection

RETRIES_COUNT = 8
RETRY_S = 0.25


async def take_over(event_log: EventLog, barrier: EpochBarrier, off: Off) -> Any:
    """The exchange's own way to the appender, less what is off."""
    if Protection.BARRIER in off:
        assert event_log._verifier is not None
        appender = await open_appender(event_log.address, event_log.name, event_log._verifier.head)
        event_log._appender = appender
    else:
        appender = await event_log.take_over(barrier)
    if Protection.NO_RETRY in off:
        counts_duplicates = Protection.DUPLICATE_IS_NO_SUCCESS in off
        return _Insistent(event_log, appender, counts_duplicates)
    if Protection.DURABLE_BEFORE_REPLY in off:
        return _Hasty(appender)
    return appender


async def append_anyhow(appender: Appender, prev_id: str, frame: EncodedFrame) -> None:
    """In the place of compare-and-append: whatever the log ends with."""
    words = ("XADD", appender.name.key, frame.head.entry_id, "f", frame.data)
    await appender._connection.call(*words)


class _Insistent:
    """Sends a frame again, in the same bytes, until somebody answers."""

    def __init__(self, event_log: EventLog, appender: Appender, counts_duplicates: bool) -> None:
        self._log = event_log
        self._appender = appender
        self._counts_duplicates = counts_duplicates

    @property
    def head(self) -> Head:
        return self._appender.head

    async def append(self, records: Sequence[bytes]) -> Head:
        appender = self._appender
        frame = encode_records(appender.name, appender.head, appender._now_ns(), records)
        before = appender.head
        for _ in range(RETRIES_COUNT):
            try:
                return await self._appender._send(frame)
            except AppendDuplicate:
                if not self._counts_duplicates:
                    raise
                before = frame.head
            except (AppendOutcomeUnknown, AppendRefused):
                await asyncio.sleep(RETRY_S)
            try:
                self._appender = self._log._appender = await open_appender(
                    self._log.address, appender.name, before
                )
                if before is frame.head:
                    return before
            except (AppendOutcomeUnknown, AppendRefused):
                continue
        return await self._appender._send(frame)


class _Hasty:
    """Says that a frame is durable when it has been handed over."""

    def __init__(self, appender: Appender) -> None:
        self.head = appender.head
        self._appender = appender
        self._last: asyncio.Task[Head] | None = None

    async def append(self, records: Sequence[bytes]) -> None:
        if self._last is not None:
            await self._last
        self._last = asyncio.ensure_future(self._appender.append(records))
