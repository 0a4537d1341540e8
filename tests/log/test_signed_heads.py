"""The key that signs heads, and the file of what was signed."""

import os

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from exchange.log import Head, HeadSigner, LogName, SignedHeads, errors, is_signed
from exchange.log.signing import make_head_key, read_signer

from .conftest import NAME


@pytest.fixture
def key_path(tmp_path):
    return tmp_path / "head_key.pem"


@pytest.fixture
def signer(key_path):
    return read_signer(key_path, NAME, make_head_key(key_path))


def head(seq: int, epoch: int = 1) -> Head:
    """A head at a seq."""
    return Head(epoch, seq, bytes([seq % 256]) * 32, seq, at_ns=seq)


def written(tmp_path, signer: HeadSigner, *seqs: int) -> SignedHeads:
    """A file of heads that were signed at these seqs."""
    heads = SignedHeads(tmp_path / "heads.ndjson", NAME)
    for seq in seqs:
        heads.append(signer.sign(head(seq), lambda: 0))
    return heads


# -- the key


def test_a_key_is_made_once_for_its_owner_alone(key_path):
    public_key = make_head_key(key_path)
    assert key_path.stat().st_mode & 0o777 == 0o600
    assert make_head_key(key_path) == public_key
    assert public_key not in key_path.read_bytes()


def test_a_key_that_others_may_read_is_not_used(key_path):
    public_key = make_head_key(key_path)
    for mode in (0o640, 0o604, 0o620):
        key_path.chmod(mode)
        with pytest.raises(errors.HeadKeyUnusable, match=f"mode {mode:o}"):
            read_signer(key_path, NAME, public_key)
    key_path.chmod(0o400)
    assert read_signer(key_path, NAME, public_key).public_key == public_key


def test_only_the_key_of_the_genesis_signs(key_path, tmp_path):
    other = make_head_key(tmp_path / "other.pem")
    with pytest.raises(errors.HeadKeyUnusable, match="there is no"):
        read_signer(key_path, NAME, other)
    make_head_key(key_path)
    with pytest.raises(errors.HeadKeyUnusable, match=other.hex()):
        read_signer(key_path, NAME, other)


def test_what_is_no_ed25519_key_is_refused(key_path):
    curve_key = generate_private_key(SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    for content in (b"", b"no key", curve_key):
        key_path.write_bytes(content)
        key_path.chmod(0o600)
        with pytest.raises(errors.HeadKeyUnusable, match="holds no"):
            read_signer(key_path, NAME, bytes(32))


def test_a_head_is_never_signed_before_its_frame_was_written(signer):
    assert signer.sign(head(9), lambda: 5).at_ns == 9
    assert signer.sign(head(9), lambda: 15).at_ns == 15


# -- the file


def test_signed_heads_are_there_after_a_restart(tmp_path, signer):
    heads = written(tmp_path, signer, 3, 7, 20)
    again = SignedHeads(heads.path, NAME)
    assert again.heads == heads.heads
    assert all(is_signed(each, signer.public_key) for each in again.heads)
    assert heads.path.stat().st_mode & 0o777 == 0o600


def test_the_first_head_over_a_record_is_at_or_after_it(tmp_path, signer):
    heads = written(tmp_path, signer, 3, 7, 20)
    over = {seq: heads.first_over(seq) for seq in (1, 3, 4, 20, 21)}
    assert {seq: each.seq if each else None for seq, each in over.items()} == {
        1: 3,
        3: 3,
        4: 7,
        20: 20,
        21: None,
    }
    assert [each.seq for each in heads.page(4, 5)] == [7, 20]
    assert [each.seq for each in heads.page(1, 2)] == [3, 7]


def test_a_line_torn_at_any_byte_is_cut_off_and_said(tmp_path, signer):
    heads = written(tmp_path, signer, 3, 7)
    whole = heads.path.read_bytes()
    first_length = whole.index(b"\n") + 1
    for length in range(first_length + 1, len(whole)):
        heads.path.write_bytes(whole[:length])
        torn = SignedHeads(heads.path, NAME)
        assert [each.seq for each in torn.heads] == [3]
        assert torn.repair() == length - first_length
        assert torn.repair() == 0
        torn.append(signer.sign(head(8), lambda: 0))
        assert [each.seq for each in SignedHeads(heads.path, NAME).heads] == [3, 8]


def test_a_reader_neither_repairs_nor_shows_a_torn_line(tmp_path, signer):
    heads = written(tmp_path, signer, 3, 7)
    torn = heads.path.read_bytes()[:-1]
    heads.path.write_bytes(torn)
    assert SignedHeads(heads.path, NAME).last.seq == 3
    assert heads.path.read_bytes() == torn


def test_damage_is_named_by_its_line(tmp_path, signer):
    path = written(tmp_path, signer, 3, 7).path
    lines = path.read_bytes().splitlines(keepends=True)
    for content, what in (
        (lines[0] + b"{}\n", "line 2"),
        (b"\n" + lines[0], "line 1"),
        (lines[1] + lines[0], "does not follow"),
        (lines[0] + lines[0], "does not follow"),
        (lines[0].replace(b'"epoch":1', b'"epoch":"1"'), "line 1"),
    ):
        path.write_bytes(content)
        with pytest.raises(errors.SignedHeadsDamaged, match=what):
            SignedHeads(path, NAME)


def test_another_logs_heads_are_refused(tmp_path, signer):
    path = written(tmp_path, signer, 3).path
    with pytest.raises(errors.SignedHeadsDamaged, match="test-venue/main"):
        SignedHeads(path, LogName("other"))


def test_a_head_that_did_not_reach_the_disk_is_not_shown(tmp_path, signer):
    heads = written(tmp_path, signer, 3)
    heads.path.unlink()
    os.mkdir(heads.path)
    with pytest.raises(IsADirectoryError):
        heads.append(signer.sign(head(7), lambda: 0))
    assert [each.seq for each in heads.heads] == [3]


def test_heads_of_what_was_lost_are_put_aside_and_kept(tmp_path, signer):
    heads = written(tmp_path, signer, 3, 7, 20)
    whole = heads.path.read_bytes()
    assert heads.put_aside(head(20)) == ""
    kept = heads.put_aside(head(9))
    assert kept == str(heads.path) + ".lost-1-20"
    assert (tmp_path / "heads.ndjson.lost-1-20").read_bytes() == whole
    assert [each.seq for each in SignedHeads(heads.path, NAME).heads] == [3, 7]
    heads.append(signer.sign(head(9, epoch=2), lambda: 0))
    assert [each.seq for each in SignedHeads(heads.path, NAME).heads] == [3, 7, 9]
    assert SignedHeads(tmp_path / "absent", NAME).put_aside(head(0)) == ""
