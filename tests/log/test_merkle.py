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
def test_messages_side_by_side_do_not_mix_whatever_their_lengths():
    chance = random.Random(20261122)
    for _ in range(500):
        sizes = chance.choices(range(chance.choice((2, 70, 300))), k=chance.randrange(40))
        messages = [chance.randbytes(size) for size in sizes]
        assert sha256_each(1, messages) == hashes_by_hashlib(1, messages), sizes


@needs_instructions
def test_messages_that_nobody_else_holds_are_hashed_as_well():
    made = (bytes((number,)) * 100 for number in range(100))
    assert sha256_each(0, made) == hashes_by_hashlib(0, [bytes((n,)) * 100 for n in range(100)])


@needs_instructions
def test_only_bytes_are_hashed():
    with pytest.raises(TypeError):
        sha256_each(0, ["text"])


@needs_instructions
def test_a_record_of_megabytes_is_hashed_as_well():
    messages = [bytes(range(256)) * (1 << 14), b"", b"short"]
    assert sha256_each(0, messages) == hashes_by_hashlib(0, messages)
