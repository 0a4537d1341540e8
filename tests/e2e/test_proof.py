"""Signed heads and proofs of a served venue: offered, kept, checked by a stranger, told to few."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from clients.sdk import ExchangeClient
from exchange.domain.commands import CreateVenue
from exchange.domain.record import decode_body
from exchange.log import ChainVerifier, Frame, LogName, read_frames, read_only_log

from .processes import Shell, VenueProcess, in_time, wait_until
from .venue import Market, fetch

CHECKER = Path(__file__).parents[2] / "clients" / "check_proof.py"
NO_PROOF = 87
OUT_OF_REACH = 10


def checked(path: Path, public_key: str) -> Shell:
    """What a stranger hears, who has one file of ours."""
    done = subprocess.run(
        [sys.executable, "-I", str(CHECKER), str(path), "--public-key", public_key],
        capture_output=True,
        text=True,
        check=False,
    )
    return Shell(done.returncode, done.stdout, done.stderr)


def frames_of(venue: VenueProcess) -> list[Frame]:
    """The whole log."""
    with read_only_log(venue.data_dir) as client:
        return list(read_frames(client, ChainVerifier(LogName("e2e"))))


def genesis_key(frames: list[Frame]) -> str:
    """The public key that the log's first record names."""
    records = next(frame.records for frame in frames if frame.records)
    command, _ = decode_body(records[0])
    assert isinstance(command, CreateVenue)
    return command.head_public_key.hex()


async def heads_of(venue: VenueProcess, who: str, query: str = "") -> Any:
    """What is offered."""
    answer = await fetch(venue, f"/v1/log/heads{query}", who)
    assert answer.status == 200, answer
    return answer.value


async def orders_in_one_frame(venue: VenueProcess, market: Market) -> tuple[int, int, Frame]:
    """Two accounts' orders that were made durable together, and their frame."""
    async with (
        ExchangeClient(venue.url, venue.token("supplier")) as supplier,
        ExchangeClient(venue.url, venue.token("trader")) as trader,
    ):
        sides = ((supplier, "sell", 1_201), (trader, "buy", 907))
        while True:
            acks = await asyncio.gather(
                *(
                    client.place(market.month_symbol, side, order_qty=8, limit_price=price)
                    for _ in range(3)
                    for client, side, price in sides
                )
            )
            sells, buys = ({ack.log_seq for ack in acks[n::2]} for n in (0, 1))
            for frame in await asyncio.to_thread(frames_of, venue):
                header = frame.header
                seqs = range(header.first_seq, header.last_seq + 1)
                if sells & set(seqs) and buys & set(seqs):
                    return min(sells & set(seqs)), min(buys & set(seqs)), frame


@in_time
async def test_a_stranger_checks_what_the_venue_signed(
    venue: VenueProcess, market: Market, tmp_path: Path
) -> None:
    """From an order to the checked proof, over HTTP and by the shell, served and stopped."""
    await asyncio.to_thread(venue.start, "--sign-every", 4)
    sold, bought, frame = await orders_in_one_frame(venue, market)
    for _ in range(3):
        await asyncio.to_thread(venue.shell, "order", market.month_symbol, "buy", 8, 900)
    public_key = genesis_key(await asyncio.to_thread(frames_of, venue))

    answer = await fetch(venue, f"/v1/log/proof/{bought}", "trader")
    assert answer.status == 200, answer
    path = tmp_path / "proof.json"
    path.write_bytes(answer.body)
    proved = checked(path, public_key)
    assert proved.exit_code == 0, proved
    assert f"record {bought}, place_order" in proved.stdout
    assert "log e2e/main" in proved.stdout
    assert checked(path, bytes(32).hex()).exit_code == 1

    # Of the other's order, made durable in the same breath, it says nothing.
    theirs = frame.records[sold - frame.header.first_seq]
    command, _ = decode_body(theirs)
    text = answer.body.decode()
    assert theirs.hex() not in text
    assert command.command_id not in text
    assert command.command_id.encode().hex() not in text

    # Who may ask: its account, operators, auditors.
    for who, status in (("auditor", 200), ("operator", 200), ("supplier", 404), ("other", 404)):
        asked = await fetch(venue, f"/v1/log/proof/{bought}", who)
        assert asked.status == status, (who, asked)
    assert (await fetch(venue, f"/v1/log/proof/{bought}")).status == 401
    for absent in ("0", "999999", "x"):
        assert (await fetch(venue, f"/v1/log/proof/{absent}", "operator")).status == 404

    by_shell = tmp_path / "by_shell.json"
    words = ("log", "proof", bought, "--to", by_shell, "--json")
    row = (await asyncio.to_thread(venue.shell, *words)).value
    assert (row["seq"], row["public_key"]) == (bought, public_key)
    assert by_shell.read_bytes() == answer.body

    assert await asyncio.to_thread(venue.stop) == 0
    short = await asyncio.to_thread(venue.shell, "proof", bought)
    assert short.stdout == answer.body.decode()
    nowhere = tmp_path / "absent" / "proof.json"
    unwritten = await asyncio.to_thread(venue.shell, "log", "proof", bought, "--to", nowhere)
    assert unwritten.exit_code == OUT_OF_REACH, unwritten
    assert f"{nowhere}" in unwritten.stderr
    assert "started" not in unwritten.stderr, "a proof starts nothing"
    seq = (await asyncio.to_thread(venue.shell, "log", "heads", "--json")).rows[-1]["seq"]
    unproved = await asyncio.to_thread(venue.shell, "log", "proof", seq + 1)
    assert (unproved.exit_code, unproved.stdout) == (NO_PROOF, ""), "an orderly stop signs the end"
    assert f"seq {seq + 1} is signed yet" in unproved.stderr


@in_time
async def test_signed_heads_survive_kill_9_and_a_torn_line(
    venue: VenueProcess, market: Market
) -> None:
    """What was offered once is offered again, and the torn rest of a line is said and cut."""
    await asyncio.to_thread(venue.start, "--sign-every", 2)
    await orders_in_one_frame(venue, market)
    offered = await heads_of(venue, "bank")
    assert len(offered) >= 2
    assert [head["seq"] for head in offered] == sorted({head["seq"] for head in offered})
    assert await heads_of(venue, "trader", f"?from_seq={offered[0]['seq'] + 1}&limit=1") == [
        offered[1]
    ]
    assert (await fetch(venue, "/v1/log/heads")).status == 401
    await asyncio.to_thread(venue.kill)
    with (venue.data_dir / "heads.ndjson").open("ab") as file:
        file.write(msgspec.json.encode(offered[-1])[:77])
    await asyncio.to_thread(venue.start, "--sign-every", 2)
    assert "signed_heads_repaired" in venue.stdout() + venue.stderr()
    assert (await heads_of(venue, "bank"))[: len(offered)] == offered
    await orders_in_one_frame(venue, market)
    await asyncio.to_thread(
        wait_until,
        lambda: len((venue.data_dir / "heads.ndjson").read_bytes().splitlines()) > len(offered) + 1,
        "nothing more is signed",
    )
    assert await asyncio.to_thread(venue.stop) == 0
    assert (
        venue.verify()
        == (await asyncio.to_thread(venue.shell, "log", "heads", "--json")).rows[-1]["seq"]
    )


def test_an_exchange_without_its_key_does_not_start(venue: VenueProcess) -> None:
    """It says which file it wants back."""
    key_path = venue.data_dir / "head_key.pem"
    kept = key_path.read_bytes()
    assert key_path.stat().st_mode & 0o777 == 0o600
    assert kept not in b"".join(
        path.read_bytes() for path in (venue.data_dir / "server").rglob("*") if path.is_file()
    )
    key_path.unlink()
    venue.launch("serve", "--http-port", 0)
    assert venue.wait_end() == 84
    assert str(key_path) in venue.stderr()
    signed = (venue.data_dir / "heads.ndjson").read_bytes()
    venue.start("--allow-unsigned")
    assert venue.stop() == 0
    assert (venue.data_dir / "heads.ndjson").read_bytes() == signed
