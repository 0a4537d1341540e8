"""The chain: whatever is missing, doubled, swapped, foreign or cut is found."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.log import (
    ChainVerifier,
    FrameDamaged,
    LogName,
    LogWentBack,
    Witness,
    WitnessFile,
    compare,
    encode_barrier,
    encode_records,
    errors,
)

from .conftest import NAME, barrier, records


def chain(name=NAME):
    """Barrier, two frames, barrier, two frames; as (entry id, bytes) with the last head."""
    head, entries = name.genesis, []
    for count in (0, 2, 1, 0, 3, 1):
        frame = (
            encode_records(name, head, 7, records(count, head.seq))
            if count
            else encode_barrier(name, head, 7, barrier())
        )
        head = msgspec.structs.replace(frame.head, committed_seq=frame.head.seq)
        entries.append((head.entry_id, frame.data))
    return entries, head


def read(entries, **options):
    """Feeds a verifier with all entries."""
    verifier = ChainVerifier(options.pop("name", NAME), **options)
    for entry in entries:
        verifier.check(*entry)
    return verifier


def test_a_whole_chain_is_accepted_and_its_ids_grow():
    entries, head = chain()
    verifier = read(entries)
    assert [entry_id for entry_id, _ in entries] == ["1-0", "1-2", "1-3", "2-3", "2-6", "2-7"]
    assert verifier.head.header_hash == head.header_hash
    assert verifier.frame_count == 6


@given(st.data())
def test_any_removal_swap_or_doubling_is_found(data):
    entries, _ = chain()
    places = st.integers(0, len(entries) - 1)
    changed, first, second = list(entries), data.draw(places), data.draw(places)
    match data.draw(st.sampled_from(["remove", "swap", "double"])):
        case "remove":
            del changed[first]
        case "swap":
            changed[first], changed[second] = changed[second], changed[first]
        case "double":
            changed.insert(second, changed[first])
    if changed in (entries, entries[:-1]):
        return
    with pytest.raises(FrameDamaged):
        read(changed)


def test_an_entry_under_another_id_is_found():
    entries, _ = chain()
    for wrong_id in ("1-3", "2-2", "1-02"):
        with pytest.raises(errors.WrongEntryId):
            read([entries[0], (wrong_id, entries[1][1])])


def test_a_missing_frame_is_a_gap_and_a_missing_barrier_an_unopened_epoch():
    entries, _ = chain()
    with pytest.raises(errors.SeqGap) as caught:
        read([entries[0], entries[2]])
    assert (caught.value.found, caught.value.wanted) == (3, 1)
    with pytest.raises(errors.BarrierMissing):
        read([*entries[:3], entries[4]])


def test_a_stale_leader_is_found():
    entries, head = chain()
    stale = msgspec.structs.replace(head, epoch=1)
    late = encode_records(NAME, stale, 7, records(1))
    with pytest.raises(errors.EpochWentBack):
        read([*entries, (late.head.entry_id, late.data)])


def test_a_frame_of_another_history_breaks_the_chain():
    entries, head = chain()
    other = msgspec.structs.replace(head, header_hash=b"\1" * 32)
    late = encode_records(NAME, other, 7, records(1))
    with pytest.raises(errors.ChainBroken):
        read([*entries, (late.head.entry_id, late.data)])


@pytest.mark.parametrize("committed_seq", [6, 8])
def test_committed_seq_neither_goes_back_nor_runs_ahead(committed_seq):
    entries, head = chain()
    frame = encode_records(
        NAME, msgspec.structs.replace(head, committed_seq=7), 7, records(1, head.seq)
    )
    verifier = read([*entries, (frame.head.entry_id, frame.data)])
    wrong = msgspec.structs.replace(verifier.head, committed_seq=committed_seq)
    late = encode_records(NAME, wrong, 7, records(1))
    if committed_seq == 8:
        assert verifier.check(late.head.entry_id, late.data)
        late = encode_records(NAME, msgspec.structs.replace(late.head, committed_seq=10), 7, [b"1"])
    with pytest.raises(errors.BadCommittedSeq):
        verifier.check(late.head.entry_id, late.data)


def test_another_venue_and_another_shard_are_told_apart():
    entries, _ = chain()
    with pytest.raises(errors.WrongVenue, match="found 'test-venue', wanted 'other'"):
        read(entries, name=LogName("other"))
    with pytest.raises(errors.WrongShard, match=r"found 'main', wanted 'other'.*--data"):
        read(entries, name=LogName("test-venue", "other"))


def test_reading_can_begin_after_a_head():
    entries, _ = chain()
    start = read(entries[:3]).head
    assert read(entries[3:], start=start).head == read(entries).head


@pytest.mark.parametrize("length", range(1, 7))
def test_a_log_cut_between_entries_verifies_but_not_before_its_witness(length):
    entries, head = chain()
    witness = Witness("test-venue", "main", head.epoch, head.seq, head.header_hash.hex())
    verifier = read(entries[:length], remember=witness.position)
    if length == len(entries):
        compare(witness, verifier)
    else:
        with pytest.raises(LogWentBack, match="missing"):
            compare(witness, verifier)


def test_a_witness_of_another_history_is_refused():
    entries, head = chain()
    witness = Witness("test-venue", "main", head.epoch, head.seq, "00" * 32)
    with pytest.raises(LogWentBack, match="another history"):
        compare(witness, read(entries, remember=witness.position))


def test_a_witness_file_gives_back_what_was_written(tmp_path):
    _, head = chain()
    file = WitnessFile(tmp_path / "witness", NAME)
    assert file.read() is None
    file.write(head)
    witness = file.read()
    assert witness is not None
    assert (witness.position, witness.header_hash) == (head.position, head.header_hash.hex())
    assert [path.name for path in tmp_path.iterdir()] == ["witness"]


def test_a_witness_that_is_garbage_or_foreign_is_refused(tmp_path):
    file = WitnessFile(tmp_path / "witness", NAME)
    WitnessFile(file.path, LogName("other")).write(NAME.genesis)
    with pytest.raises(errors.WitnessUnusable, match="other/main"):
        file.read()
    file.path.write_bytes(b"{")
    with pytest.raises(errors.WitnessUnusable, match="not a witness"):
        file.read()
