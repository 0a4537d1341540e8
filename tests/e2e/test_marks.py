"""A bank's marks: pulled, then computed again from the log, the archive and its own extract."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from clients.sdk import ExchangeClient
from exchange import genesis
from exchange.collateral.pledge_marks import figures_of, priced, sources_of
from exchange.domain.events import Event
from exchange.domain.lending_events import PledgeMarked
from exchange.domain.record import encode_event, events_of
from exchange.extract import (
    END_FORMAT,
    EXTRACT_FORMAT,
    FACTS_FORMAT,
    HEADER_FORMAT,
    RECORD_FORMAT,
    SIGNED_FORMAT,
    ExtractEnd,
    Facts,
)
from tests.e2e.test_archive import snapshot_seq, trim
from tests.e2e.test_proof import frames_of, genesis_key

from .processes import VenueProcess, in_time, wait_until
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

    places = [place, tmp_path / "other place"]
    trimmed = await asyncio.to_thread(trim, venue, places, snapshot_seq(venue))
    assert trimmed.exit_code == 0, trimmed
    asked = (*asked, "--data", venue.data_dir)
    done = await asyncio.to_thread(elsewhere, *asked)
    assert (done.returncode, b"--archive" in done.stderr) == (61, True), done
    done = await asyncio.to_thread(elsewhere, *asked, "--archive", place)
    assert (done.returncode, done.stdout) == (0, answer.body), done


async def signed_up_to(venue: VenueProcess, seq: int) -> None:
    """Waits for a head that stands for the record."""
    asked = f"/v1/log/heads?from_seq={seq}"
    await asyncio.to_thread(
        wait_until, lambda: asyncio.run(fetch(venue, asked, "bank")).value, "a signed head"
    )


def stated(row: dict[str, Any], change: Callable[[Event], Event] = lambda event: event) -> bytes:
    """A whole record as facts, as one would write them who takes its proof away."""
    events = [
        encode_event(change(event)).hex() for event in events_of(bytes.fromhex(row["record"]))
    ]
    return msgspec.json.encode(Facts(format=FACTS_FORMAT, seq=row["seq"], events=events))


def flattered(event: Event) -> Event:
    """A mark that was priced from a better supplier's figures."""
    if not isinstance(event, PledgeMarked):
        return event
    better = msgspec.structs.replace(figures_of(event), uptime_ppm=1_000_000, pool_share_ppm=0)
    return priced(better, sources_of(event), genesis.risk_parameters())


@in_time
async def test_a_mark_without_its_proof_is_unproved_and_what_is_forged_is_refused(
    venue: VenueProcess, market: Market, tmp_path: Path
) -> None:
    await asyncio.to_thread(venue.start, "--sign-every", 4)
    await lend(venue, market)
    answer = await fetch(venue, MARKS, "bank")
    seq = int(answer.headers["As-Of-Seq"])
    await signed_up_to(venue, seq)
    lines = (await fetch(venue, "/v1/collateral/extract", "bank")).body.splitlines()
    public_key = genesis_key(await asyncio.to_thread(frames_of, venue))
    extract = tmp_path / "extract"
    asked = ("marks", "recompute", "--as-of-seq", seq, "--log", extract, "--public-key", public_key)

    async def recomputed(changes: dict[int, bytes], *flags: str) -> tuple[int, bytes, bytes]:
        """With lines in the place of others, or none where that is empty, and the right count."""
        left = [line for n, each in enumerate(lines[:-1]) if (line := changes.get(n, each))]
        end = msgspec.json.encode(ExtractEnd(format=END_FORMAT, lines_count=len(left)))
        extract.write_bytes(b"\n".join([*left, end]) + b"\n")
        done = await asyncio.to_thread(elsewhere, *asked, *flags)
        return done.returncode, done.stdout, done.stderr

    rows = {n: msgspec.json.decode(line) for n, line in enumerate(lines)}
    whole = {n: row for n, row in rows.items() if row["format"] == RECORD_FORMAT}
    marked = {row["seq"]: n for n, row in whole.items() if b"pledge_marked".hex() in row["record"]}
    mark, first = marked[msgspec.json.decode(answer.body)[0]["as_of_seq"]], min(whole)
    nodes = next(n for n, row in whole.items() if b"node_marked".hex() in row["record"])
    assert rows[first]["seq"] == 1, "genesis, with the parameters"

    code, found, said = await recomputed({})
    assert (code, found) == (0, answer.body), said
    assert b"0 of 2 marks rest on facts that no signature covers" in said
    for change in (stated(rows[mark]), stated(rows[mark], flattered)):
        code, found, said = await recomputed({mark: change})
        assert (code, found) == (9, b""), said
        assert b"marks_unproved: 1 of 2 marks rest on facts that no signature covers" in said
    code, found, said = await recomputed({mark: stated(rows[mark])}, "--accept-unproved", "--json")
    assert (code, msgspec.json.decode(found)["unproved_count"]) == (0, 1), said
    everything = {n: stated(row, flattered) for n, row in whole.items()}
    everything |= {n: b"" for n, row in rows.items() if row["format"] == SIGNED_FORMAT}
    everything |= {n: b"" for n, row in rows.items() if row["format"] == HEADER_FORMAT}
    code, _, said = await recomputed(everything)
    assert (code, b"2 of 2 marks rest on facts" in said) == (9, True), said
    for place in (nodes, first):
        code, _, said = await recomputed({place: stated(rows[place])})
        assert (code, b"its proof was taken away" in said) == (2, True), said
    changed = rows[mark]["record"]
    for event in events_of(bytes.fromhex(changed)):
        changed = changed.replace(encode_event(event).hex(), encode_event(flattered(event)).hex())
    code, _, said = await recomputed({mark: msgspec.json.encode(rows[mark] | {"record": changed})})
    assert (code, b"another record" in said) == (2, True), said
    header = next(n for n, row in rows.items() if row["format"] == HEADER_FORMAT)
    for place, expected in ((header, 2), (nodes, 9), (first, 1)):
        code, _, said = await recomputed({place: b""})
        assert (code, b"error: " in said) == (expected, True), said


@in_time
async def test_a_bank_computes_its_marks_from_its_extract_alone(
    venue: VenueProcess, market: Market, tmp_path: Path
) -> None:
    await asyncio.to_thread(venue.start, "--sign-every", 4)
    await lend(venue, market)
    answer = await fetch(venue, MARKS, "bank")
    seq = int(answer.headers["As-Of-Seq"])
    await signed_up_to(venue, seq)
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
