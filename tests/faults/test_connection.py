"""
A connection that breaks between the exchange and its log, at every byte there and back.

A frame arrives whole or not at all. Without an answer nothing is known: the appender stays closed,
and only the next one's barrier finds out what became of the frame.
"""

import asyncio
from pathlib import Path

import msgspec
import pytest

from exchange.log import errors, take_over
from tests.log.conftest import NAME, barrier, record

from .lives import lead, read_log


class Proxy:
    """Passes bytes on until so many have gone one way, then cuts both."""

    def __init__(self, path: Path, server_path: str) -> None:
        self.path = str(path)
        self.limit: dict[str, int | None] = {"there": None, "back": None}
        self.passed = {"there": 0, "back": 0}
        self._server_path = server_path
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Proxy":
        self._server = await asyncio.start_unix_server(self._serve, self.path)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # the sockets close in the loop's next round

    def cut_after(self, way: str, count: int) -> None:
        """Of the bytes that go this way from now on."""
        self.limit[way] = self.passed[way] + count

    async def _serve(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        server_reader, server_writer = await asyncio.open_unix_connection(self._server_path)
        ways = [
            asyncio.create_task(self._pass("there", reader, server_writer)),
            asyncio.create_task(self._pass("back", server_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for each in (writer, server_writer):
                each.transport.abort()
            await asyncio.wait(ways)

    async def _pass(self, way, reader, writer):
        while data := await reader.read(1 << 16):
            limit = self.limit[way]
            room = len(data) if limit is None else max(0, limit - self.passed[way])
            self.passed[way] += len(data)
            writer.write(data[:room])
            await writer.drain()
            if room < len(data) or (limit is not None and self.passed[way] == limit):
                return


async def sizes(server, tmp_path) -> dict[str, int]:
    """How many bytes a frame of one record takes there and back."""
    async with Proxy(tmp_path / "measured", server.address.unix_path) as proxy:
        writer, _ = await through(proxy, server)
        before = dict(proxy.passed)
        await writer.append([record(0)])
        await writer.close()
        return {way: proxy.passed[way] - before[way] for way in before}


async def through(proxy, server):
    """A leader behind the proxy, and what the log held."""
    found, tip = read_log(server)
    address = msgspec.structs.replace(server.address, unix_path=proxy.path)
    return await take_over(address, NAME, tip, barrier()), found


@pytest.mark.parametrize("way", ["there", "back"])
async def test_a_frame_is_all_or_nothing_wherever_the_connection_is_cut(
    server, tmp_path, way, often, rng, done
):
    size = (await sizes(server, tmp_path))[way]
    step = 1 if way == "back" else often(29, 1)
    places = [*range(rng.randrange(step), size, step), size]
    made_at = []
    for number, place in enumerate(places):
        is_answered = way == "back" and place == size
        async with Proxy(tmp_path / f"{number}", server.address.unix_path) as proxy:
            writer, found = await through(proxy, server)
            if not is_answered:  # The answer grows with the id in it.
                proxy.cut_after(way, place)
            new = record(1000 + number)
            if is_answered:
                await writer.append([new])
            else:
                with pytest.raises(errors.AppendOutcomeUnknown):
                    await writer.append([new])
                with pytest.raises(errors.AppenderClosed):
                    await writer.append([new])
            await writer.close()
        told: list[bytes] = []
        heir = await lead(server, told)
        assert told in ([*found, new], found)
        if told != found:
            made_at.append(place)
        if way == "back":
            assert told == [*found, new], "it was durable before its answer left"
        await heir.append([record(2000 + number)])
        await heir.close()
        done[f"connections cut, {way}"] += 1
    # Behind the transaction comes the next one's watch.
    assert made_at == [place for place in places if place >= made_at[0]]
    assert made_at[0] > size // 2 or way == "back"


@pytest.mark.parametrize("contenders_count", [5])
async def test_of_many_contenders_in_many_elections_one_leads_each_time(
    server, often, rng, done, contenders_count
):
    """All read the same tip; some end after their barrier, and their epochs stay in the log."""
    told: list[bytes] = []
    await (await lead(server, told)).close()
    for number in range(often(3, 60)):
        found, tip = read_log(server)
        results = await asyncio.gather(
            *(take_over(server.address, NAME, tip, barrier()) for _ in range(contenders_count)),
            return_exceptions=True,
        )
        leaders = [each for each in results if not isinstance(each, BaseException)]
        assert len(leaders) == 1
        others = [each for each in results if isinstance(each, BaseException)]
        assert {type(each) for each in others} == {errors.LogConflict}
        if rng.random() < 0.7:
            await leaders[0].append([record(number)])
            found.append(record(number))
        await leaders[0].close()
        assert read_log(server)[0] == found
        done["elections of five"] += 1
