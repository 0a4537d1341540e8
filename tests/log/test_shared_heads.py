"""Signed heads on the server get from the leader's file to a standby's, and nothing else does."""

import msgspec
import pytest

from exchange.log import Head, SignedHeads
from exchange.log.shared_heads import SharedHeads
from exchange.log.signing import make_head_key, read_signer

from .conftest import NAME, as_operator, first_appender, records

EVERYTHING = Head(9, 10**9, b"", 0)


@pytest.fixture
def signer(tmp_path):
    path = tmp_path / "head_key.pem"
    return read_signer(path, NAME, make_head_key(path))


@pytest.fixture
async def house(server, tmp_path, signer):
    """A log of four frames, each with its head signed in the leader's file."""
    writer = await first_appender(server)
    leaders = SignedHeads(tmp_path / "leader", NAME)
    for _ in range(4):
        leaders.append(signer.sign(await writer.append(records(5)), lambda: 0))
    await writer.close()
    return House(server, tmp_path, leaders, signer)


class House:
    """A leader's file, a standby's, and the stream between them."""

    def __init__(self, server, tmp_path, leaders, signer):
        self.address = server.address
        self.leaders = leaders
        self.own = SignedHeads(tmp_path / "standby", NAME)
        self.public_key = signer.public_key
        self.shared = SharedHeads(server.address, NAME)
        self._follower = SharedHeads(server.address, NAME)

    def copy(self, end=EVERYTHING, public_key=None):
        """One look of the standby's; how many heads it took."""
        return self._follower.copy_to(self.own, public_key or self.public_key, end)

    def put(self, content):
        """Something that the leader did not write."""
        with as_operator(self.address).client() as client:
            client.xadd("ev:{main}:heads", {"h": content})


async def test_a_standby_copies_what_the_leader_signed_once_and_in_order(house):
    house.shared.publish(house.leaders.heads[:2])
    assert house.copy() == 2
    house.shared.publish(house.leaders.heads)
    house.shared.publish(house.leaders.heads)
    assert house.copy() == 2
    assert house.copy() == 0
    assert house.own.heads == house.leaders.heads
    assert SignedHeads(house.own.path, NAME).heads == house.leaders.heads


async def test_a_head_beyond_what_the_standby_has_read_waits(house):
    house.shared.publish(house.leaders.heads)
    assert house.copy(Head(1, 10, b"", 10)) == 2
    assert house.own.last.seq == 10
    assert house.copy() == 2


async def test_what_the_venue_did_not_sign_is_not_taken(house):
    house.put(b"{}")
    house.put(b"\xff")
    forged = house.leaders.heads[0]
    house.put(encoded(forged, seq=9))
    house.put(encoded(forged, signature="no"))
    assert house.copy() == 0
    assert house.copy(public_key=b"x" * 32) == 0


async def test_signatures_over_a_history_that_the_log_has_not_are_not_taken(house, signer):
    other = signer.sign(Head(1, 20, bytes(32), 20), lambda: 0)
    house.put(encoded(other))
    assert house.copy() == 0
    assert not house.own.heads


async def test_a_stream_that_says_other_than_the_leaders_file_begins_anew(house, signer):
    """After a loss that was accepted, what was signed of it is nobody's head any more."""
    house.shared.publish(house.leaders.heads)
    house.put(encoded(signer.sign(Head(1, 99, bytes(32), 99), lambda: 0)))
    house.shared.publish(house.leaders.heads[:3])
    with house.address.client() as client:
        assert client.xlen("ev:{main}:heads") == 3
    assert house.copy() == 3
    house.shared.publish([])
    with house.address.client() as client:
        assert client.xlen("ev:{main}:heads") == 0


async def test_a_venue_without_a_key_has_nothing_to_copy(house):
    house.shared.publish(house.leaders.heads)
    assert house.shared.copy_to(house.own, b"", EVERYTHING) == 0


def encoded(head, **changes):
    """A head as the stream holds it, with some fields changed."""
    return msgspec.json.encode(msgspec.structs.replace(head, **changes))
