"""`exchange verify`: clean beside a running exchange and without one; a forged record is named."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from clients.sdk import ExchangeClient
from exchange.domain.commands import Command
from exchange.domain.events import CashDeposited, Event, OrderAccepted, TradeExecuted
from exchange.domain.record import decode_body, encode_command, encode_event, join_record
from exchange.log import (
    ChainVerifier,
    EmbeddedServer,
    EpochBarrier,
    Head,
    LogName,
    WitnessFile,
    read_frames,
    read_only_log,
    take_over,
)

from .conftest import Prepared
from .processes import VenueProcess, in_time
from .venue import Market

NAME = LogName("e2e")


async def trade_once(venue: VenueProcess, market: Market) -> None:
    """One order that meets another."""
    async with (
        ExchangeClient(venue.url, venue.token("supplier")) as supplier,
        ExchangeClient(venue.url, venue.token("trader")) as trader,
    ):
        await supplier.place(market.month_symbol, "sell", order_qty=16, limit_price=1_000)
        await trader.place(market.month_symbol, "buy", order_qty=8, limit_price=1_000)


@in_time
async def test_verify_is_clean_beside_a_running_exchange_and_after_it(
    venue: VenueProcess, market: Market
) -> None:
    """Both prove the same records, and neither changes a byte of the log."""
    await asyncio.to_thread(venue.start)
    await trade_once(venue, market)
    running_seq = await asyncio.to_thread(venue.verify)
    assert await asyncio.to_thread(venue.stop) == 0
    files = _log_files(venue.data_dir)
    stopped_seq = await asyncio.to_thread(venue.verify)
    assert stopped_seq >= running_seq
    assert _log_files(venue.data_dir) == files
    head = await asyncio.to_thread(venue.shell, "log", "head", "--json")
    assert head.value["seq"] == stopped_seq
    replayed = await asyncio.to_thread(venue.shell, "replay", "--json")
    verified = await asyncio.to_thread(venue.shell, "verify", "--json")
    assert replayed.value["state_hash"] == verified.value["state_hash"]


@pytest.fixture(scope="module")
def traded(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A venue's directory, stopped after a trade."""
    data_dir = tmp_path_factory.mktemp("traded") / "venue"
    shutil.copytree(prepared[0], data_dir)
    venue = VenueProcess(data_dir)
    try:
        venue.start()
        asyncio.run(trade_once(venue, prepared[1]))
        assert venue.stop() == 0
    finally:
        venue.clean_up()
    return data_dir


def richer(event: Event) -> Event | None:
    """Twice the deposit."""
    if isinstance(event, CashDeposited):
        return msgspec.structs.replace(event, deposit_amount=2 * event.deposit_amount)
    return None


def freer(event: Event) -> Event | None:
    """A trade without the taker's fee."""
    if isinstance(event, TradeExecuted):
        return msgspec.structs.replace(event, taker_fee_amount=0)
    return None


def looser(event: Event) -> Event | None:
    """A buy that holds a fen less than it may cost."""
    if isinstance(event, OrderAccepted) and event.held_amount:
        return msgspec.structs.replace(event, held_amount=event.held_amount - 1)
    return None


@pytest.mark.parametrize("forge", [richer, freer, looser])
def test_verify_names_the_event_of_a_consistently_forged_log(
    traded: Path, tmp_path: Path, forge: Callable[[Event], Event | None]
) -> None:
    """CRC, root and chain of the forgery are all right; deciding its commands again is not."""
    forged, seq, index, was, now = _forged(_records(traded), forge)
    false = _written(tmp_path, traded, forged)
    verified = false.shell("verify", "--json")
    assert verified.exit_code == 1, verified
    assert verified.value == {
        "is_clean": False,
        "seq": seq,
        "event_index": index,
        "recorded": repr(now),
        "decided": repr(was),
    }


def test_verify_tells_people_what_it_tells_programs(traded: Path, tmp_path: Path) -> None:
    """And a log that the same hand wrote without forging anything is clean."""
    records = _records(traded)
    assert _written(tmp_path / "honest", traded, records).verify() == len(records)
    forged, seq, index, was, now = _forged(records, richer)
    told = _written(tmp_path / "false", traded, forged).shell("verify")
    assert told.exit_code == 1
    assert f"record {seq}, event {index}" in told.stderr
    assert repr(now) in told.stderr
    assert repr(was) in told.stderr


def _written(tmp_path: Path, source: Path, records: list[bytes]) -> VenueProcess:
    """A directory like the source's, with a log of these records."""
    data_dir = tmp_path / "written"
    data_dir.mkdir(mode=0o700, parents=True)
    shutil.copy(source / "venue.json", data_dir)
    asyncio.run(_write_log(data_dir, records))
    return VenueProcess(data_dir)


def _forged(
    records: list[bytes], forge: Callable[[Event], Event | None]
) -> tuple[list[bytes], int, int, Event, Event]:
    """The records with the first event that `forge` changes, where it is, and both values."""
    for seq, encoded in enumerate(records, start=1):
        command, events = decode_body(encoded)
        for index, event in enumerate(events):
            changed = forge(event)
            if changed is not None:
                false = _joined(command, [*events[:index], changed, *events[index + 1 :]])
                return [*records[: seq - 1], false, *records[seq:]], seq, index, event, changed
    raise AssertionError("nothing to forge")


def _joined(command: Command, events: list[Event]) -> bytes:
    return join_record(
        encode_command(command), len(events), b"".join(encode_event(event) for event in events)
    )


def _records(data_dir: Path) -> list[bytes]:
    with read_only_log(data_dir) as client:
        frames = read_frames(client, ChainVerifier(NAME))
        return [record for frame in frames for record in frame.records]


async def _write_log(data_dir: Path, records: list[bytes]) -> Head:
    """A whole new log of these records, with a witness."""
    server = await asyncio.to_thread(EmbeddedServer.start, data_dir)
    try:
        barrier = EpochBarrier("forger", bytes(16), "0", bytes(32), 1)
        appender = await take_over(server.address, NAME, NAME.genesis, barrier)
        head = await appender.append(records)
        await appender.close()
        WitnessFile(data_dir / "witness", NAME).write(head)
        return head
    finally:
        await asyncio.to_thread(server.stop)


def _log_files(data_dir: Path) -> dict[str, bytes]:
    directory = data_dir / "server" / "appendonlydir"
    return {path.name: path.read_bytes() for path in directory.iterdir()}
