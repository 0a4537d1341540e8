"""The archive as operators use it: by the shell, beside a running exchange and without one."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from clients.sdk import ExchangeClient

from .processes import Shell, VenueProcess, in_time, wait_until
from .test_start_refused import refused
from .test_verify import trade_once
from .venue import Market, fetch, picture


@pytest.fixture
def places(tmp_path: Path) -> list[Path]:
    """Two directories that are not there yet."""
    return [tmp_path / "place-1", tmp_path / "place-2"]


def named(option: str, places: list[Path]) -> list[object]:
    """`--option A --option B`."""
    return [word for place in places for word in (option, place)]


def archive(venue: VenueProcess, places: list[Path], *options: object) -> Shell:
    """One run of the archiver, which must succeed."""
    done = venue.shell("log", "archive", *named("--to", places), *options, "--json")
    assert done.exit_code == 0, done
    return done


def trim(venue: VenueProcess, places: list[Path], before_seq: int, keep: int = 1) -> Shell:
    """A trim that may be refused."""
    where = named("--archive", places)
    words = ("--before-seq", before_seq, "--keep", keep, *where, "--json")
    return venue.shell("log", "trim", *words)


@in_time
async def test_archive_and_trim_beside_a_running_exchange_change_nothing_that_it_shows(
    venue: VenueProcess, market: Market, places: list[Path]
) -> None:
    """Trading goes on, the past is read from the archive, and the log from both."""
    await asyncio.to_thread(venue.start, "--snapshot-records", 8, *named("--archive", places))
    await trade_once(venue, market)
    traded_seq = (await fetch(venue, "/v1/log/head", "operator")).value["log_seq"]
    before = await picture(venue, traded_seq)
    first = await asyncio.to_thread(archive, venue, places, "--segment-bytes", 2048)
    assert first.value["segment_count"] > 2
    assert first.value["archived_seq"] > 0
    await trade_once(venue, market)
    second = await asyncio.to_thread(archive, venue, places, "--check")
    assert second.value["archived_seq"] > first.value["archived_seq"]
    cut_seq = second.value["archived_seq"] - 5
    await asyncio.to_thread(
        wait_until, lambda: witness_seq(venue) >= cut_seq, "the witness does not follow"
    )
    await trade_once(venue, market)
    await asyncio.to_thread(
        wait_until, lambda: snapshot_seq(venue) >= cut_seq, "no snapshot is taken"
    )
    trimmed = await asyncio.to_thread(trim, venue, places, cut_seq)
    assert trimmed.exit_code == 0, trimmed
    assert trimmed.value["removed_frame_count"] > 5
    assert "log_trimmed" in trimmed.stderr
    assert trimmed.value["is_rewritten"] is True
    base_names = [path.name for path in (venue.data_dir / "server").glob("*/*.base.*")]
    assert any(".2.base." in name for name in base_names), base_names
    again = await asyncio.to_thread(trim, venue, places, cut_seq)
    assert again.value["removed_frame_count"] == 0
    assert again.value["is_rewritten"] is False, "there is nothing to free"
    for name in ("trader", "bank"):
        answer = await fetch(venue, f"/v1/marks?as_of_seq={traded_seq}", name)
        assert (answer.body, answer.headers["ETag"]) == before[f"{name} /v1/marks"]
    lines = (await fetch(venue, "/v1/log?from_seq=1&limit=9999", "operator")).body.splitlines()
    seqs = [json.loads(line)["seq"] for line in lines]
    assert seqs == list(range(1, len(seqs) + 1))
    assert len(seqs) > cut_seq
    await trade_once(venue, market)
    assert await asyncio.to_thread(venue.stop) == 0


def test_a_trimmed_venue_needs_its_archive_and_one_good_copy_of_it(
    venue: VenueProcess, places: list[Path]
) -> None:
    """Without, tools and start are refused; with it the same state; two bad copies refuse again."""
    untouched = venue.shell("replay", "--json").value
    archive(venue, places)
    before_seq = snapshot_seq(venue)
    assert trim(venue, places, before_seq + 1).exit_code == 68
    assert trim(venue, places, before_seq).exit_code == 0
    assert venue.shell("log", "head").exit_code == 61
    # From its snapshot it would start all the same.
    shutil.rmtree(venue.data_dir / "snapshots")
    exit_code, message = refused(venue)
    assert exit_code == 61
    assert f"seqs 1 to {before_seq - 1} were trimmed" in message
    assert "--archive" in message
    paths = [place / "main.00000001.segment" for place in places]
    whole = paths[0].read_bytes()
    paths[0].write_bytes(whole[:100] + b"\0" + whole[101:])
    verified = venue.shell("verify", "--json", *named("--archive", places))
    assert verified.value["state_hash"] == untouched["state_hash"]
    assert f"warning: log_segment_damaged: {paths[0]}" in verified.stderr
    venue.start(*named("--archive", places))
    assert venue.stop() == 0
    assert "archive_copy_damaged" in venue.stderr()
    assert str(paths[0]) in venue.stderr()
    shutil.copy(paths[0], paths[1])
    shutil.rmtree(venue.data_dir / "snapshots")
    both = venue.shell("serve", "--http-port", 0, *named("--archive", places))
    assert both.exit_code == 64, both


def snapshot_seq(venue: VenueProcess) -> int:
    """Where the newest snapshot stands, 0 without one."""
    names = sorted(path.stem for path in (venue.data_dir / "snapshots").glob("*.snapshot"))
    return int(names[-1].partition("-")[2]) if names else 0


def witness_seq(venue: VenueProcess) -> int:
    """What the witness file says now."""
    seq: int = json.loads((venue.data_dir / "witness").read_bytes())["seq"]
    return seq


def test_a_venue_from_an_old_backup_is_restored_from_its_archive(
    venue: VenueProcess, market: Market, places: list[Path]
) -> None:
    """The start is refused, names the command, and what the command could not bring."""
    backup = venue.data_dir.with_name("backup")
    shutil.copytree(venue.data_dir / "server", backup)
    old_seq = witness_seq(venue)
    venue.start()
    asyncio.run(trade_once(venue, market))
    assert venue.stop() == 0
    archived_seq = archive(venue, places).value["archived_seq"]
    tip_seq = witness_seq(venue)
    whole = venue.shell("replay", "--json", "--to-seq", archived_seq).value
    shutil.rmtree(venue.data_dir / "server")
    shutil.copytree(backup, venue.data_dir / "server")
    exit_code, message = refused(venue)
    assert exit_code == 50
    assert "exchange log restore --from" in message
    source = named("--from", places)
    restored = venue.shell("log", "restore", *source, "--json")
    assert (restored.value["after_seq"], restored.value["to_seq"]) == (old_seq, archived_seq)
    assert restored.exit_code == 50, "the witness has seen the tip, which no frame had confirmed"
    assert f"seqs {archived_seq + 1} to {tip_seq}" in restored.stderr
    accepted = venue.shell("log", "restore", *source, "--accept-loss", "--json")
    assert accepted.exit_code == 0, accepted
    assert accepted.value["frame_count"] == 0, "it was all there already"
    assert Path(accepted.value["kept_witness"]).exists()
    kept = Path(accepted.value["kept_heads"])
    lost = json.loads(kept.read_bytes().splitlines()[-1])["seq"]
    assert archived_seq < lost <= tip_seq, "the orderly stop was signed, and others may hold that"
    assert venue.shell("replay", "--json").value == whole
    venue.start()
    assert venue.stop() == 0, venue.stderr()


def test_an_export_of_a_served_venue_has_its_trades(
    venue: VenueProcess, market: Market, tmp_path: Path
) -> None:
    """The same trades that the exchange shows."""
    venue.start()
    asyncio.run(trade_once(venue, market))
    tape = asyncio.run(_tape(venue, market.month_symbol))
    to = tmp_path / "out"
    exported = venue.shell("log", "export", "--to", to, "--format", "ndjson", "--json")
    assert exported.exit_code == 0, exported
    rows = [
        json.loads(line)
        for path in (to / "trade_executed").iterdir()
        for line in path.read_bytes().splitlines()
    ]
    assert [(row["symbol"], row["seq"], row["last_qty"], row["last_price"]) for row in rows] == tape
    assert exported.value["row_counts"]["trade_executed"] == len(tape) == 1
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    assert venue.shell("log", "export", "--to", tmp_path / "mine").exit_code == 2
    assert venue.stop() == 0


async def _tape(venue: VenueProcess, symbol: str) -> list[tuple[str, int, int, int]]:
    async with ExchangeClient(venue.url, venue.token("trader")) as trader:
        trades = await trader.trades(symbol)
    return [(symbol, each.seq, each.last_qty, each.last_price) for each in trades]
