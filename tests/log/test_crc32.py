"""Our CRC-32 is zlib's."""

import random
import zlib

import pytest

from exchange.log.crc32 import crc32


def test_it_is_zlibs_at_every_length_and_from_every_beginning():
    chance = random.Random(20261122)
    for size in (*range(1_000), 99_763, 1 << 20):
        data, begun = chance.randbytes(size), chance.getrandbits(32)
        assert crc32(data) == zlib.crc32(data), size
        assert crc32(memoryview(data), begun) == zlib.crc32(data, begun), size


@pytest.mark.parametrize("filling", [b"\0", b"\xff"])
def test_it_is_zlibs_where_all_bits_are_the_same(filling):
    for size in range(200, 600):
        for begun in (0, 1, 0xFFFFFFFF):
            assert crc32(filling * size, begun) == zlib.crc32(filling * size, begun), size


def test_it_goes_on_where_another_one_ended():
    data = random.Random(7).randbytes(3_000)
    for cut in range(len(data)):
        assert crc32(data[cut:], crc32(data[:cut])) == zlib.crc32(data)


def test_text_and_what_does_not_lie_in_one_piece_are_refused():
    with pytest.raises(TypeError):
        crc32("text")
    with pytest.raises(BufferError):
        crc32(memoryview(bytes(1_000))[::2])
