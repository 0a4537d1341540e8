"""
Every byte of a small log's file flipped: found, refused, or a byte that says nothing of a record.

Bytes of frames and ids, and of the framing that the server loads by, are found or refused, each
one. What may pass is outside of both: line ends, which the server steps over, the case of a
command's name, and the text of the append function, which every take-over loads anew.
"""

import re

from exchange.log import (
    ChainVerifier,
    LogError,
    Witness,
    compare,
    read_frames,
    read_only_log,
    take_over,
)
from tests.log.conftest import NAME, barrier, records

from .lives import lead, read_log, started

_COMMAND = re.compile(rb"\*(\d+)\r\n")
_WORD = re.compile(rb"\$(\d+)\r\n")


def says_nothing(aof: bytes) -> tuple[set[int], set[int]]:
    """
    Offsets of line ends and of commands that are not XADD: SELECT, and the function; and of XADD's
    name.
    """
    found: set[int] = set()
    names: set[int] = set()
    place = 0
    while place < len(aof):
        start, words = place, []
        count = _COMMAND.match(aof, place)
        ends = [count.end() - 2]
        place = count.end()
        for _ in range(int(count[1])):
            word = _WORD.match(aof, place)
            place = word.end() + int(word[1]) + 2
            words.append(aof[word.end() : place - 2])
            ends += [word.end() - 2, place - 2]
        found |= {each + n for each in ends for n in (0, 1)}
        if words[0] != b"XADD":
            found |= set(range(start, place))
        else:
            at = aof.index(b"XADD", start)
            names |= set(range(at, at + 4))
    return found, names


async def a_log(data_dir):
    """Two epochs, two frames; stopped, with its witness."""
    told: list[bytes] = []
    async with started(data_dir) as server:
        writer = await lead(server, told)
        await writer.append(records(2))
        await writer.close()
    async with started(data_dir) as server:
        writer = await take_over(server.address, NAME, read_log(server)[1], barrier())
        await writer.append(records(1, 2))
        await writer.close()
    head = writer.head
    path = max((data_dir / "server" / "appendonlydir").glob("*.incr.aof"))
    return path, Witness(NAME.venue_id, NAME.shard, head.epoch, head.seq, head.header_hash.hex())


def read_with(witness, data_dir):
    """All records, verified and compared."""
    verifier = ChainVerifier(NAME, remember=witness.position)
    with read_only_log(data_dir) as client:
        found = [each for frame in read_frames(client, verifier) for each in frame.records]
    compare(witness, verifier)
    return found


async def test_every_flipped_byte_of_frames_ids_and_framing_is_found_or_refused(
    data_dir, rng, often, done
):
    path, witness = await a_log(data_dir)
    whole = path.read_bytes()
    silent, names = says_nothing(whole)
    step = often(61, 1)
    for offset in range(rng.randrange(step), len(whole), step):
        flipped = bytearray(whole)
        flipped[offset] ^= 1 << rng.randrange(8)
        is_case = flipped[offset : offset + 1].upper() == whole[offset : offset + 1]
        path.write_bytes(flipped)
        try:
            assert read_with(witness, data_dir) == records(3), f"offset {offset} changed a record"
            is_found = False
        except LogError:
            is_found = True
        is_silent = offset in silent or (is_case and offset in names)
        assert is_found or is_silent, f"offset {offset}: {whole[offset - 20 : offset + 20]}"
        done["bytes flipped and found" if is_found else "bytes flipped that say nothing"] += 1
    assert done["bytes flipped and found"] > len(silent) / step / 10
