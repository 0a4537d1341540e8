"""What a supplier delivered is in a bank's extract: from it alone each mark's uptime comes out."""

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from exchange import genesis
from exchange.collateral.pledge_marks import figures_of, priced, sources_of
from exchange.domain.delivery_commands import SuspendSupplier, TerminateSupplier
from exchange.domain.delivery_events import (
    DeliveryAttested,
    DeliveryFinalized,
    DeliveryRuled,
    DeliveryStarted,
    ReadingsRecorded,
    RulingProposed,
    SupplierTerminated,
)
from exchange.domain.events import Event
from exchange.domain.lending_commands import MarkPledges
from exchange.domain.lending_events import PledgeMarked, PledgesMarked
from exchange.domain.meter_readings import HourRuling
from exchange.domain.record import encode_event, events_of
from exchange.domain.units import PPM_WHOLE
from exchange.domain.windows import start_ns
from exchange.extract import ExtractUnreadable, records_in
from exchange.extract_maker import ExtractMaker, extract_lines
from exchange.extract_proofs import read_extract
from exchange.log import HeadSigner, LogName, decode_frame, encode_records
from exchange.marks_replay import MarkDiffers, MarksReplay
from exchange.rules.delivery import dispute_due_ns
from tests.projections.test_collateral_marks import records_of, replayed
from tests.rules.deliveries import attest, countersign, dispute, readings, report, rule
from tests.rules.markets import span
from tests.rules.pledge_marks import MarkedMarket
from tests.scenario import AUDITOR, BANK, SUPPLIER, TRADER

SIGNER = HeadSigner(LogName("test"), Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
KEY = SIGNER.public_key.hex()
FIRST = span("M2701")["start_day"]
CONTRACTED_QTY = 100


@pytest.fixture(scope="module")
def market() -> MarkedMarket:
    """
    March is pledged, and days of January are delivered.

    The first has 18 hours read, the second none and an auditor's finding; a cycle marks them while
    they wait, when they are attested and found, and when they are final.
    """
    market = MarkedMarket()
    market.pledge("M2703")
    market.advance(start_ns(FIRST + 1))
    market.do(SUPPLIER, readings([CONTRACTED_QTY] * 12 + [90] * 6, FIRST))
    market.advance(start_ns(FIRST + 2))
    market.do(SUPPLIER, report(FIRST + 1))
    market.do(TRADER, dispute(FIRST + 1))
    market.advance(dispute_due_ns(FIRST))
    market.drain()
    market.cycle()
    market.do(AUDITOR, attest(FIRST, [HourRuling(hour, 80) for hour in range(18, 24)]))
    mark_at_once(market)
    market.advance(dispute_due_ns(FIRST + 1))
    market.drain()
    market.cycle()
    market.do(AUDITOR, rule([50] * 24, FIRST + 1))
    market.cycle()
    market.do(2, countersign([50] * 24, FIRST + 1))
    mark_at_once(market)
    market.drain()
    market.tomorrow()
    market.cycle()
    return market


def mark_at_once(market: MarkedMarket) -> None:
    """A cycle before the clock does anything."""
    market.do(0, MarkPledges())
    market.do(0, MarkPledges())


def extract_of(market: MarkedMarket, *, is_signed: bool = True) -> list[bytes]:
    """The bank's, one frame a record; a head is signed over each ninth of them and the last."""
    name = LogName("test")
    frames, heads, after = [], [], name.genesis
    for number, record in enumerate(market.records, start=1):
        encoded = encode_records(name, after, number, [record])
        after = encoded.head
        frames.append(decode_frame(encoded.data))
        if is_signed and (number % 9 == 0 or number == len(market.records)):
            heads.append(SIGNER.sign(after, lambda: 7))
    return list(extract_lines(frames, heads, ExtractMaker("bank", BANK, len(frames))))


def replay_of(lines: list[bytes]) -> MarksReplay:
    """What a bank computes from it."""
    return replayed(records_in(lines)[1])


def marked_seqs(market: MarkedMarket) -> list[int]:
    """The records with marks."""
    return [
        record.seq
        for record in records_of(market)
        if any(isinstance(event, PledgeMarked) for event in record.events)
    ]


def changed(lines: list[bytes], kind: type, number: int = 0, **fields: object) -> list[bytes]:
    """The lines with the events of the n-th line that tells of that kind changed, and stated."""
    found = list(lines)
    at = [n for n, line in enumerate(lines) if encoded_tag(kind) in line][number]
    row = msgspec.json.decode(lines[at])
    whole = row.get("record")
    events = events_of(bytes.fromhex(whole)) if whole else decoded(row["events"])
    events = [replace(each, **fields) if isinstance(each, kind) else each for each in events]
    facts = {"format": "gx-facts-1", "seq": row["seq"]}
    stated = [encode_event(event).hex() for event in events]
    found[at] = msgspec.json.encode(facts | {"events": stated, "trades": row.get("trades", [])})
    return found


def encoded_tag(kind: type) -> bytes:
    """How a line has the name of a kind of event."""
    return str(kind.__struct_config__.tag).encode().hex().encode()


def decoded(events: list[str]) -> list:
    """Events of a line of facts."""
    whole = b"\x92\xc0" + bytes([0x90 + len(events)]) + bytes.fromhex("".join(events))
    return events_of(whole)


@pytest.mark.parametrize("is_signed", [True, False])
def test_uptime_comes_out_of_an_extract_as_it_stands_in_the_marks(market, is_signed):
    marks = [mark for record in records_of(market) for mark in record.events]
    seen = [(m.uptime_ppm, m.unknown_hours) for m in marks if isinstance(m, PledgeMarked)]
    assert {unknown for _, unknown in seen} == {0, 600, 2_400}, "the test marks what it says"
    lines = extract_of(market, is_signed=is_signed)
    replay, whole = replay_of(lines), replayed(records_of(market))
    for seq in marked_seqs(market):
        assert replay.answer(seq, BANK) == whole.answer(seq, BANK)


def test_an_extract_says_when_a_supplier_was_ended():
    market = MarkedMarket()
    market.pledge("M2703")
    market.do(1, SuspendSupplier(supplier_account_id=SUPPLIER))
    market.do(1, TerminateSupplier(supplier_account_id=SUPPLIER))
    mark_at_once(market)
    lines, seq = extract_of(market), len(market.records)
    assert replay_of(lines).answer(seq, BANK) == replayed(records_of(market)).answer(seq, BANK)
    silent = [line for line in lines if encoded_tag(SupplierTerminated) not in line]
    silent[-1] = msgspec.json.encode({"format": "gx-end-1", "lines_count": len(silent) - 1})
    with pytest.raises(MarkDiffers, match=f"uptime_ppm is recorded as 0 .* {PPM_WHOLE}"):
        replay_of(silent).answer(seq, BANK)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (DeliveryStarted, {"contracted_qty": 99}),
        (DeliveryFinalized, {"undelivered_hours": 0}),
        (ReadingsRecorded, {"readings": []}),
        (DeliveryAttested, {"rulings": []}),
        (RulingProposed, {"available_qtys": [51] * 24}),
    ],
)
def test_another_figure_of_what_was_delivered_makes_another_uptime(market, kind, fields):
    replay = replay_of(changed(extract_of(market), kind, **fields))
    with pytest.raises(MarkDiffers, match=r"(uptime_ppm|unknown_hours) is recorded as"):
        [replay.answer(seq, BANK) for seq in marked_seqs(market)]


def test_a_day_whose_beginning_was_left_out_is_named(market):
    lines = changed(extract_of(market), DeliveryStarted, day=1)
    with pytest.raises(MarkDiffers, match="follows from a record that was left out"):
        replay_of(lines)


def test_a_mark_with_other_unknown_hours_is_named(market):
    records = records_of(market)
    at = next(n for n, r in enumerate(records) if any(_unknown_hours(e) for e in r.events))
    mark = next(e for e in records[at].events if _unknown_hours(e))
    figures = replace(figures_of(mark), unknown_hours=0)
    lying = priced(figures, sources_of(mark), genesis.risk_parameters())
    records[at] = replace(
        records[at], events=[lying if e == mark else e for e in records[at].events]
    )
    with pytest.raises(MarkDiffers, match="unknown_hours is recorded as 0 and comes out as 600"):
        replayed(records).answer(records[at].seq, BANK)


def test_readings_and_cycles_are_proved_and_do_not_pass_as_facts(market, tmp_path):
    lines, file = extract_of(market), tmp_path / "extract"

    def read(changes: list[bytes]):
        file.write_bytes(b"\n".join(line.rstrip() for line in changes))
        return list(read_extract(file, "bank", len(market.records), KEY).records)

    read(lines)
    for kind in (ReadingsRecorded, DeliveryAttested, RulingProposed, DeliveryRuled, PledgesMarked):
        with pytest.raises(ExtractUnreadable, match="its proof was taken away"):
            read(changed(lines, kind))
    at = next(n for n, line in enumerate(lines) if encoded_tag(ReadingsRecorded) in line)
    row = msgspec.json.decode(lines[at])
    ninety, hundred = b"\x5a", b"\x64"
    row["record"] = bytes.fromhex(row["record"]).replace(ninety, hundred).hex()
    with pytest.raises(ExtractUnreadable, match="another record"):
        read([*lines[:at], msgspec.json.encode(row), *lines[at + 1 :]])


def _unknown_hours(event: Event) -> int:
    return event.unknown_hours if isinstance(event, PledgeMarked) else 0
