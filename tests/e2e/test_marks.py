"""A bank's marks: pulled, then computed again from the log, the archive and its own extract."""

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec

from clients.sdk import ExchangeClient
from exchange.extract import (
    END_FORMAT,
    EXTRACT_FORMAT,
    FACTS_FORMAT,
    HEADER_FORMAT,
    RECORD_FORMAT,
    SIGNED_FORMAT,
)
from tests.e2e.test_proof import frames_of, genesis_key

from .processes import VenueProcess, in_time
from .venue import ACCOUNT_IDS, PRODUCT, Market, fetch

ROOT = Path(__file__).parents[2]
MARKS = "/v1/collateral/marks"


def elsewhere(*words: object) -> subprocess.CompletedProcess[bytes]:
    """The shell under another locale, time zone and hash seed."""
    env = os.environ | {"TZ": "America/Caracas", "LC_ALL": "C", "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-m", "exchange.cli", *map(str, words)]
    return subprocess.run(command, capture_output=True, cwd=ROOT, env=env, check=False)


def stranger_says(folder: Path, extract: Path, public_key: str) -> tuple[int, str]:
    """What somebody hears who has two files of ours and any Python."""
    alone = folder / "elsewhere"
    alone.mkdir(exist_ok=True)
    for name in ("check_extract.py", "check_proof.py"):
        shutil.copy(ROOT / "clients" / name, alone)
    command = [sys.executable, "-S", "check_extract.py", extract, "--public-key", public_key]
    done = subprocess.run(command, capture_output=True, text=True, cwd=alone, check=False)
    return done.returncode, done.stdout


async def lend(venue: VenueProcess, market: Market) -> None:
    """The month trades, two holders pledge it to the bank, and the nodes are marked again."""
    async with (
        ExchangeClient(venue.url, venue.token("supplier")) as supplier,
        ExchangeClient(venue.url, venue.token("trader")) as trader,
        ExchangeClient(venue.url, venue.token("bank")) as bank,
    ):
        await supplier.place(market.month_symbol, "sell", order_qty=64, limit_price=1_200)
        await trader.place(market.month_symbol, "buy", order_qty=64, limit_price=1_200)
        for client, qty in ((trader, 16), (supplier, 8)):
            receipt = await client.request_pledge(
                product=PRODUCT,
                start_day=market.month_start_day,
                end_day=market.month_end_day,
                pledged_qty=qty,
                bank_account_id=ACCOUNT_IDS["bank"],
            )
            await bank.accept_pledge(receipt.created_id)


@in_time
async def test_a_killed_exchange_answers_and_explains_the_same_marks(
    venue: VenueProcess, market: Market
) -> None:
    await asyncio.to_thread(venue.start)
    await lend(venue, market)
    answer = await fetch(venue, MARKS, "bank")
    assert len(answer.value) == 2
    seq = int(answer.headers["As-Of-Seq"])
    await asyncio.to_thread(venue.kill)
    await asyncio.to_thread(venue.start)
    after = await fetch(venue, f"{MARKS}?as_of_seq={seq}", "bank")
    assert (after.body, after.headers["ETag"]) == (answer.body, answer.headers["ETag"])
    shown = await asyncio.to_thread(venue.shell, "marks", "explain", 1)
    assert shown.exit_code == 0, shown
    assert "concentration" in shown.stdout


@in_time
async def test_marks_come_out_again_byte_for_byte_from_the_log_and_from_its_archive(
    venue: VenueProcess, market: Market, tmp_path: Path
) -> None:
    await asyncio.to_thread(venue.start)
    await lend(venue, market)
    answer = await fetch(venue, MARKS, "bank")
    seq = int(answer.headers["As-Of-Seq"])
    told, place = tmp_path / "marks.json", tmp_path / "archive"
    told.write_bytes(answer.body)
    assert await asyncio.to_thread(venue.stop) == 0

    asked = ("marks", "recompute", "--as-of-seq", seq, "--check", told, "--bank", "bank")
    done = await asyncio.to_thread(elsewhere, *asked, "--data", venue.data_dir)
    assert (done.returncode, done.stdout) == (0, answer.body), done
    both = ("--to", place, "--to", tmp_path / "other place")
    archived = await asyncio.to_thread(venue.shell, "log", "archive", *both)
    assert archived.exit_code == 0, archived
    done = await asyncio.to_thread(elsewhere, *asked, "--log", place)
    assert (done.returncode, done.stdout) == (0, answer.body), done


@in_time
async def test_a_bank_computes_its_marks_from_its_extract_alone(
    venue: VenueProcess, market: Market, tmp_path: Path
) -> None:
    await asyncio.to_thread(venue.start, "--sign-every", 4)
    await lend(venue, market)
    answer = await fetch(venue, MARKS, "bank")
    seq = int(answer.headers["As-Of-Seq"])
    served = await fetch(venue, "/v1/collateral/extract", "bank")
    assert (await fetch(venue, "/v1/collateral/extract", "trader")).status == 403
    public_key = genesis_key(await asyncio.to_thread(frames_of, venue))
    extract, told = tmp_path / "extract", tmp_path / "marks.json"
    extract.write_bytes(served.body)
    asked = ("marks", "recompute", "--as-of-seq", seq, "--check", told, "--log", extract)

    told.write_bytes(answer.body)
    done = await asyncio.to_thread(elsewhere, *asked, "--public-key", public_key)
    assert (done.returncode, done.stdout) == (0, answer.body), done
    told.write_bytes(answer.body.replace(b'"pledge_id":1', b'"pledge_id":9'))
    differs = await asyncio.to_thread(elsewhere, *asked)
    assert (differs.returncode, b"is not what record" in differs.stderr) == (1, True)
    own = await asyncio.to_thread(elsewhere, *asked[:4], "--log", extract, "--bank", "bank")
    assert (own.returncode, own.stdout) == (0, answer.body), own
    strange = await asyncio.to_thread(elsewhere, *asked[:4], "--log", extract, "--bank", "trader")
    assert (strange.returncode, strange.stdout) == (2, b"")
    said = "extract_of_another_bank: the extract is of 'bank', account {}, and --bank asks for"
    assert said.format(ACCOUNT_IDS["bank"]).encode() in strange.stderr
    assert b"'trader'" in strange.stderr
    unproved = await asyncio.to_thread(elsewhere, *asked, "--public-key", "00" * 32)
    assert (unproved.returncode, b"extract_unproved" in unproved.stderr) == (2, True)

    lines = served.body.splitlines()
    formats = [msgspec.json.decode(line)["format"] for line in lines]
    assert formats[0] == EXTRACT_FORMAT
    assert set(formats[1:-1]) == {RECORD_FORMAT, HEADER_FORMAT, SIGNED_FORMAT, FACTS_FORMAT}
    assert formats[-1] == END_FORMAT
    counts = formats.count(RECORD_FORMAT), formats.count(FACTS_FORMAT)
    assert stranger_says(tmp_path, extract, public_key) == (
        0,
        "proved: {} whole records; stated: facts of {} others\n".format(*counts),
    )
    assert stranger_says(tmp_path, extract, "00" * 32)[0] == 1
    assert b"place_order".hex().encode() not in served.body, "nobody's orders"
