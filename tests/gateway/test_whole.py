"""Answers that are written whole are what aiohttp would have made of them, for whoever may ask."""

import asyncio

from exchange.domain.commands import RevokeKey
from tests.gateway.conftest import BANK, OPERATOR, OTHER, TRADER, bearer, token
from tests.gateway.test_collateral import MARKS, pledged, raw, tomorrow

__all__ = ["pledged"]
MARK = f"{MARKS}/1"


async def exchanged(house, *requests: bytes) -> bytes:
    """What a socket says to requests that are sent at once, the last of which closes it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.client.port)
    writer.write(b"".join(requests))
    said = await asyncio.wait_for(reader.read(), timeout=5)
    writer.close()
    await writer.wait_closed()
    return said


def request(path: str, version: str = "1.1", method: str = "GET", **headers: str) -> bytes:
    """As it goes over the wire."""
    sent = {"Host": "127.0.0.1", "Authorization": f"Bearer {token(BANK)}"} | headers
    lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    return f"{method} {path} HTTP/{version}\r\n{lines}\r\n".encode()


def head_and_body(answer: bytes) -> tuple[list[bytes], bytes]:
    """The lines of a head without what a second and a closing connection change."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    return [line for line in lines if not line.startswith((b"Date:", b"Connection:"))], body


async def test_head_and_body_are_those_of_an_ordinary_response(pledged):
    last = request(MARK, Connection="close")
    said = await exchanged(pledged, request(MARK), request(MARK), last)
    ordinary_head, ordinary_body = head_and_body(await exchanged(pledged, last))
    first, second, third = (b"HTTP/1.1 200" + each for each in said.split(b"HTTP/1.1 200")[1:])
    assert b"Connection: close" in third
    assert b"Connection:" not in first + second
    for answer in (first, second, third):
        assert head_and_body(answer) == (ordinary_head, ordinary_body)
        assert answer.count(b"\r\nDate: ") == answer.count(b"\r\nServer: ") == 1


async def test_only_a_plain_request_has_the_whole_answer(pledged):
    whole = (await exchanged(pledged, request(MARK, Connection="close"))).partition(b"\r\n\r\n")[2]
    await exchanged(pledged, request(MARK), request(MARK, Connection="close"))
    head, _, body = (await exchanged(pledged, request(MARK, "1.0"))).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 200 OK")
    assert body == whole
    asked = request(MARK, method="HEAD", Connection="close")
    head, _, body = (await exchanged(pledged, asked)).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(whole)}".encode() in head
    assert body == b""
    asked = request(MARK, Connection="close", **{"If-None-Match": '"another"'})
    assert (await exchanged(pledged, asked)).endswith(whole)


async def test_what_is_kept_whole_is_for_those_only_who_may_see_it(pledged):
    for _ in range(2):
        assert (await pledged.get(MARK, BANK))[0] == (await pledged.get(MARK, TRADER))[0] == 200
        assert (await pledged.get(MARK, OTHER))[0] == 404
        assert (await pledged.get(MARK))[0] == 401
        assert (await pledged.get(MARK, BANK, Host="elsewhere.example"))[0] == 403
        assert (await pledged.get(MARK, BANK, Origin="https://elsewhere.example"))[0] == 403
    await pledged.sequencer.execute(RevokeKey(key_id=OPERATOR, revoked_key_id=BANK))
    assert (await pledged.get(MARK, BANK))[0] == 401
    assert (await pledged.get(MARK, TRADER))[0] == 200


async def test_a_new_mark_is_another_answer_and_the_old_one_stays(pledged):
    seq = len(pledged.records)
    old = await raw(pledged, MARK)
    await tomorrow(pledged)
    assert await raw(pledged, MARK) != old
    assert await raw(pledged, f"{MARK}?as_of_seq={seq}") == old


async def test_a_slow_reader_holds_up_nobody_and_gets_every_byte(pledged):
    async with pledged.client.get(MARK, headers=bearer(BANK)) as response:
        size = len(await response.read())
    count = 2_000
    said = await exchanged(pledged, *[request(MARK)] * count, request(MARK, Connection="close"))
    assert said.count(b"HTTP/1.1 200 OK") == count + 1
    assert len(said) > size * (count + 1)
