"""Proofs: each record of a log has one, nothing else passes for one, and none tells of others."""

import inspect
import random
import shutil
import subprocess
import sys

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from clients import check_proof
from exchange.log import (
    Archive,
    ChainVerifier,
    EmbeddedServer,
    HeadSigner,
    confirmed,
    errors,
    is_signed,
    prove,
    read_frames,
    read_stretch,
    take_over,
)
from exchange.log.access import KEEPER

from .conftest import NAME, barrier, first_appender, record, records

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNER = HeadSigner(NAME, KEY)
AT_NS = 1_900_000_000 * 10**9
SIZES = (1, 3, 16, 17, 300)
"""Records of the frames: one leaf, less than a group, one group, two levels, three levels."""


def signed(head):
    """The head, signed at a moment that is always the same."""
    return SIGNER.sign(head, lambda: AT_NS)


def text_of(proof) -> str:
    """The file of a proof."""
    return msgspec.json.encode(proof).decode()


async def write(server):
    """Two epochs of frames of all sizes; the log's end."""
    appender = await first_appender(server)
    start = 0
    for size in SIZES:
        await appender.append(records(size, start))
        start += size
    await appender.close()
    appender = await take_over(server.address, NAME, appender.head, barrier())
    head = await appender.append([record(start)])
    await appender.close()
    return head


@pytest.fixture
async def log(data_dir):
    """(server, client, head) of a log on a real server."""
    server = EmbeddedServer.start(data_dir)
    try:
        head = await write(server)
        with server.address.client() as client:
            yield server, client, head
    finally:
        server.stop()


def proof_of(client, seq, head, archive=None):
    """The proof of a record under the head."""
    return prove(read_stretch(client, NAME, seq, head.position, archive), seq, head)


async def test_every_record_of_a_log_has_a_proof(log):
    _, client, head = log
    end = signed(head)
    for seq in range(1, head.seq + 1):
        said = check_proof.check(text_of(proof_of(client, seq, end)), SIGNER.public_key)
        assert said.startswith(f"record {seq}, place_order, ")
        assert f"seq {head.seq} was signed at 2030-03-17 17:46:40+00:00" in said


async def test_a_head_in_the_middle_proves_what_is_before_it_and_nothing_after(log):
    _, client, _ = log
    heads = [f.head for f in read_frames(client, ChainVerifier(NAME)) if f.records]
    middle = signed(heads[2])
    proof = proof_of(client, 2, middle)
    assert len(proof.headers) == 2
    check_proof.check(text_of(proof), SIGNER.public_key)
    with pytest.raises(errors.ProofImpossible):
        proof_of(client, middle.seq + 1, middle)
    with pytest.raises(errors.ProofImpossible, match="no record 1000"):
        proof_of(client, 1_000, signed(heads[-1]))


async def test_a_proof_with_any_bit_changed_is_none(log):
    _, client, head = log
    text = text_of(proof_of(client, 5, signed(head)))
    check_proof.check(text, SIGNER.public_key)
    passed = []
    for place in range(len(text)):
        for bit in range(8):
            flipped = text[:place] + chr(ord(text[place]) ^ 1 << bit) + text[place + 1 :]
            try:
                check_proof.check(flipped, SIGNER.public_key)
            except check_proof.FAILURES:
                continue
            passed.append((place, bit))
    assert passed == []


async def test_a_proof_is_for_one_record_at_one_place_under_one_key(log):
    _, client, head = log
    proof = proof_of(client, 6, signed(head))
    others = proof_of(client, 7, signed(head))
    false = {
        "of another place": msgspec.structs.replace(proof, seq=7),
        "of another record": msgspec.structs.replace(proof, record=others.record),
        "with a header left out": msgspec.structs.replace(
            proof, headers=[*proof.headers[:1], *proof.headers[2:]]
        ),
        "with headers in another order": msgspec.structs.replace(
            proof, headers=proof.headers[::-1]
        ),
        "with a level left out": msgspec.structs.replace(proof, siblings=[]),
        "without headers": msgspec.structs.replace(proof, headers=[]),
        # The first sibling's hash moved into the second's: the same bytes would be hashed.
        "with hashes of other lengths": msgspec.structs.replace(
            proof,
            seq=proof.seq + 1,
            siblings=[["", proof.siblings[0][0] + proof.siblings[0][1], *proof.siblings[0][2:]]],
        ),
    }
    for what, wrong in false.items():
        with pytest.raises(check_proof.FAILURES):
            pytest.fail(f"{what}: {check_proof.check(text_of(wrong), SIGNER.public_key)}")
    last_seq = sum(SIZES[:4])
    of_last = proof_of(client, last_seq, signed(head))
    check_proof.check(text_of(of_last), SIGNER.public_key)
    for seq in range(last_seq + 1, last_seq + 40):
        behind = msgspec.structs.replace(of_last, seq=seq)
        with pytest.raises(ValueError, match="another record"):
            pytest.fail(
                f"behind its frame: {check_proof.check(text_of(behind), SIGNER.public_key)}"
            )
    stranger = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    with pytest.raises(ValueError, match="under this key"):
        check_proof.check(text_of(proof), stranger)
    # Another's signature over the very same head.
    theirs = HeadSigner(NAME, Ed25519PrivateKey.generate())
    with pytest.raises(ValueError, match="under this key"):
        check_proof.check(
            text_of(proof_of(client, 6, theirs.sign(head, lambda: AT_NS))), SIGNER.public_key
        )


async def test_a_proof_holds_no_record_but_its_own(log):
    _, client, head = log
    text = text_of(proof_of(client, 6, signed(head)))
    for number in range(head.seq):
        assert (record(number).hex() in text) == (number == 5)


async def test_the_checker_is_a_hundred_lines_and_needs_nothing_else(log, tmp_path):
    _, client, head = log
    alone = tmp_path / "elsewhere"
    alone.mkdir()
    shutil.copy(check_proof.__file__, alone)
    (alone / "proof.json").write_text(text_of(proof_of(client, 6, signed(head))))
    assert len(inspect.getsource(check_proof).splitlines()) <= 100

    def run(*words):
        command = [sys.executable, "-I", "-S", "check_proof.py", *words]
        return subprocess.run(command, cwd=alone, capture_output=True, text=True, check=False)

    proved = run("proof.json", "--public-key", SIGNER.public_key.hex())
    assert (proved.returncode, proved.stderr) == (0, "")
    assert proved.stdout.startswith("proved: record 6, place_order, ")
    refused = run("proof.json", "--public-key", bytes(32).hex())
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("not proved: ")
    assert run("absent.json", "--public-key", SIGNER.public_key.hex()).returncode == 1
    assert run("proof.json").returncode == 2


async def test_what_was_trimmed_is_proved_from_the_archive(log, tmp_path):
    server, client, head = log
    archive = Archive(NAME, [tmp_path / "a", tmp_path / "b"], pytest.fail)
    with archive.writing():
        archive.extend(confirmed(read_frames(client, ChainVerifier(NAME))), 1 << 10)
    end = signed(head)
    before = [proof_of(client, seq, end) for seq in (1, 5, 20, 337)]
    with server.address_of(KEEPER).client() as keeper:
        keeper.execute_command("XTRIM", NAME.key, "MINID", "=", "1-337")
    assert [proof_of(client, seq, end, archive) for seq in (1, 5, 20, 337)] == before
    with pytest.raises(errors.ArchiveMissing):
        proof_of(client, 5, end)
    assert proof_of(client, 337, end) == before[3]


def test_the_checkers_signatures_are_those_of_the_library():
    chance = random.Random(7)
    order = check_proof.L
    for _ in range(20):
        key = Ed25519PrivateKey.from_private_bytes(chance.randbytes(32))
        public = key.public_key().public_bytes_raw()
        row = [chance.randbytes(length) for length in (0, 3, 40)]
        message = b"".join(len(field).to_bytes(4, "big") + field for field in row)
        signature = key.sign(message)
        assert check_proof._is_signed(public, row, signature)
        place = chance.randrange(512)
        flipped = bytearray(signature)
        flipped[place // 8] ^= 1 << place % 8
        assert not check_proof._is_signed(public, row, bytes(flipped))
        assert not check_proof._is_signed(public, [*row[:2], b"other"], signature)
        # The same signature in a second form, which RFC 8032 refuses.
        malleated = int.from_bytes(signature[32:], "little") + order
        again = signature[:32] + malleated.to_bytes(32, "little")
        assert not check_proof._is_signed(public, row, again)


def test_a_signature_is_over_every_field_of_the_head():
    head = signed(NAME.genesis)
    assert is_signed(head, SIGNER.public_key)
    for field, value in (
        ("venue_id", "test-venuf"),
        ("shard", "other"),
        ("epoch", 1),
        ("seq", 1),
        ("header_hash", bytes(32).hex()),
        ("at_ns", AT_NS + 1),
        ("signature", bytes(64).hex()),
    ):
        changed = msgspec.structs.replace(head, **{field: value})
        assert not is_signed(changed, SIGNER.public_key), field
