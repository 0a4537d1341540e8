"""Our walk over msgpack and a general decoder find the same values, and refuse the same bytes."""

import random

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exchange.log.msgpack_values import are_values, split_values

_SKIPPING = msgspec.msgpack.Decoder(list[msgspec.Raw])
_LONG = 1 << 16

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text()
    | st.binary()
    | st.builds(msgspec.msgpack.Ext, st.integers(-128, 127), st.binary(max_size=20)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(-9, 999), inner),
)
FIRST_BYTES = [bytes((first,)) for first in range(256)]


@given(st.lists(VALUES))
def test_values_are_split_where_they_were_joined(values):
    encoded = [msgspec.msgpack.encode(value) for value in values]
    assert are_values(encoded)
    assert split_values(b"\xdd???" + b"".join(encoded), 4) == encoded


@given(VALUES, st.data())
def test_a_value_that_is_cut_or_goes_on_is_none(value, data):
    encoded = msgspec.msgpack.encode(value)
    cut = data.draw(st.integers(0, len(encoded) - 1))
    assert not are_values([encoded[:cut]])
    assert not are_values([b"\x01", encoded + b"\x01"])
    if cut > 0:
        assert split_values(encoded[:cut], 0) != [encoded[:cut]]


@given(st.binary(min_size=1) | st.lists(st.sampled_from(FIRST_BYTES), min_size=1).map(b"".join))
@example(b"\xc1")
@example(b"\xdd\xff\xff\xff\xff")
@example(b"\xdf\xff\xff\xff\xff" * 9)
@example(b"\xc6\xff\xff\xff\xff")
def test_any_bytes_are_values_to_us_exactly_where_they_are_to_a_decoder(data):
    assert _ours(data) == _decoders(data)


@pytest.mark.parametrize("first", range(256))
def test_every_first_byte_is_read_as_a_decoder_reads_it_whatever_follows(first):
    chance = random.Random(first)
    for size in range(40):
        for filling in (bytes(size), b"\xff" * size, chance.randbytes(size)):
            data = bytes((first,)) + filling
            assert _ours(data) == _decoders(data), data


@pytest.mark.parametrize("size", [31, 32, 255, 256, _LONG - 1, _LONG])
@pytest.mark.parametrize("of_size", [str, bytes, list, dict, msgspec.msgpack.Ext])
def test_every_form_of_a_length_is_known(of_size, size):
    made = {
        str: lambda: "x" * size,
        bytes: lambda: bytes(size),
        list: lambda: [7] * size,
        dict: lambda: dict.fromkeys(range(size)),
        msgspec.msgpack.Ext: lambda: msgspec.msgpack.Ext(1, bytes(size)),
    }
    encoded = msgspec.msgpack.encode(made[of_size]())
    assert are_values([encoded])
    assert split_values(encoded + encoded, 0) == [encoded, encoded]
    assert not are_values([encoded[:-1]])


def test_depth_costs_nothing():
    deep = b"\x91" * 10_000_000
    assert are_values([deep + b"\x01"])
    assert not are_values([deep])


def test_the_end_of_the_data_is_the_only_place_to_end():
    assert split_values(b"\x01\x02", 2) == []
    assert not are_values([b""])
    assert are_values([])
    with pytest.raises(AssertionError, match="within"):
        split_values(b"\x01", 2)


def test_only_bytes_are_looked_into():
    with pytest.raises(TypeError):
        are_values(["\x01"])


def _ours(data: bytes) -> list[bytes] | None:
    return split_values(data, 0)


def _decoders(data: bytes) -> list[bytes] | None:
    """The values by trying: an array of 1, 2, … of them, each of which has a byte at least."""
    for count in range(1, len(data) + 1):
        try:
            found = _SKIPPING.decode(b"\xdd" + count.to_bytes(4, "big") + data)
        except msgspec.DecodeError:
            continue
        return [bytes(each) for each in found]
    return None
