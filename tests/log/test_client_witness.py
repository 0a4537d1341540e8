"""What clients are given to keep: only the venue that sealed it can have made it."""

import base64

import pytest

from exchange.log import Head, LogName
from exchange.log.client_witness import WitnessSeal
from exchange.log.signing import HEAD_KEY_FILE, make_head_key, read_signer

NAME = LogName("venue")
HEAD = Head(epoch=3, seq=150, header_hash=bytes(range(32)), at_ns=9, committed_seq=150)


def seal_of(directory, name=NAME):
    """A seal with the key in a directory, made where there is none."""
    path = directory / HEAD_KEY_FILE
    return WitnessSeal(name, read_signer(path, name, make_head_key(path)))


def test_a_token_says_to_every_node_with_the_key_what_it_was_made_of(tmp_path):
    """A standby has a copy of the key, so it can read what the leader gave out."""
    token = seal_of(tmp_path).token(HEAD)
    witness = seal_of(tmp_path).open(token)
    assert witness is not None
    assert (witness.position, witness.header_hash) == (HEAD.position, HEAD.header_hash.hex())
    assert len(token) == 80


def test_a_token_with_any_bit_changed_is_nobodys(tmp_path):
    seal = seal_of(tmp_path)
    data = base64.urlsafe_b64decode(seal.token(HEAD))
    for bit in range(8 * len(data)):
        forged = bytearray(data)
        forged[bit // 8] ^= 1 << bit % 8
        assert seal.open(base64.urlsafe_b64encode(forged).decode()) is None


@pytest.mark.parametrize("token", ["x", "====", "ä", "A" * 80, "A" * 79, "", "A" * 4])
def test_what_was_never_a_token_is_nobodys(tmp_path, token):
    assert seal_of(tmp_path).open(token) is None


def test_a_token_of_another_venue_shard_or_key_is_nobodys(tmp_path):
    (tmp_path / "other").mkdir()
    token = seal_of(tmp_path).token(HEAD)
    assert seal_of(tmp_path, LogName("venua")).open(token) is None
    assert seal_of(tmp_path, LogName("venue", "two")).open(token) is None
    assert seal_of(tmp_path / "other").open(token) is None
