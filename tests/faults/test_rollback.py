"""
A log that went back while nobody looked, and the clients that remember.

The whole directory comes from an old backup: log, witness file and signed heads agree with each
other, so no start can tell. Only those who were answered since know more.
"""

import asyncio
import base64
import json
import shutil
from pathlib import Path

import pytest

from clients.continuity import Witness
from clients.sdk import Backoff, ExchangeClient, ProtocolError, Unauthorized
from exchange.log import errors
from tests.e2e.processes import VenueProcess, free_port, in_time
from tests.e2e.test_start_refused import refused
from tests.e2e.venue import LOT_QTY

PATIENT = Backoff(first_s=0.05, longest_s=0.2, give_up_s=30.0)


def client_of(venue: VenueProcess, port: int, name: str, **options: object) -> ExchangeClient:
    """A client that waits for its exchange to come back."""
    url = f"http://127.0.0.1:{port}"
    return ExchangeClient(url, venue.token(name), backoff=PATIENT, **options)  # type: ignore[arg-type]


def put_back(venue: VenueProcess, backup: Path) -> None:
    """Everything that the exchange has is as old as the backup."""
    shutil.rmtree(venue.data_dir)
    shutil.copytree(backup, venue.data_dir)


async def bids(client: ExchangeClient, symbol: str, count: int) -> list[int]:
    """Places orders that rest; the seqs at which they were acknowledged."""
    terms = {"order_qty": LOT_QTY, "limit_price": 990}
    return [(await client.place(symbol, "buy", **terms)).log_seq for _ in range(count)]  # type: ignore[arg-type]


@pytest.fixture
def backup(venue: VenueProcess, tmp_path: Path) -> Path:
    """The directory before anybody traded."""
    shutil.copytree(venue.data_dir, tmp_path / "backup", ignore=shutil.ignore_patterns("sock"))
    return tmp_path / "backup"


@pytest.fixture
def without_witness(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that keeps no witness: only the numbers are left."""
    monkeypatch.setattr(Witness, "take", lambda self, token: None)


async def rolled_back(venue: VenueProcess, symbol: str, backup: Path) -> tuple[int, list[int], str]:
    """Three orders are acknowledged and lost, and others trade over them: port, seqs, witness."""
    port = free_port()
    venue.start(http_port=port)
    async with client_of(venue, port, "trader") as trader:
        lost = await bids(trader, symbol, 3)
        kept = trader.witness
    assert venue.stop() == 0
    put_back(venue, backup)
    venue.start(http_port=port)
    async with client_of(venue, port, "other") as other:
        reused = await bids(other, symbol, 8)
    assert set(lost) & set(reused), "numbers are given out twice"
    assert max(lost) < max(reused), "the log is longer than it was"
    return port, lost, kept


@in_time
async def test_a_client_that_knows_more_than_the_log_is_refused_and_the_exchange_stops_for_good(
    venue, market, backup
):
    """Its witness is the exchange's own from then on: the next start is refused as well."""
    port, lost, kept = await rolled_back(venue, market.month_symbol, backup)
    async with client_of(venue, port, "trader", witness=kept) as trader:
        with pytest.raises(ProtocolError, match="log_went_back") as told:
            await bids(trader, market.month_symbol, 1)
        assert (told.value.code, told.value.error.value) == (9006, lost[-1])
    assert venue.wait_end() == errors.LogWentBack.exit_code
    assert "log_went_back" in venue.stderr()
    assert "Traceback" not in venue.stderr()
    exit_code, message = refused(venue)
    assert exit_code == errors.LogWentBack.exit_code
    assert f"seq {lost[-1]}" in message
    assert "restore the log from the archive" in message


@in_time
async def test_without_the_witness_a_log_that_has_grown_again_passes_for_the_old_one(
    venue, market, backup, without_witness
):
    """The harm: what was acknowledged is gone, its number somebody else's; no word of it."""
    port, lost, kept = await rolled_back(venue, market.month_symbol, backup)
    async with client_of(venue, port, "trader", witness=kept) as trader:
        [late] = await bids(trader, market.month_symbol, 1)
        assert late > lost[-1]
        assert {each.order_id for each in (await trader.orders()).orders} == {late}
    assert venue.stop() == 0


@in_time
async def test_a_session_that_resumes_by_itself_brings_its_witness(venue, market, backup):
    """Nobody asks anything of it meanwhile; a heartbeat's witness is as good as an order's."""
    port = free_port()
    venue.start(http_port=port)
    async with client_of(venue, port, "trader") as trader:
        await bids(trader, market.month_symbol, 1)
        assert venue.stop() == 0
        put_back(venue, backup)
        venue.launch("serve", "--http-port", port)
        assert await asyncio.to_thread(venue.wait_end) == errors.LogWentBack.exit_code
        assert trader.session is not None
        assert isinstance(trader.session.failure, ProtocolError)


@in_time
async def test_a_command_over_http_brings_the_witness_too(venue, market, backup):
    port = free_port()
    venue.start(http_port=port)
    async with client_of(venue, port, "operator") as operator:
        await operator.admin("admit_participant", name="lost", roles=["trader"])
        assert venue.stop() == 0
        put_back(venue, backup)
        venue.start(http_port=port)
        with pytest.raises(ProtocolError, match="log_went_back"):
            await operator.admin("admit_participant", name="found", roles=["trader"])
    assert venue.wait_end() == errors.LogWentBack.exit_code


@in_time
async def test_without_a_witness_a_log_that_is_still_shorter_is_seen_by_its_numbers(
    venue, market, backup, without_witness
):
    """The client refuses by itself, loudly; the exchange hears nothing of it."""
    port = free_port()
    venue.start(http_port=port)
    async with client_of(venue, port, "trader") as trader:
        await bids(trader, market.month_symbol, 30)
        assert venue.stop() == 0
        put_back(venue, backup)
        venue.start(http_port=port)
        with pytest.raises(ProtocolError, match="the log went back"):
            await bids(trader, market.month_symbol, 1)
    assert venue.stop() == 0


@in_time
async def test_a_loss_that_the_operator_accepted_refuses_its_clients_and_stops_nothing(
    venue, market, backup, tmp_path
):
    """
    Each of them hears of it once; a client without memories trades on.

    Both histories have the lost numbers, so that the operator has to say so twice.
    """
    port, _, kept = await rolled_back(venue, market.month_symbol, backup)
    async with client_of(venue, port, "trader", witness=kept) as returning:
        with pytest.raises(ProtocolError, match="log_went_back"):
            await returning.connect()
    assert venue.wait_end() == errors.LogWentBack.exit_code
    places = [tmp_path / "a", tmp_path / "b"]
    archived = venue.shell("log", "archive", *(word for p in places for word in ("--to", p)))
    assert archived.exit_code == 0, archived
    restore = ("log", "restore", *(word for p in places for word in ("--from", p)))
    seen = json.loads((venue.data_dir / "witness").read_bytes())
    for words in ((), ("--accept-loss",), ("--accept-other-history",)):
        differs = venue.shell(*restore, *words)
        assert (differs.exit_code, "this is another history" in differs.stderr) == (50, True)
        assert "--accept-loss --accept-other-history" in differs.stderr
    accepted = venue.shell(*restore, "--accept-loss", "--accept-other-history", "--json")
    assert accepted.exit_code == 0, accepted
    kept_path = venue.data_dir / f"witness.lost-{seen['epoch']}-{seen['seq']}"
    assert accepted.value["kept_witness"] == str(kept_path)
    assert json.loads(kept_path.read_bytes()) == seen
    venue.start(http_port=port)
    async with client_of(venue, port, "trader", witness=kept) as returning:
        with pytest.raises(ProtocolError, match="log_went_back"):
            await returning.connect()
    async with client_of(venue, port, "trader") as forgetful:
        assert await bids(forgetful, market.month_symbol, 1)
    assert venue.stop() == 0


@in_time
async def test_nobody_can_stop_an_exchange_with_an_invented_witness(venue, market):
    """Only what the venue sealed itself says anything about its log."""
    port = free_port()
    venue.start(http_port=port)
    async with client_of(venue, port, "trader") as trader:
        await bids(trader, market.month_symbol, 1)
        kept = trader.witness
    data = bytearray(base64.urlsafe_b64decode(kept))
    data[11] += 1  # the seq
    invented = base64.urlsafe_b64encode(data).decode()
    async with client_of(venue, port, "trader", witness=invented) as trader:
        with pytest.raises(Unauthorized, match="bad_signature"):
            await trader.connect()
    async with client_of(venue, port, "trader", witness=kept) as trader:
        assert await bids(trader, market.month_symbol, 1)
    assert venue.stop() == 0
