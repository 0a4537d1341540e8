"""Frames: what goes in comes out, and nothing else is ever taken for a frame."""

import hashlib
import struct
from zlib import crc32

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.log import (
    FRAME_LIMIT_BYTES,
    FrameDamaged,
    LogError,
    LogName,
    decode_frame,
    encode_barrier,
    encode_records,
    errors,
    merkle_proof,
    merkle_root,
    proves,
)
from exchange.log.frame import HEADER_BYTES

from .conftest import NAME, barrier, record, records


@given(st.lists(st.lists(st.integers() | st.text() | st.binary(), max_size=3), min_size=1))
def test_records_come_back_byte_for_byte(values):
    encoded = [msgspec.msgpack.encode([value, []], enc_hook=str) for value in _bounded(values)]
    frame = decode_frame(encode_records(NAME, NAME.genesis, 7, encoded).data)
    assert frame.records == encoded
    assert frame.header.record_count == len(encoded)
    assert frame.barrier is None


@pytest.mark.parametrize("count", [1, 15, 16, 17, 65_535, 65_536])
def test_every_form_of_the_array_header_round_trips(count):
    frame = encode_records(NAME, NAME.genesis, 7, [b"\x92\x01\x90"] * count)
    assert decode_frame(frame.data).records == [b"\x92\x01\x90"] * count


def test_a_decoded_frame_has_the_head_that_its_writer_foretold():
    written = encode_records(NAME, NAME.genesis, 7, records(3))
    frame = decode_frame(written.data)
    assert frame.head == written.head
    assert frame.head.header_hash == hashlib.sha256(written.data[:HEADER_BYTES]).digest()
    assert (frame.header.first_seq, frame.header.last_seq) == (1, 3)


def test_a_barrier_opens_the_next_epoch_and_keeps_the_seq():
    leader = barrier()
    written = encode_barrier(NAME, NAME.genesis, 7, leader)
    frame = decode_frame(written.data)
    assert frame.barrier == leader
    assert written.head.entry_id == frame.header.entry_id == "1-0"


def test_the_layout_is_pinned():
    """Stored logs are read by these offsets for ever."""
    data = encode_records(NAME, NAME.genesis, -5, [b"\x92\x01\x90"]).data
    assert data[:6] == b"CXLF\x00\x01"
    assert data[6:38] == b"test-venue".ljust(16, b"\0") + b"main".ljust(16, b"\0")
    assert struct.unpack(">IQIQq", data[38:70]) == (0, 1, 1, 0, -5)
    assert data[70:102] == hashlib.sha256(b"test-venue".ljust(16, b"\0")).digest()
    assert data[102:134] == hashlib.sha256(b"\x00\x92\x01\x90").digest()
    assert struct.unpack(">II", data[134:142]) == (4, crc32(data[:138] + data[142:]))
    assert data[142:] == b"\x91\x92\x01\x90"


@pytest.mark.parametrize("is_barrier", [False, True])
def test_every_flipped_bit_is_found(is_barrier):
    frame = encode_records(NAME, NAME.genesis, 7, records(2))
    if is_barrier:
        frame = encode_barrier(NAME, NAME.genesis, 7, barrier())
    for offset in range(len(frame.data)):
        for bit in range(8):
            damaged = bytearray(frame.data)
            damaged[offset] ^= 1 << bit
            with pytest.raises(FrameDamaged):
                decode_frame(bytes(damaged))


def test_every_shortened_or_lengthened_frame_is_found():
    data = encode_records(NAME, NAME.genesis, 7, records(2)).data
    for length in range(len(data)):
        with pytest.raises(errors.BadLength):
            decode_frame(data[:length])
    with pytest.raises(errors.BadLength):
        decode_frame(data + b"\0")


def test_each_kind_of_damage_has_its_own_error():
    data = encode_records(NAME, NAME.genesis, 7, records(2)).data
    with pytest.raises(errors.BadMagic):
        decode_frame(b"X" + data[1:])
    with pytest.raises(errors.UnknownFrameVersion):
        decode_frame(data[:5] + b"\x02" + data[6:])
    with pytest.raises(errors.BadCrc) as caught:
        decode_frame(data[:-1] + b"!", "1-2")
    assert (caught.value.entry_id, caught.value.seq) == ("1-2", 1)
    assert "1-2" in str(caught.value)


def test_a_forger_who_repairs_the_crc_meets_the_root():
    data = encode_records(NAME, NAME.genesis, 7, records(2)).data
    with pytest.raises(errors.BadRoot):
        decode_frame(_sealed(data[:-1] + b"!"))


def test_a_longer_array_header_is_not_the_same_frame():
    data = encode_records(NAME, NAME.genesis, 7, [b"\x92\x01\x90"]).data
    longer = data[:134] + struct.pack(">I", 6) + data[138:142] + b"\xdc\x00\x01" + data[143:]
    with pytest.raises(errors.BadBody):
        decode_frame(_sealed(longer))


def test_a_record_that_is_not_one_value_is_never_written():
    with pytest.raises(AssertionError):
        encode_records(NAME, NAME.genesis, 7, [record(1) + record(2)])


def test_the_largest_frame_fits_and_one_byte_more_does_not():
    overhead = HEADER_BYTES + 1 + 1 + 5 + 1
    largest = b"\x92" + msgspec.msgpack.encode(b"x" * (FRAME_LIMIT_BYTES - overhead)) + b"\x90"
    assert len(encode_records(NAME, NAME.genesis, 7, [largest]).data) == FRAME_LIMIT_BYTES
    larger = b"\x92" + msgspec.msgpack.encode(b"x" * (FRAME_LIMIT_BYTES - overhead + 1)) + b"\x90"
    with pytest.raises(errors.FrameTooLarge):
        encode_records(NAME, NAME.genesis, 7, [larger])


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 256, 257, 300])
def test_each_record_can_be_proved_alone(count):
    batch = records(count)
    root = merkle_root(batch)
    for index in {0, count // 2, count - 1}:
        steps = merkle_proof(batch, index)
        assert proves(batch[index], steps, root)
        assert not proves(record(count + 1), steps, root)


@pytest.mark.parametrize("venue_id", ["", "x" * 17, "a b", "a\0", "é"])
def test_a_name_that_does_not_fit_is_refused(venue_id):
    with pytest.raises(ValueError, match="venue_id"):
        LogName(venue_id)


def test_codes_and_exit_codes_are_distinct():
    kinds = _kinds(LogError)
    assert len({kind.code for kind in kinds}) == len(kinds)
    assert len({kind.exit_code for kind in kinds}) == len(kinds)
    for kind in kinds:
        assert f"{kind.exit_code} | {kind.__name__}" in errors.__doc__


def _kinds(base):
    """All error classes but the bases."""
    found = [] if base in (LogError, FrameDamaged, errors.FrameForeign) else [base]
    return found + [kind for child in base.__subclasses__() for kind in _kinds(child)]


def _bounded(values):
    """msgpack knows integers of 64 bits; larger ones are taken as text."""
    return [
        [str(v) if isinstance(v, int) and not -(2**63) <= v < 2**64 else v for v in value]
        for value in values
    ]


def _sealed(data: bytes) -> bytes:
    crc = crc32(data[142:], crc32(data[:138]))
    return data[:138] + struct.pack(">I", crc) + data[142:]
