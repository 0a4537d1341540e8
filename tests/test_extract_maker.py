"""An extract is made frame by frame: in proportion to the log, nothing kept, all of it proved."""

import pickle
import sys
import tracemalloc
from collections import Counter, deque

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import exchange.history
from clients.check_extract import check
from clients.check_proof import FAILURES
from exchange.app import barrier
from exchange.domain.events import ClockAdvanced, Event, IndexPricePublished, PledgeReleased
from exchange.domain.lending_events import PledgesMarked
from exchange.domain.record import encode_event, join_record
from exchange.extract import records_in
from exchange.extract_maker import ExtractMaker, extract_lines
from exchange.history import ExtractPart, LogHistory, Past
from exchange.log import (
    EpochBarrier,
    HeadSigner,
    LogName,
    LogSettings,
    SignedHeads,
    decode_frame,
    encode_barrier,
    encode_records,
    open_log,
)
from exchange.log.errors import ProofImpossible

NAME = LogName("test")
SIGNER = HeadSigner(NAME, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
KEY = SIGNER.public_key
OPENED = EpochBarrier("node", bytes(16), "build", bytes(32), 1)
BANK = 6


def record(event) -> bytes:
    """One event that no command of importance caused."""
    return join_record(b"\xc0", 1, encode_event(event))


def told(number: int) -> bytes:
    """What everybody may know."""
    event = IndexPricePublished(
        gpu_class="A100",
        region="SG1",
        index_micro=1,
        usd_micro=1,
        usd_cny_ppm=1,
        observed_day=number,
        source="s",
        row_count=1,
        file_sha256=bytes(32),
    )
    return record(event)


def untold(number: int) -> bytes:
    """What is nobody's business."""
    return record(released(10**6 + number))


def frames_of(count: int, records_count: int = 2):
    """A log of so many frames, each with a public record and others."""
    encoded = encode_barrier(NAME, NAME.genesis, 0, OPENED)
    yield decode_frame(encoded.data)
    for number in range(count):
        batch = [told(number), *(untold(number) for _ in range(records_count - 1))]
        encoded = encode_records(NAME, encoded.head, number, batch)
        yield decode_frame(encoded.data)


def signed(frames, *places: int):
    """The heads of the frames at these places."""
    frames = list(frames)
    return [SIGNER.sign(frames[place].head, lambda: 7) for place in places]


def maker(last_seq: int) -> ExtractMaker:
    """For the bank."""
    return ExtractMaker("bank", BANK, last_seq)


def extract(frames, heads, last_seq: int = 10**9) -> list[bytes]:
    """All lines."""
    return list(extract_lines(frames, heads, maker(last_seq)))


def formats(lines) -> Counter[str]:
    """How many lines there are of each format."""
    return Counter(msgspec.json.decode(line)["format"] for line in lines)


def test_what_is_told_grows_with_the_frames_between_two_heads_and_not_with_their_square():
    sizes = {}
    for count in (100, 200, 400):
        lines = extract(frames_of(count), signed(frames_of(count), -1))
        kinds = formats(lines)
        assert (kinds["gx-record-1"], kinds["gx-header-1"]) == (count, count)
        assert kinds["gx-signed-1"] == 1
        sizes[count] = sum(map(len, lines))
    assert sizes[400] - sizes[200] == pytest.approx(2 * (sizes[200] - sizes[100]), rel=0.02)


def test_a_frames_tree_is_hashed_once_for_all_its_records():
    encoded = encode_records(NAME, NAME.genesis, 0, [told(number) for number in range(300)])
    frame, head = decode_frame(encoded.data), SIGNER.sign(encoded.head, lambda: 7)
    levels: Counter[str] = Counter()

    def note(frame_of_python, kind, _returned):
        if kind == "call":
            levels[frame_of_python.f_code.co_name] += 1

    sys.setprofile(note)
    try:
        lines = extract([frame], [head])
    finally:
        sys.setprofile(None)
    assert levels["merkle_levels"] == 1
    assert check(lines, KEY) == (300, 0)


def test_nothing_of_a_frame_is_kept_however_far_the_next_head_is():
    def peak_bytes(count: int) -> int:
        heads = signed(frames_of(count), -1)
        tracemalloc.start()
        for _ in extract_lines(frames_of(count), heads, maker(10**9)):
            pass
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    peak_bytes(10)
    assert peak_bytes(2_000) < 1.5 * peak_bytes(200)


def test_all_that_is_told_whole_is_proved_and_what_no_head_stands_for_is_stated():
    frames = list(frames_of(30))
    lines = extract(frames, signed(frames, 7, 8, 20))
    assert check(lines, KEY) == (20, 10)
    head, records = records_in(lines)
    assert (head.bank, head.bank_account_id, head.venue_id) == ("bank", BANK, "test")
    assert [each.seq for each in records] == list(range(1, 60, 2))
    assert check(extract(frames, []), KEY) == (0, 30)


@pytest.mark.parametrize("last_seq", [1, 2, 9, 10, 11, 40])
def test_it_ends_at_the_record_asked_for_and_the_proof_of_that_goes_on(last_seq):
    frames = list(frames_of(30))
    lines = extract(frames, signed(frames, 7, 20, 30), last_seq)
    records = list(records_in(lines)[1])
    assert [each.seq for each in records] == list(range(1, last_seq + 1, 2))
    assert check(lines, KEY) == (len(records), 0)


def test_headers_are_told_only_where_records_wait_for_a_head():
    frames = list(frames_of(5))
    after = frames[-1].head
    for number in range(40):
        encoded = encode_records(NAME, after, 0, [untold(number)])
        after = encoded.head
        frames.append(decode_frame(encoded.data))
    assert formats(extract(frames, signed(frames, 5, 45)))["gx-header-1"] == 5


def test_any_change_of_a_proved_line_is_found():
    frames = list(frames_of(4, 20))
    lines = extract(frames, signed(frames, 2, 4))
    assert check(lines, KEY) == (4, 0)
    for number, line in enumerate(lines):
        row = msgspec.json.decode(line)
        kind = row["format"]
        changes = []
        if kind == "gx-record-1":
            changes = [row | {"seq": row["seq"] + 1}, row | {"record": "c1" + row["record"][2:]}]
            changes.append(row | {"siblings": row["siblings"][1:]})
        elif kind == "gx-header-1":
            flipped = row["header"][:-1] + f"{int(row['header'][-1], 16) ^ 1:x}"
            changes = [row | {"header": flipped}, row | {"header": "00"}]
        elif kind == "gx-signed-1":
            head = row["signed_head"]
            changes = [row | {"signed_head": head | {"at_ns": 8}}]
            changes.append(row | {"signed_head": head | {"venue_id": "other"}})
        if kind == "gx-header-1":
            changes.append({"format": "gx-facts-1"})
        for change in changes:
            changed = [*lines[:number], msgspec.json.encode(change), *lines[number + 1 :]]
            with pytest.raises(FAILURES):
                pytest.fail(f"line {number} as {change} passed: {check(changed, KEY)}")
    with pytest.raises(ValueError, match="is not signed with this key"):
        check(lines, bytes(32))


def test_a_maker_goes_on_in_another_process_where_it_stood():
    frames = list(frames_of(30))
    left, going, lines = deque(signed(frames, 7, 20)), maker(10**9), []
    for frame in frames:
        lines += going.lines_of(frame, left)
        going = pickle.loads(pickle.dumps(going))
    lines += going.end()
    assert lines == extract(frames, signed(frames, 7, 20))


async def test_an_extract_of_a_served_log_comes_in_parts_that_are_the_whole(tmp_path, monkeypatch):
    settings = LogSettings(data_dir=tmp_path / "data", name=NAME)
    signed_heads = SignedHeads(tmp_path / "heads.ndjson", NAME)
    async with open_log(settings) as event_log:
        async for _ in event_log.frames():
            pass
        appender = await event_log.take_over(barrier(), is_genesis=True)
        for number in range(20):
            head = await appender.append([told(number), untold(number)])
            if number in (4, 11, 19):
                signed_heads.append(SIGNER.sign(head, lambda: 7))
        history = LogHistory(event_log, settings, signed_heads)
        try:
            served = [part async for part in history.extract("bank", BANK, 40)]
        finally:
            history.close()
        whole = b"".join(served).splitlines()
        assert check(whole, KEY) == (20, 0)
        assert len(list(records_in(whole)[1])) == 20
        monkeypatch.setattr(exchange.history, "PART_FRAMES_COUNT", 3)
        past, part, found = Past(settings), ExtractPart(maker(40), NAME.genesis), []
        while not part.maker.is_over:
            part = past.extract(part, signed_heads.page(part.after.seq, 5))
            found.append(part.lines)
        assert len(found) > 5
        assert b"".join(found) == b"".join(served)


def marking(looked_at_count: int, *marks: Event) -> bytes:
    """A record of a cycle."""
    progress = PledgesMarked(marked_count=0, is_complete=False, looked_at_count=looked_at_count)
    events = [*marks, progress]
    return join_record(b"\xc0", len(events), b"".join(map(encode_event, events)))


def released(pledge_id: int) -> PledgeReleased:
    """An event of a pledge."""
    return PledgeReleased(pledge_id=pledge_id, released_qty=1)


def test_how_many_pledges_other_banks_have_is_not_told():
    going = maker(10**9)
    going.own["pledge_id"].add(7)
    records = [marking(0), marking(9), marking(3, released(8)), marking(2, released(7)), told(1)]
    encoded = encode_records(NAME, NAME.genesis, 0, records)
    frame, head = decode_frame(encoded.data), SIGNER.sign(encoded.head, lambda: 7)
    for heads in ([head], []):
        lines = list(extract_lines([frame], heads, pickle.loads(pickle.dumps(going))))
        assert [record.seq for record in records_in(lines)[1]] == [1, 4, 5]
    assert check(list(extract_lines([frame], [head], going)), KEY) == (3, 0)


def test_the_market_time_of_what_is_told_is_told_and_no_other():
    records = [record(ClockAdvanced(market_ns=at)) for at in (1, 2)]
    records += [told(1), record(ClockAdvanced(market_ns=3)), untold(1), told(2), records[0]]
    encoded = encode_records(NAME, NAME.genesis, 0, records)
    frame, head = decode_frame(encoded.data), SIGNER.sign(encoded.head, lambda: 7)
    for heads in ([head], []):
        found = list(records_in(extract([frame], heads))[1])
        assert [each.seq for each in found] == [2, 3, 4, 6]
        times = [e.market_ns for each in found for e in each.events if isinstance(e, ClockAdvanced)]
        assert times == [2, 3]


def test_a_head_over_another_log_is_no_proof():
    frames = list(frames_of(5))
    (head,) = signed(frames, -1)
    wrong = msgspec.structs.replace(head, header_hash="00" * 32)
    with pytest.raises(ProofImpossible, match="log_proof_impossible"):
        extract(frames, [wrong])
