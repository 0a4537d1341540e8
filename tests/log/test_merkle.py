"""Both ways of hashing records are one function."""

import random

import pytest

from exchange.log.merkle import hashes_by_hashlib
from exchange.log.sha256_each import IS_SUPPORTED, sha256_each

needs_instructions = pytest.mark.skipif(
    not IS_SUPPORTED, reason="this processor has no instructions for SHA-256"
)


@needs_instructions
def test_the_processors_hash_is_hashlibs_at_every_length_around_the_blocks():
    chance = random.Random(20261122)
    for size in range(5 * 64):
        for prefix in (0, 1, 255):
            messages = [chance.randbytes(size), chance.randbytes(size)]
            assert sha256_each(prefix, messages) == hashes_by_hashlib(prefix, messages), size


@needs_instructions
def test_a_record_of_megabytes_is_hashed_as_well():
    messages = [bytes(range(256)) * (1 << 14), b"", b"short"]
    assert sha256_each(0, messages) == hashes_by_hashlib(0, messages)
